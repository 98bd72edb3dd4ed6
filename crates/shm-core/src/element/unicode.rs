//! Text of a fixed number of code points.

use std::fmt;

use super::Element;
use crate::dtype::DType;
use crate::dtype::scalar::ScalarKind;

/// Text of at most `N` code points, of four bytes each (NumPy's `U`).
///
/// Zeros fill what the text leaves. Another process may write any bits: what is no code point shows as
/// the replacement character.
///
/// ```
/// use shm_core::{Element, Unicode};
///
/// let town: Unicode<8> = "Zürich".parse().unwrap();
/// assert_eq!(town.to_string(), "Zürich");
/// assert_eq!(Unicode::<8>::dtype().to_string().trim_start_matches(['<', '>']), "U8");
/// assert!("Zürich".parse::<Unicode<5>>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Unicode<const N: usize>([u32; N]);

/// A text has more code points than the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has {has} code points, the element has {max}")]
#[non_exhaustive]
pub struct TooLong {
    /// Code points of the text.
    pub has: usize,
    /// Code points of the element.
    pub max: usize,
}

impl<const N: usize> Unicode<N> {
    /// From its code points, which nobody checks.
    pub const fn from_code_points(code_points: [u32; N]) -> Self {
        Self(code_points)
    }

    /// Its code points, with the zeros at the end.
    pub const fn code_points(self) -> [u32; N] {
        self.0
    }

    /// Its characters, without the zeros at the end.
    pub fn chars(&self) -> impl DoubleEndedIterator<Item = char> + '_ {
        let len = self.0.iter().rposition(|code| *code != 0).map_or(0, |last| last + 1);
        let code_points = self.0[..len].iter();
        code_points.map(|code| char::from_u32(*code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl<const N: usize> std::str::FromStr for Unicode<N> {
    type Err = TooLong;

    fn from_str(text: &str) -> Result<Self, TooLong> {
        let has = text.chars().count();
        if has > N {
            return Err(TooLong { has, max: N });
        }
        let mut code_points = [0; N];
        for (to, from) in code_points.iter_mut().zip(text.chars()) {
            *to = from.into();
        }
        Ok(Self(code_points))
    }
}

impl<const N: usize> Default for Unicode<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Display for Unicode<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.chars().collect::<String>())
    }
}

impl<const N: usize> fmt::Debug for Unicode<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.chars().collect::<String>(), f)
    }
}

// SAFETY: transparent over words of 32 bits: all bits are valid, no padding; a length of zero does
// not compile.
unsafe impl<const N: usize> Element for Unicode<N> {
    fn dtype() -> DType {
        const {
            assert!(N > 0 && N <= i32::MAX as usize / 4, "an element has 1 byte to 2 GiB");
        }
        #[allow(clippy::cast_possible_truncation)] // checked right above
        DType::native(ScalarKind::Unicode(N as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bits_are_a_text() {
        let text = Unicode::from_code_points([0x41, 0, 0xd800, u32::MAX, 0x1_f600, 0]);
        assert_eq!(text.to_string(), "A\0\u{fffd}\u{fffd}\u{1f600}");
        assert_eq!(format!("{text:?}"), "\"A\\0\u{fffd}\u{fffd}\u{1f600}\"");
        assert_eq!(format!("{:>3}|", "é".parse::<Unicode<2>>().unwrap()), "  é|");
        assert_eq!(Unicode::<2>::default().to_string(), "");
    }

    #[test]
    fn a_text_fits_or_is_refused() {
        let error = "four".parse::<Unicode<3>>().unwrap_err();
        assert_eq!(error, TooLong { has: 4, max: 3 });
        assert_eq!(error.to_string(), "the text has 4 code points, the element has 3");
        let text: Unicode<4> = "äöü".parse().unwrap();
        assert_eq!(text.code_points(), [0xe4, 0xf6, 0xfc, 0]);
    }
}

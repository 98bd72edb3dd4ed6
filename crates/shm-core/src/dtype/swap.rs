//! From the other byte order to this machine's.

use std::ops::Range;

use super::scalar::{Scalar, ScalarKind};
use super::{DType, Field};

impl DType {
    /// The same type in this machine's byte order.
    #[must_use]
    pub fn to_native(&self) -> Self {
        match self {
            Self::Scalar(scalar) => Self::native(scalar.kind()),
            Self::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Field { dtype: field.dtype.to_native(), ..field.clone() })
                    .collect(),
            ),
        }
    }
}

/// Which bytes of an array change places to give it this machine's byte order.
///
/// Each number changes by itself: the parts of a complex one, the code points of a text, the fields
/// of a structure. Bytes without order (`S`, `V`, `b1`) stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSwap {
    /// Bytes after which the same begins anew.
    len: usize,
    parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Parts {
    /// One number, which is reversed as a whole.
    Number,
    /// What changes within some of the bytes; all others stay.
    Some(Vec<(Range<usize>, ByteSwap)>),
}

impl ByteSwap {
    /// What there is to do for elements of this type; `None` if they have this machine's order.
    pub fn new(dtype: &DType) -> Option<Self> {
        (!dtype.is_native()).then(|| Self::of(dtype))
    }

    fn of(dtype: &DType) -> Self {
        match dtype {
            DType::Scalar(scalar) => Self { len: number_len(*scalar), parts: Parts::Number },
            DType::Struct(fields) => {
                let (mut parts, mut start) = (Vec::new(), 0);
                for field in fields {
                    let end = start + field.itemsize();
                    if start < end && !field.dtype.is_native() {
                        parts.push((start..end, Self::of(&field.dtype)));
                    }
                    start = end;
                }
                Self { len: start, parts: Parts::Some(parts) }
            }
        }
    }

    /// The largest position in the array, in bytes, that is at most `at` and does not lie within a
    /// number. It is less than 8 bytes from `at`.
    pub fn boundary(&self, at: usize) -> usize {
        let within = at % self.len;
        let Parts::Some(parts) = &self.parts else { return at - within };
        let cut = parts.iter().find(|(range, _)| range.start < within && within < range.end);
        cut.map_or(at, |(range, part)| {
            at - within + range.start + part.boundary(within - range.start)
        })
    }

    /// Changes some bytes of an array: those from position `at` on. They begin and end at a
    /// [`boundary`](Self::boundary).
    pub fn apply(&self, at: usize, bytes: &mut [u8]) {
        let Parts::Some(parts) = &self.parts else { return reverse_each(self.len, bytes) };
        let (mut rest, mut at) = (bytes, at % self.len);
        while !rest.is_empty() {
            let (element, behind) = rest.split_at_mut(rest.len().min(self.len - at));
            let end = at + element.len();
            for (range, part) in parts {
                let (from, to) = (range.start.max(at), range.end.min(end));
                if from < to {
                    part.apply(from - range.start, &mut element[from - at..to - at]);
                }
            }
            (rest, at) = (behind, 0);
        }
    }
}

/// Bytes of the numbers that a scalar consists of.
fn number_len(scalar: Scalar) -> usize {
    match scalar.kind() {
        ScalarKind::Complex(len) => usize::from(len) / 2,
        ScalarKind::Unicode(_) => 4,
        _ => scalar.itemsize(),
    }
}

/// Reverses each of so many bytes, with the length known to the compiler.
fn reverse_each(len: usize, bytes: &mut [u8]) {
    fn each<const LEN: usize>(bytes: &mut [u8]) {
        bytes.chunks_exact_mut(LEN).for_each(<[u8]>::reverse);
    }
    match len {
        2 => each::<2>(bytes),
        4 => each::<4>(bytes),
        8 => each::<8>(bytes),
        _ => {} // no number has another length, or it has no order
    }
}

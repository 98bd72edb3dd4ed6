//! A part of an array, written as NumPy writes it: `2:8,::-1,0`, `...`, `None`.
//!
//! It means what it means to NumPy: ranges end where the axis does, an axis that is not named is
//! taken whole. What it selects is worked out by `slice_window`.

use anyhow::{Context, Result, bail};
use shm_ndarray::slice_window;
use shmarray::memory::Window;
use shmarray::ndarray::SliceInfoElem;

use crate::shape::python_shape;

/// One part of a slice, between its commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Index(isize),
    Range {
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
    },
    NewAxis,
    /// `...`: as many whole axes as are left.
    Rest,
}

/// The part of a window that a slice selects.
pub(super) fn select(window: &Window, text: &str) -> Result<Window> {
    let apply = || {
        let parts = parse(text)?;
        let info = complete(&parts, &window.shape)?;
        Ok::<_, anyhow::Error>(slice_window(window, &info)?)
    };
    apply().with_context(|| format!("slice {text:?} of shape {}", python_shape(&window.shape)))
}

fn parse(text: &str) -> Result<Vec<Part>> {
    let text = text.trim();
    let within = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let inner = within('[', ']').or_else(|| within('(', ')')).unwrap_or(text).trim();
    // As in Python, a comma may follow the last part.
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.is_empty() {
        bail!("it is empty; write `...` for the whole array");
    }
    inner.split(',').map(|part| self::part(part.trim())).collect()
}

fn part(text: &str) -> Result<Part> {
    match text {
        "..." | "…" => return Ok(Part::Rest),
        "None" | "newaxis" | "np.newaxis" => return Ok(Part::NewAxis),
        "" => bail!("nothing between two commas; write `:` for a whole axis"),
        _ => {}
    }
    let mut numbers = text.split(':').map(str::trim);
    let mut next = || match numbers.next() {
        None | Some("") => Ok(None),
        Some(number) => integer(number).map(Some),
    };
    if !text.contains(':') {
        return Ok(Part::Index(integer(text)?));
    }
    let (start, stop, step) = (next()?, next()?, next()?.unwrap_or(1));
    if numbers.next().is_some() {
        bail!("{text:?} has more than start:stop:step");
    }
    if step == 0 {
        bail!("{text:?} has step 0");
    }
    Ok(Part::Range { start, stop, step })
}

fn integer(text: &str) -> Result<isize> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("{text:?} is not an index, start:stop:step, `...` or `None`");
    }
    text.parse().with_context(|| format!("{text} is not within {} to {}", isize::MIN, isize::MAX))
}

/// The slice as ndarray takes it: every axis named, every range within its axis.
fn complete(parts: &[Part], shape: &[usize]) -> Result<Vec<SliceInfoElem>> {
    let named = parts.iter().filter(|part| matches!(part, Part::Index(_) | Part::Range { .. }));
    let named = named.count();
    if named > shape.len() {
        bail!("it has {named} indices, the array {} dimensions", shape.len());
    }
    if parts.iter().filter(|part| **part == Part::Rest).count() > 1 {
        bail!("it has `...` more than once");
    }
    let whole = |len: &usize| range(None, None, 1, *len);
    let mut axes = shape.iter();
    let mut info = Vec::new();
    for part in parts {
        match *part {
            Part::NewAxis => info.push(SliceInfoElem::NewAxis),
            Part::Rest => info.extend(axes.by_ref().take(shape.len() - named).map(whole)),
            Part::Index(at) => {
                axes.next();
                info.push(SliceInfoElem::Index(at));
            }
            Part::Range { start, stop, step } => {
                info.extend(axes.next().map(|len| range(start, stop, step, *len)));
            }
        }
    }
    info.extend(axes.map(whole));
    Ok(info)
}

/// A range as Python means it (`slice.indices`), as ndarray takes it: ndarray turns a range around
/// where the step is negative, and Python counts down from `start`.
fn range(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> SliceInfoElem {
    // No axis is longer than isize::MAX, so the sums below fit.
    let len = isize::try_from(len).unwrap_or(isize::MAX);
    let (lowest, highest) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let place = |at: isize| {
        let at = if at < 0 { at.saturating_add(len) } else { at };
        at.clamp(lowest, highest)
    };
    let (first, end) = if step < 0 { (highest, lowest) } else { (lowest, highest) };
    let (first, end) = (start.map_or(first, place), stop.map_or(end, place));
    let (start, end) = if step < 0 { (end + 1, first + 1) } else { (first, end) };
    let (start, end) = if start < end { (start, end) } else { (0, 0) };
    SliceInfoElem::Slice { start, end: Some(end), step }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_text;
    use shmarray::{Order, memory::Layout};

    fn chained(error: &anyhow::Error) -> String {
        Vec::from_iter(error.chain().map(error_text::of)).join(": ")
    }

    fn selected(shape: &[usize], text: &str) -> Window {
        let window = Window::whole(&Layout::new(shape, Order::C, 1).unwrap());
        select(&window, text).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Offset, shape and strides, as NumPy 2.4 gives them for `np.zeros(shape, "u1")[slice]`.
    #[test]
    fn it_means_what_it_means_to_numpy() {
        for (shape, text, offset, expected, strides) in [
            (&[10][..], "2:8", 2, &[6][..], &[1][..]),
            (&[10], "::-1", 9, &[10], &[-1]),
            (&[10], "-3:", 7, &[3], &[1]),
            (&[10], ":-3", 0, &[7], &[1]),
            (&[10], "8:2:-2", 8, &[3], &[-2]),
            (&[10], "100:-100:-4", 9, &[3], &[-4]),
            (&[10], "-100:100:3", 0, &[4], &[3]),
            (&[10], "7", 7, &[], &[]),
            (&[10], "-1", 9, &[], &[]),
            (&[10], "-1,", 9, &[], &[]),
            (&[10], "1::9223372036854775807", 1, &[1], &[0]),
            (&[10], "::-9223372036854775808", 9, &[1], &[0]),
            (&[4, 5, 6], "1, ..., ::2", 30, &[5, 3], &[6, 2]),
            (&[4, 5, 6], "...", 0, &[4, 5, 6], &[30, 6, 1]),
            (&[4, 5, 6], "[..., 0]", 0, &[4, 5], &[30, 6]),
            (&[4, 5, 6], "0,None,:,-1", 5, &[1, 5], &[0, 6]),
            (&[4, 5, 6], "0,0,0,newaxis", 0, &[1], &[0]),
            (&[], "...", 0, &[], &[]),
            (&[], "None", 0, &[1], &[0]),
            (&[3], "..., 1", 1, &[], &[]),
            (&[3], "1, ...", 1, &[], &[]),
            (&[4, 5], "(1,2)", 7, &[], &[]),
            (&[4, 5], " ( 1, ) ", 5, &[5], &[1]),
        ] {
            let found = selected(shape, text);
            assert_eq!(
                (found.offset, &found.shape[..], &found.strides[..]),
                (offset, expected, strides),
                "{text} of {shape:?}"
            );
        }
    }

    #[test]
    fn what_selects_nothing_is_empty() {
        for text in ["5:2", "2:5:-1", "10:", "0:0", "-20:-15", "20:30"] {
            assert_eq!(selected(&[10], text).shape, [0], "{text}");
        }
        for text in [":", "::-1", "3:", "-1:"] {
            assert_eq!(selected(&[0], text).shape, [0], "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_figures() {
        let window = Window::whole(&Layout::new([4, 5], Order::C, 1).unwrap());
        for (text, expected) in [
            ("", "it is empty; write `...` for the whole array"),
            ("()", "it is empty; write `...` for the whole array"),
            ("(1]", "\"(1]\" is not an index, start:stop:step, `...` or `None`"),
            ("[]", "it is empty; write `...` for the whole array"),
            ("1,,2", "nothing between two commas; write `:` for a whole axis"),
            ("x", "\"x\" is not an index, start:stop:step, `...` or `None`"),
            ("1.5", "\"1.5\" is not an index, start:stop:step, `...` or `None`"),
            ("1:-", "\"-\" is not an index, start:stop:step, `...` or `None`"),
            ("::0", "\"::0\" has step 0"),
            ("1:2:3:4", "\"1:2:3:4\" has more than start:stop:step"),
            ("1,2,3", "it has 3 indices, the array 2 dimensions"),
            ("...,...", "it has `...` more than once"),
            ("4", "index 4 is out of bounds for axis 0 of length 4"),
            ("0,-6", "index -6 is out of bounds for axis 1 of length 5"),
            (
                "9223372036854775808",
                "9223372036854775808 is not within -9223372036854775808 to 9223372036854775807: \
                 number too large to fit in target type",
            ),
        ] {
            let error = chained(&select(&window, text).unwrap_err());
            assert_eq!(error, format!("slice {text:?} of shape (4, 5): {expected}"));
        }
        let many = vec!["None"; 65].join(",");
        let error = format!("{:#}", select(&window, &many).unwrap_err());
        assert!(error.ends_with("67 dimensions are too many: at most 64"), "{error}");
    }
}

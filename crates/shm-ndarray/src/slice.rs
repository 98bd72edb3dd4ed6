//! `s![..]` applied to a window, with errors where ndarray panics.

use ndarray::SliceInfoElem;
use shm_core::{ErrorKind, MAX_NDIM, Result, Window};

/// The part of a window that `s![..]` selects: ranges, negative steps, single indices, new axes.
///
/// Indices mean what they mean to `ndarray`'s `slice`; a range whose end lies before its start
/// shows nothing. Of a window that [`Window::check`] accepts, the result is accepted too.
///
/// # Errors
/// [`ErrorKind::NdimMismatch`] if `info` is not for as many axes as the window has;
/// [`ErrorKind::OutOfBounds`], with the figures; [`ErrorKind::ZeroStep`];
/// [`ErrorKind::TooManyDimensions`] for more new axes than an array can have.
pub fn slice_window(window: &Window, info: &[SliceInfoElem]) -> Result<Window> {
    let expected = info.iter().filter(|elem| !elem.is_new_axis()).count();
    let found = window.shape.len().min(window.strides.len());
    let mismatch = || ErrorKind::NdimMismatch { expected, found };
    if expected != found {
        return Err(mismatch().into());
    }
    let mut axes = (0_usize..).zip(&window.shape).zip(&window.strides);
    let mut next = || {
        let ((number, &len), &stride) = axes.next().ok_or_else(mismatch)?;
        Ok::<_, shm_core::Error>((Axis { number, len }, stride))
    };
    let (mut shape, mut strides) = (Vec::new(), Vec::new());
    let mut moved = Some(0_isize);
    for elem in info {
        let (first, stride) = match *elem {
            SliceInfoElem::NewAxis => {
                shape.push(1);
                strides.push(0);
                continue;
            }
            SliceInfoElem::Index(at) => {
                let (axis, stride) = next()?;
                (axis.index(at)?, stride)
            }
            SliceInfoElem::Slice { start, end, step } => {
                let (axis, stride) = next()?;
                let (first, len) = axis.range(start, end, step)?;
                let longer = if len > 1 { stride.checked_mul(step) } else { Some(0) };
                shape.push(len);
                strides.push(longer.ok_or_else(|| overflow(window))?);
                (first, stride)
            }
        };
        let offset = first.cast_signed().checked_mul(stride);
        moved = moved.and_then(|sum| sum.checked_add(offset?));
    }
    if shape.len() > MAX_NDIM {
        let (ndim, max) = (shape.len(), MAX_NDIM);
        return Err(ErrorKind::TooManyDimensions { ndim, max }.into());
    }
    // Where nothing is shown, the first element may not be there: stay.
    let offset = if shape.contains(&0) {
        window.offset
    } else {
        moved
            .and_then(|moved| window.offset.checked_add_signed(moved))
            .ok_or_else(|| overflow(window))?
    };
    Ok(Window { offset, shape, strides })
}

fn overflow(window: &Window) -> shm_core::Error {
    let reason =
        format!("offset {} and strides {:?} overflow when sliced", window.offset, window.strides);
    ErrorKind::InvalidWindow { reason }.into()
}

/// One axis of the window that is sliced.
struct Axis {
    number: usize,
    len: usize,
}

impl Axis {
    fn index(&self, at: isize) -> Result<usize> {
        match self.absolute(at) {
            Some(index) if index < self.len => Ok(index),
            _ => Err(self.outside("index", at)),
        }
    }

    /// The index of the first element that a range shows, and how many it shows.
    fn range(&self, start: isize, end: Option<isize>, step: isize) -> Result<(usize, usize)> {
        if step == 0 {
            return Err(ErrorKind::ZeroStep { axis: self.number }.into());
        }
        let absolute = |what, at| self.absolute(at).ok_or_else(|| self.outside(what, at));
        let from = absolute("start", start)?;
        let to = end.map_or(Ok(self.len), |end| absolute("end", end))?;
        let span = to.saturating_sub(from);
        let first = if step < 0 && span > 0 { to - 1 } else { from };
        Ok((first, span.div_ceil(step.unsigned_abs())))
    }

    /// Counts a negative index from the end; the end itself is `len`.
    fn absolute(&self, at: isize) -> Option<usize> {
        if at < 0 {
            self.len.checked_sub(at.unsigned_abs())
        } else {
            Some(at.unsigned_abs()).filter(|at| *at <= self.len)
        }
    }

    fn outside(&self, what: &str, at: isize) -> shm_core::Error {
        let Self { number, len } = self;
        let reason = format!("{what} {at} is out of bounds for axis {number} of length {len}");
        ErrorKind::OutOfBounds { reason }.into()
    }
}

//! The part of an array that a handle shows: what slicing and reshaping leave behind.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::error::kind::ErrorKind;
use crate::layout::{Layout, MAX_NDIM};
use crate::options::Order;

/// An offset, a shape and strides, all in elements, within a whole array.
///
/// A window from outside is only data: [`Window::check`] says whether it fits an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Distance of its first element from the array's first, in elements.
    pub offset: usize,
    /// Length of each axis, in elements.
    pub shape: Vec<usize>,
    /// Distance between neighbours along each axis, in elements; may be negative.
    pub strides: Vec<isize>,
}

impl Window {
    /// The whole array.
    pub fn whole(layout: &Layout) -> Self {
        Self { offset: 0, shape: layout.shape().to_vec(), strides: layout.strides() }
    }

    /// Whether it shows the whole array of that layout, as [`whole`](Self::whole) does.
    pub fn is_whole(&self, layout: &Layout) -> bool {
        self.offset == 0
            && self.shape == layout.shape()
            && self.strides.len() == self.shape.len()
            && self.is_contiguous(layout.order())
    }

    /// Number of elements it shows; `None` where that overflows.
    pub fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |len, n| len.checked_mul(*n))
    }

    /// Whether it shows no element.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Checks that every element it shows lies within the array of that layout, and none twice.
    ///
    /// Strides that interleave without meeting, such as 3 and 2 of two elements and three, are
    /// refused as well: slicing never makes them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidWindow`] with the figures that do not fit; [`ErrorKind::ShapeOverflow`]
    /// as for [`Layout::new`].
    pub fn check(&self, layout: &Layout) -> Result<()> {
        if self.is_whole(layout) {
            return Ok(()); // of most arrays
        }
        let fail = |reason: String| Err(ErrorKind::InvalidWindow { reason }.into());
        let (ndim, total) = (self.shape.len(), layout.len());
        if ndim != self.strides.len() {
            return fail(format!("{ndim} dimensions but {} strides", self.strides.len()));
        }
        if ndim > MAX_NDIM {
            return fail(format!("{ndim} dimensions, at most {MAX_NDIM}"));
        }
        // ndarray wants the product of non-zero lengths to fit, and the offset to be in bounds,
        // even if nothing is shown.
        Layout::new(&self.shape, Order::C, layout.itemsize())?;
        if self.offset > total {
            return fail(format!("offset {} in an array of {total} elements", self.offset));
        }
        if self.is_empty() {
            return Ok(());
        }
        // The furthest elements before and behind the first one.
        let (mut before, mut behind) = (0_usize, 0_usize);
        let mut axes: Vec<(usize, usize)> = Vec::with_capacity(ndim);
        for (&n, &stride) in self.shape.iter().zip(&self.strides) {
            let step = stride.unsigned_abs();
            let reach = if stride < 0 { &mut before } else { &mut behind };
            match step.checked_mul(n - 1).and_then(|far| reach.checked_add(far)) {
                Some(sum) => *reach = sum,
                None => return fail(format!("stride {stride} of {n} elements overflows")),
            }
            if n > 1 {
                axes.push((step, n));
            }
        }
        if before > self.offset || behind >= total - self.offset {
            return fail(format!(
                "it reaches {before} elements before and {behind} behind element {}, the array \
                 has {total}",
                self.offset
            ));
        }
        // No element twice: each stride steps over all that the smaller ones reach.
        axes.sort_unstable();
        let mut reach = 0;
        for (step, n) in axes {
            if step <= reach {
                return fail(format!("stride {step} revisits elements ({reach} reached already)"));
            }
            reach += step * (n - 1); // bounded by before + behind
        }
        Ok(())
    }

    /// The same elements in another shape, without copying.
    ///
    /// # Errors
    /// [`ErrorKind::ReshapeMismatch`] if the number of elements differs;
    /// [`ErrorKind::NotContiguous`] if they do not lie one after the other in that order;
    /// [`ErrorKind::ShapeOverflow`] and [`ErrorKind::TooManyDimensions`] as for [`Layout::new`].
    pub fn reshape(&self, shape: &[usize], order: Order, itemsize: usize) -> Result<Self> {
        let layout = Layout::new(shape, order, itemsize)?;
        if Some(layout.len()) != self.len() {
            let (shape, wanted) = (self.shape.clone(), shape.to_vec());
            return Err(ErrorKind::ReshapeMismatch { shape, wanted }.into());
        }
        if !self.is_contiguous(order) {
            let Self { shape: shown, strides, .. } = self.clone();
            let wanted = shape.to_vec();
            return Err(ErrorKind::NotContiguous { shape: shown, strides, order, wanted }.into());
        }
        Ok(Self { offset: self.offset, shape: shape.to_vec(), strides: layout.strides() })
    }

    /// Whether its elements lie one after the other in that order.
    pub fn is_contiguous(&self, order: Order) -> bool {
        if self.is_empty() {
            return true;
        }
        let pairs = self.shape.iter().zip(&self.strides);
        let mut expected = 1;
        let mut next = |(n, stride): (&usize, &isize)| {
            let fits = *n == 1 || stride.cast_unsigned() == expected;
            expected = expected.saturating_mul(*n);
            fits
        };
        match order {
            Order::C => pairs.rev().all(&mut next),
            Order::Fortran => pairs.into_iter().all(&mut next),
        }
    }
}

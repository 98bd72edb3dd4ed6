//! Shape and order of an array, with sizes that are checked once and for all.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The most dimensions an array can have (NumPy 2 has the same limit).
pub const MAX_NDIM: usize = 64;

/// Which index changes fastest in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// The last one: row-major.
    #[default]
    C,
    /// The first one: column-major.
    Fortran,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::Fortran => "F",
        })
    }
}

/// The shape and order of a whole array: contiguous, of a size that fits the address space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Layout {
    // Invariant: at most MAX_NDIM, and the product of the non-zero lengths is at most isize::MAX,
    // both alone and with the itemsize.
    shape: Vec<usize>,
    order: Order,
    itemsize: usize,
}

impl Layout {
    /// Checks a shape, in elements, of elements of `itemsize` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::TooManyDimensions`] beyond [`MAX_NDIM`]; [`ErrorKind::ShapeOverflow`] if the
    /// size in bytes, with zeros counted as one, is above `isize::MAX` (ndarray's limit).
    pub fn new(shape: impl Into<Vec<usize>>, order: Order, itemsize: usize) -> Result<Self> {
        let shape = shape.into();
        if shape.len() > MAX_NDIM {
            return Err(ErrorKind::TooManyDimensions { ndim: shape.len(), max: MAX_NDIM }.into());
        }
        let bytes = shape
            .iter()
            .filter(|n| **n != 0)
            .try_fold(itemsize.max(1), |bytes, n| bytes.checked_mul(*n))
            .filter(|bytes| isize::try_from(*bytes).is_ok());
        match bytes {
            Some(_) => Ok(Self { shape, order, itemsize }),
            None => Err(ErrorKind::ShapeOverflow { shape, itemsize }.into()),
        }
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Which index changes fastest.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes per element.
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements: one for a 0-d array.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size in bytes.
    pub fn nbytes(&self) -> usize {
        self.len() * self.itemsize
    }

    /// Distance between neighbours along each axis, in elements.
    pub fn strides(&self) -> Vec<isize> {
        let mut strides = vec![0; self.shape.len()];
        // The invariant: no product of non-zero lengths exceeds isize::MAX.
        self.each_stride(|axis, step| strides[axis] = isize::try_from(step).unwrap_or(isize::MAX));
        strides
    }

    /// Tells of each axis the distance between neighbours, in elements, beginning with the axis
    /// whose index changes fastest.
    pub fn each_stride(&self, mut tell: impl FnMut(usize, usize)) {
        let mut step = 1;
        let mut next = |axis: usize| {
            tell(axis, step);
            step *= self.shape[axis].max(1);
        };
        match self.order {
            Order::C => (0..self.shape.len()).rev().for_each(&mut next),
            Order::Fortran => (0..self.shape.len()).for_each(&mut next),
        }
    }
}

#[derive(Deserialize)]
struct Unchecked {
    shape: Vec<usize>,
    order: Order,
    itemsize: usize,
}

impl TryFrom<Unchecked> for Layout {
    type Error = Error;

    fn try_from(raw: Unchecked) -> Result<Self> {
        Self::new(raw.shape, raw.order, raw.itemsize)
    }
}

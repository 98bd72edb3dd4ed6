//! Shape and order of an array, with sizes that are checked once and for all.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::kind::ErrorKind;
use crate::error::{Error, Result};
use crate::options::Order;

/// The most dimensions an array can have (NumPy 2 has the same limit).
pub const MAX_NDIM: usize = 64;

/// The shape and order of a whole array: contiguous, of a size that fits the address space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Layout {
    // Invariant: at most MAX_NDIM, and the product of the non-zero lengths is at most isize::MAX,
    // both alone and with the itemsize.
    shape: Lengths,
    order: Order,
    itemsize: usize,
}

impl Layout {
    /// Checks a shape, in elements, of elements of `itemsize` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::TooManyDimensions`] beyond [`MAX_NDIM`]; [`ErrorKind::ShapeOverflow`] if the
    /// size in bytes, with zeros counted as one, is above `isize::MAX` (ndarray's limit).
    pub fn new(shape: impl AsRef<[usize]>, order: Order, itemsize: usize) -> Result<Self> {
        let shape = shape.as_ref();
        check_ndim(shape.len())?;
        Self::of(Lengths::new(shape), order, itemsize)
    }

    /// The same, of lengths that have been read.
    pub(crate) fn of(shape: Lengths, order: Order, itemsize: usize) -> Result<Self> {
        let lengths = shape.as_slice();
        let bytes = lengths
            .iter()
            .filter(|n| **n != 0)
            .try_fold(itemsize.max(1), |bytes, n| bytes.checked_mul(*n))
            .filter(|bytes| isize::try_from(*bytes).is_ok());
        match bytes {
            Some(_) => Ok(Self { shape, order, itemsize }),
            None => Err(ErrorKind::ShapeOverflow { shape: lengths.into(), itemsize }.into()),
        }
    }

    /// Length of each axis, in elements.
    #[inline]
    pub fn shape(&self) -> &[usize] {
        self.shape.as_slice()
    }

    /// Which index changes fastest.
    #[inline]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes per element.
    #[inline]
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Number of dimensions.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements: one for a 0-d array.
    #[inline]
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size in bytes.
    #[inline]
    pub fn nbytes(&self) -> usize {
        self.len() * self.itemsize
    }

    /// Distance between neighbours along each axis, in elements.
    pub fn strides(&self) -> Vec<isize> {
        let mut strides = vec![0; self.ndim()];
        // The invariant: no product of non-zero lengths exceeds isize::MAX.
        self.each_stride(|axis, step| strides[axis] = isize::try_from(step).unwrap_or(isize::MAX));
        strides
    }

    /// Tells of each axis the distance between neighbours, in elements, beginning with the axis
    /// whose index changes fastest.
    #[inline]
    pub fn each_stride(&self, mut tell: impl FnMut(usize, usize)) {
        let (shape, mut step) = (self.shape(), 1);
        let mut next = |axis: usize| {
            tell(axis, step);
            step *= shape[axis].max(1);
        };
        match self.order {
            Order::C => (0..shape.len()).rev().for_each(&mut next),
            Order::Fortran => (0..shape.len()).for_each(&mut next),
        }
    }
}

/// Refuses more dimensions than an array can have.
pub(crate) fn check_ndim(ndim: usize) -> Result<()> {
    if ndim <= MAX_NDIM {
        return Ok(());
    }
    Err(ErrorKind::TooManyDimensions { ndim, max: MAX_NDIM }.into())
}

/// One length for each axis, of which there are at most [`MAX_NDIM`]. Those of most arrays need no
/// memory of their own.
#[derive(Clone)]
pub(crate) enum Lengths {
    Few(u8, [usize; Self::FEW]),
    Many(Box<[usize]>),
}

impl Lengths {
    const FEW: usize = 4;

    /// Reads so many, one after the other: a number that has been [checked](check_ndim).
    pub(crate) fn read(ndim: usize, mut next: impl FnMut() -> Result<usize>) -> Result<Self> {
        let mut lengths = Self::zeros(ndim);
        for length in lengths.as_mut_slice() {
            *length = next()?;
        }
        Ok(lengths)
    }

    fn new(lengths: &[usize]) -> Self {
        let mut new = Self::zeros(lengths.len());
        new.as_mut_slice().copy_from_slice(lengths);
        new
    }

    fn zeros(ndim: usize) -> Self {
        match u8::try_from(ndim) {
            Ok(count) if ndim <= Self::FEW => Self::Few(count, [0; Self::FEW]),
            _ => Self::Many(vec![0; ndim].into()),
        }
    }

    #[inline]
    fn as_slice(&self) -> &[usize] {
        match self {
            Self::Few(count, lengths) => &lengths[..usize::from(*count)],
            Self::Many(lengths) => lengths,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [usize] {
        match self {
            Self::Few(count, lengths) => &mut lengths[..usize::from(*count)],
            Self::Many(lengths) => lengths,
        }
    }
}

impl fmt::Debug for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl PartialEq for Lengths {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Lengths {}

impl Hash for Lengths {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl Serialize for Lengths {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Lengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Lengths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_NDIM} lengths")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> std::result::Result<Lengths, A::Error> {
                let (mut lengths, mut ndim) = ([0; MAX_NDIM], 0);
                while let Some(length) = seq.next_element()? {
                    if let Some(place) = lengths.get_mut(ndim) {
                        *place = length;
                    }
                    ndim += 1;
                }
                let too_many = || {
                    de::Error::custom(Error::from(ErrorKind::TooManyDimensions {
                        ndim,
                        max: MAX_NDIM,
                    }))
                };
                lengths.get(..ndim).map(Lengths::new).ok_or_else(too_many)
            }
        }

        deserializer.deserialize_seq(Each)
    }
}

#[derive(Deserialize)]
struct Unchecked {
    shape: Lengths,
    order: Order,
    itemsize: usize,
}

impl TryFrom<Unchecked> for Layout {
    type Error = Error;

    fn try_from(raw: Unchecked) -> Result<Self> {
        Self::of(raw.shape, raw.order, raw.itemsize)
    }
}

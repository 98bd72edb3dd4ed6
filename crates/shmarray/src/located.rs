//! Which array some memory belongs to: the arrays that are mapped into this process, by address.

use std::collections::BTreeMap;
use std::ops::Range;
#[cfg(feature = "shm")]
use std::sync::Arc;

use ndarray::{ArrayBase, ArrayRef, Dimension, RawData, RawRef};
use shm_core::{Access, BackendKind, DType, Name, Region};
use shm_presence::fork::ForkSafe;

use crate::backends::AnySegment;
use crate::{Chunk, ReadGuard, WriteGuard};

/// Whether all of a view's elements lie in a shared array that is mapped into this process.
///
/// It looks at addresses only, so it is right for views of views, steps backwards, and guards. A
/// view without elements lies nowhere. It keeps nothing attached, and works in forked children.
///
/// ```
/// use shmarray::prelude::*;
/// use shmarray::{containing, is_shared, ndarray::Array2};
///
/// # fn main() -> shmarray::Result<()> {
/// let image: GuardedArray<f32, Ix2> = GuardedArray::builder((480, 640)).unique("image").zeros()?;
/// let rows = image.read()?;
/// let part = rows.slice(s![1..9;-2, 2..]);
/// assert!(is_shared(&rows) && is_shared(&part) && is_shared(&part.row(0)));
/// assert!(!is_shared(&part.to_owned()) && !is_shared(&Array2::<f32>::zeros((3, 3))));
///
/// let found = containing(&part).unwrap();
/// assert_eq!((&found.name, found.offset), (image.name(), (8 * 640 + 2) * 4)); // from row 8 upwards
/// # Ok(())
/// # }
/// ```
pub fn is_shared(memory: &(impl Locate + ?Sized)) -> bool {
    memory.extent().is_some_and(|extent| ARRAYS.with(|arrays| arrays.find(&extent).is_some()))
}

/// The shared array that all of a view's elements lie in, as [`is_shared`]: `None` if there is none.
pub fn containing(memory: &(impl Locate + ?Sized)) -> Option<Located> {
    let extent = memory.extent()?;
    ARRAYS.with(|arrays| {
        let (start, array) = arrays.find(&extent)?;
        Some(array.known.located(extent.first - start))
    })
}

/// Where a view lies, as [`containing`] tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The array's own name, also if the view was made of a clone that was
    /// [`renamed`](crate::Array::renamed).
    pub name: Name,
    /// The backend that it is on: `Shm` for a raw segment, too.
    pub backend: BackendKind,
    /// The type of its elements.
    pub dtype: DType,
    /// Its whole shape, in elements.
    pub shape: Vec<usize>,
    /// The access that this mapping of it gives.
    pub access: Access,
    /// From the first byte of the array to the view's first element, in bytes.
    pub offset: usize,
}

/// What can be asked where it lies: arrays and views of ndarray, slices, ranges of pointers (as of
/// [`as_ptr_range`](slice::as_ptr_range)), guards, chunks, and references to them.
///
/// The elements of a [`SharedArray`](crate::SharedArray) always lie in shared memory; and so do its views'.
pub trait Locate: sealed::Extended {}

mod sealed {
    use super::{Extent, Locate};

    pub trait Extended {
        /// Which bytes it has, if it has any.
        fn extent(&self) -> Option<Extent>;
    }

    impl<E: Extended + ?Sized> Locate for E {}
}

/// The bytes of a view, and among them the one that its first element begins with.
#[derive(Debug)]
pub struct Extent {
    first: usize,
    bytes: Range<usize>,
}

impl Extent {
    fn of<T>(first: *const T, shape: &[usize], strides: &[isize]) -> Option<Self> {
        let (first, itemsize) = (first.addr(), size_of::<T>());
        if itemsize == 0 || shape.contains(&0) {
            return None;
        }
        let mut bytes = first..first.checked_add(itemsize)?;
        for (len, stride) in shape.iter().zip(strides) {
            let step = stride.checked_mul(itemsize.try_into().ok()?)?;
            let way = step.checked_mul((len - 1).try_into().ok()?)?;
            let end = if way < 0 { &mut bytes.start } else { &mut bytes.end };
            *end = end.checked_add_signed(way)?;
        }
        Some(Self { first, bytes })
    }
}

impl<T, S: RawData<Elem = T>, D: Dimension> sealed::Extended for ArrayBase<S, D> {
    fn extent(&self) -> Option<Extent> {
        let view: &RawRef<T, D> = self.as_ref();
        Extent::of(view.as_ptr(), view.shape(), view.strides())
    }
}

impl<T, D: Dimension> sealed::Extended for ArrayRef<T, D> {
    fn extent(&self) -> Option<Extent> {
        Extent::of(self.as_ptr(), self.shape(), self.strides())
    }
}

impl<T> sealed::Extended for [T] {
    fn extent(&self) -> Option<Extent> {
        Extent::of(self.as_ptr(), &[self.len()], &[1])
    }
}

impl<T, const N: usize> sealed::Extended for [T; N] {
    fn extent(&self) -> Option<Extent> {
        self.as_slice().extent()
    }
}

impl<T> sealed::Extended for Range<*const T> {
    fn extent(&self) -> Option<Extent> {
        let bytes = self.start.addr()..self.end.addr();
        (!bytes.is_empty()).then_some(Extent { first: bytes.start, bytes })
    }
}

macro_rules! as_what_it_shows {
    ($($guard:ident),*) => {$(
        impl<T, D: Dimension> sealed::Extended for $guard<'_, T, D> {
            fn extent(&self) -> Option<Extent> {
                (**self).extent()
            }
        }
    )*};
}

as_what_it_shows!(ReadGuard, WriteGuard, Chunk);

impl<E: sealed::Extended + ?Sized> sealed::Extended for &E {
    fn extent(&self) -> Option<Extent> {
        (**self).extent()
    }
}

impl<E: sealed::Extended + ?Sized> sealed::Extended for &mut E {
    fn extent(&self) -> Option<Extent> {
        (**self).extent()
    }
}

/// What there is to tell of an array.
pub(crate) enum Known {
    Segment(AnySegment),
    #[cfg(feature = "shm")]
    Raw(Arc<Located>),
}

impl Known {
    fn located(&self, offset: usize) -> Located {
        match self {
            Self::Segment(segment) => {
                let header = segment.header();
                Located {
                    name: header.name().clone(),
                    backend: segment.kind(),
                    dtype: header.dtype().clone(),
                    shape: header.layout().shape().to_vec(),
                    access: segment.access(),
                    offset,
                }
            }
            #[cfg(feature = "shm")]
            Self::Raw(located) => Located { offset, ..Located::clone(located) },
        }
    }
}

/// An array that is mapped into this process: the address behind its last byte, and what is known.
struct Mapped {
    end: usize,
    known: Known,
}

/// By the address of the first byte, and a number: two attachments may share a mapping.
type Key = (usize, u64);

struct Arrays {
    mapped: BTreeMap<Key, Mapped>,
    /// How many there have been.
    count: u64,
}

/// No step with it may drop what is known of an array, whose end may come here too.
static ARRAYS: ForkSafe<Arrays> = ForkSafe::new(Arrays { mapped: BTreeMap::new(), count: 0 });

impl Arrays {
    /// The array that has these bytes, and where it begins. Mappings do not overlap: it is the last
    /// one that begins at or before them.
    fn find(&self, extent: &Extent) -> Option<(usize, &Mapped)> {
        let (key, array) = self.mapped.range(..=(extent.bytes.start, u64::MAX)).next_back()?;
        (extent.bytes.end <= array.end).then_some((key.0, array))
    }
}

/// Has an array found by its addresses, until it is dropped: before the array is unmapped, as they may
/// be somebody else's then. One without elements lies nowhere.
pub(crate) struct Entry(Option<Key>);

impl Entry {
    /// Of the array of so many bytes that begins at an offset of its region, both in bytes.
    pub(crate) fn new(region: &dyn Region, offset: u64, len: usize, known: Known) -> Self {
        let mapped = region.start().addr().get();
        let start = mapped.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
        let end = start.saturating_add(len).min(mapped + region.len());
        if start >= end {
            return Self(None);
        }
        ARRAYS.with(|arrays| {
            arrays.count += 1;
            let key = (start, arrays.count);
            arrays.mapped.insert(key, Mapped { end, known });
            Self(Some(key))
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(key) = self.0 else { return };
        let gone = ARRAYS.with(|arrays| arrays.mapped.remove(&key));
        drop(gone);
    }
}

#[cfg(all(test, feature = "mmap"))]
mod tests {
    use super::*;
    use crate::SharedArray;

    #[test]
    fn what_is_dropped_has_left() {
        let builder = SharedArray::<u8, _>::builder(3).unique("leaves").backend(BackendKind::Mmap);
        let array = builder.zeros().unwrap();
        let segment = || Known::Segment(array.handle().segment().clone());
        let entry = Entry::new(array.handle().region(), 0, 3, segment());
        let key = entry.0.unwrap();
        let is_in = || ARRAYS.with(|arrays| arrays.mapped.contains_key(&key));
        assert!(is_in());
        drop(entry);
        assert!(!is_in());
        assert!(Entry::new(array.handle().region(), 0, 0, segment()).0.is_none());
    }
}

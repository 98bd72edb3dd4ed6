//! Which array some memory belongs to: the arrays that are mapped into this process, by address.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};
use std::sync::Arc;

use ndarray::{ArrayBase, ArrayRef, Dimension, RawData, RawRef};
use shm_core::{Access, BackendKind, DType, Name, Region};
#[cfg(feature = "posix")]
use shm_posix::RawSegment;
use shm_presence::fork::Kept;

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
    memory.extent().is_some_and(|extent| ARRAYS.with(|arrays| find(arrays, &extent).is_some()))
}

/// The shared array that all of a view's elements lie in, as [`is_shared`]: `None` if there is none.
pub fn containing(memory: &(impl Locate + ?Sized)) -> Option<Located> {
    let extent = memory.extent()?;
    ARRAYS.with(|arrays| {
        let (start, array) = find(arrays, &extent)?;
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

/// What there is to tell about an array.
enum Known {
    Segment(AnySegment),
    #[cfg(feature = "posix")]
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
            #[cfg(feature = "posix")]
            Self::Raw(located) => Located { offset, ..Located::clone(located) },
        }
    }
}

/// An array that is mapped into this process.
struct Mapped {
    /// Behind its last byte.
    end: usize,
    known: Known,
    /// How many regions show these addresses: those of an anonymous array share one mapping.
    regions: usize,
}

/// By the address of the first byte.
type Arrays = BTreeMap<usize, Mapped>;

/// No step with it may drop what is known of an array, whose end may come here too.
static ARRAYS: Kept<Arrays> = Kept::new(BTreeMap::new());

/// Mappings do not overlap: it is the last one that begins at or before the view.
fn find<'a>(arrays: &'a Arrays, extent: &Extent) -> Option<(usize, &'a Mapped)> {
    let (&start, array) = arrays.range(..=extent.bytes.start).next_back()?;
    (extent.bytes.end <= array.end).then_some((start, array))
}

/// A mapped region that is found by its addresses while it lives.
pub(crate) struct Findable<R: ?Sized> {
    // Dropped first: once the region is unmapped, its addresses may be somebody else's.
    _entry: Entry,
    region: R,
}

impl<R: Region> Findable<R> {
    /// The region is of that segment.
    pub(crate) fn new(region: R, segment: &AnySegment) -> Arc<Self> {
        let header = segment.header();
        let (offset, len) = (header.data_offset(), header.layout().nbytes());
        let entry = Entry::new(&region, offset, len, || Known::Segment(segment.clone()));
        Arc::new(Self { _entry: entry, region })
    }
}

#[cfg(feature = "posix")]
impl Findable<RawSegment> {
    /// An array in a raw segment: so many bytes from that offset on, in bytes.
    pub(crate) fn raw(segment: RawSegment, offset: u64, len: usize, located: Located) -> Arc<Self> {
        let located = Arc::new(located);
        let entry = Entry::new(segment.region(), offset, len, || Known::Raw(Arc::clone(&located)));
        Arc::new(Self { _entry: entry, region: segment })
    }
}

impl<R: ?Sized> Deref for Findable<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.region
    }
}

/// The entry of a region, by the address of the array's first byte; of an array without elements
/// there is none. Dropping it takes it out.
struct Entry(Option<usize>);

impl Entry {
    fn new(region: &dyn Region, offset: u64, len: usize, known: impl FnOnce() -> Known) -> Self {
        let mapped = region.start().addr().get();
        let start = mapped.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
        let end = start.saturating_add(len).min(mapped + region.len());
        if start >= end {
            return Self(None);
        }
        ARRAYS.with(|arrays| {
            let new = || Mapped { end, known: known(), regions: 0 };
            arrays.entry(start).or_insert_with(new).regions += 1;
        });
        Self(Some(start))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(start) = self.0 else { return };
        let gone = ARRAYS.with(|arrays| {
            let array = arrays.get_mut(&start)?;
            array.regions -= 1;
            if array.regions == 0 { arrays.remove(&start) } else { None }
        });
        drop(gone);
    }
}

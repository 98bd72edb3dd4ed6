//! Which array some memory belongs to: the arrays that are mapped into this process, by address.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

use ndarray::{ArrayBase, ArrayRef, Dimension, RawData, RawRef};
use shm_core::{Access, BackendKind, DType, Name, Region};
use shm_presence::fork::Kept;

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
    let is_alive = |array: &Known| (array.strong_count() > 0).then_some(());
    memory.extent().is_some_and(|extent| find(&extent, is_alive).is_some())
}

/// The shared array that all of a view's elements lie in, as [`is_shared`]: `None` if there is none.
pub fn containing(memory: &(impl Locate + ?Sized)) -> Option<Located> {
    let extent = memory.extent()?;
    let array = find(&extent, Weak::upgrade)?;
    Some(Located { offset: extent.first - array.bytes().start, ..array.located() })
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

/// A mapped array that is found by its addresses. It [leaves](leave) when it is dropped.
pub(crate) trait Findable: Send + Sync {
    /// Addresses of its elements' bytes.
    fn bytes(&self) -> Range<usize>;

    /// What there is to tell of it, with the offset of its first byte: zero.
    fn located(&self) -> Located;
}

/// Addresses of the bytes of an array that begins at an offset of its region; both in bytes.
pub(crate) fn bytes(region: &dyn Region, offset: u64, len: usize) -> Range<usize> {
    let mapped = region.start().addr().get();
    let start = mapped.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
    start..start.saturating_add(len).min(mapped + region.len())
}

/// By the address of the first byte, and its own: two attachments may share a mapping. With the
/// address behind the last byte.
type Arrays = BTreeMap<(usize, usize), (usize, Known)>;

type Known = Weak<dyn Findable>;

/// No step with it may drop the last handle of an array, whose end comes here too.
static ARRAYS: Kept<Arrays> = Kept::new(BTreeMap::new());

fn key<A: Findable + ?Sized>(array: &A) -> Option<(usize, usize)> {
    let (bytes, own) = (array.bytes(), (&raw const *array).addr());
    (!bytes.is_empty()).then_some((bytes.start, own))
}

/// Has an array found, until it [leaves](leave). One without elements lies nowhere.
pub(crate) fn enter<A: Findable + 'static>(array: &Arc<A>) {
    if let Some(key) = key(&**array) {
        let known = (array.bytes().end, Arc::<A>::downgrade(array) as Known);
        ARRAYS.with(|arrays| arrays.insert(key, known));
    }
}

/// For the end of an array: once it is unmapped, its addresses may be somebody else's.
pub(crate) fn leave(array: &(impl Findable + ?Sized)) {
    if let Some(key) = key(array) {
        ARRAYS.with(|arrays| arrays.remove(&key));
    }
}

/// Takes up the array that has these bytes. Mappings do not overlap: it is the last one that begins
/// at or before them.
///
/// No other array is taken up, not for a moment: it would not be unmapped where its last handle is
/// dropped, and never in a child that is forked then.
fn find<R>(extent: &Extent, take_up: impl Fn(&Known) -> Option<R>) -> Option<R> {
    let before = ..=(extent.bytes.start, usize::MAX);
    ARRAYS.with(|arrays| {
        let mut known = arrays.range(before).rev().map(|(_, known)| known);
        known.find_map(|(end, array)| match extent.bytes.end <= *end {
            true => take_up(array).map(Some),
            false => (array.strong_count() > 0).then_some(None),
        })
    })?
}

#[cfg(all(test, feature = "anon"))]
mod tests {
    use super::*;
    use crate::{SharedArray, backends};

    /// Of addresses that nothing is mapped at. It does not leave by itself.
    struct Bytes(Range<usize>);

    impl Findable for Bytes {
        fn bytes(&self) -> Range<usize> {
            self.0.clone()
        }

        fn located(&self) -> Located {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn what_is_dropped_has_left() {
        let kind = BackendKind::Mmap;
        let array = SharedArray::<u8, _>::builder(3).unique("leaves").backend(kind);
        let array = array.zeros().unwrap();
        let attachment = backends::attach(kind, array.name(), Access::ReadWrite).unwrap();
        let key = key(&*attachment).unwrap();
        let is_in = || ARRAYS.with(|arrays| arrays.contains_key(&key));
        assert!(is_in());
        let address = Arc::downgrade(&attachment); // so that no other is given it
        drop(attachment);
        assert!(!is_in());
        drop(address);
    }

    /// One that another thread is ending, or was when this process was forked.
    #[test]
    fn one_that_has_gone_hides_no_other() {
        let mut both = [64..128, 64..128].map(|bytes| Arc::new(Bytes(bytes)));
        both.iter().for_each(enter);
        both.sort_by_key(|array| Arc::as_ptr(array).addr());
        let [first, last] = both;
        drop(last);
        let extent = Extent { first: 64, bytes: 64..128 };
        assert!(find(&extent).is_some());
        leave(&*first);
        assert!(find(&extent).is_none());
    }
}

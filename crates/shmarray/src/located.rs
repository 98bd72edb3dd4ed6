//! Whether a view lies in shared memory, and in which array.

use std::ops::Range;

use ndarray::{ArrayBase, ArrayRef, Dimension, RawData, RawRef};

use crate::addresses::{self, Extent, Located};
use crate::chunks::Chunk;
use crate::guard::{ReadGuard, WriteGuard};
use crate::hold::Hold;

/// Whether all of a view's elements lie in a shared array that is mapped into this process.
///
/// It looks at addresses only, so it is right for views of views, steps backwards, and guards. A
/// view without elements lies nowhere. It keeps nothing attached, and works in forked children.
///
/// ```
/// use shmarray::prelude::*;
/// use shmarray::{memory::{containing, is_shared}, ndarray::Array2};
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
    memory.extent().is_some_and(|extent| addresses::is_known(&extent))
}

/// The shared array that all of a view's elements lie in, as [`is_shared`]: `None` if there is none.
pub fn containing(memory: &(impl Locate + ?Sized)) -> Option<Located> {
    addresses::find(&memory.extent()?)
}

/// Memory whose array can be looked up: arrays and views of ndarray, slices, ranges of pointers (as of
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
        impl<T, D: Dimension, H: Hold> sealed::Extended for $guard<'_, T, D, H> {
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

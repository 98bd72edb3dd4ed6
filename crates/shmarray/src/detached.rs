//! Arrays that are not mapped here at the moment.

use std::fmt;
use std::marker::PhantomData;

use ndarray::Dimension;
use shm_core::{Element, Name, Result};

use crate::any_array::AnyArray;
use crate::array::Array;
use crate::backends::segment::AnySegment;
use crate::erased::details::Details;
use crate::erased::{ErasedArray, describe};
use crate::mode::Mode;

impl<T: Element, D: Dimension, M: Mode> Array<T, D, M> {
    /// Unmaps it here, and keeps presence, so that the resource stays and can be mapped again.
    ///
    /// Other clones in this process keep the mapping. On `mmap` there is nothing but the mapping,
    /// so it stays.
    pub fn detach(self) -> Detached<Self> {
        Detached::new(self)
    }
}

impl ErasedArray {
    /// Unmaps it here, as [`Array::detach`].
    pub fn detach(self) -> Detached<Self> {
        Detached::new(self)
    }
}

/// An array that this process has unmapped but not left: the resource stays, and it can be mapped
/// again as the array `A` that it was. Dropping it leaves.
#[must_use = "the array is left if it is dropped"]
pub struct Detached<A> {
    segment: AnySegment,
    details: Details,
    array: PhantomData<fn() -> A>,
}

impl<A: AnyArray> Detached<A> {
    /// Unmaps an array, unless it has other handles here.
    pub(crate) fn new(array: A) -> Self {
        let (attachment, details) = array.into_erased().into_parts();
        Self { segment: attachment.segment().clone(), details, array: PhantomData }
    }

    /// Freezes the segment; the mappings of this process must be gone.
    pub(crate) fn freeze(&self) -> Result<ErasedArray> {
        ErasedArray::with_details(self.segment.freeze()?, self.details.clone())
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        self.details.name(self.segment.header())
    }

    /// Maps it again, with the part that it showed.
    ///
    /// # Errors
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) for mappings and address space;
    /// [`Truncated`](shm_core::ErrorKind::Truncated) if somebody has shortened it.
    pub fn attach(&self) -> Result<A> {
        let mapped = self.segment.clone().map()?;
        A::from_erased(ErasedArray::with_details(mapped, self.details.clone())?)
    }
}

impl<A> fmt::Debug for Detached<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detached(")?;
        describe(&self.segment, &self.details, f)?;
        f.write_str(")")
    }
}

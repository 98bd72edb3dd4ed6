//! Arrays that are not mapped here at the moment.

use std::fmt;
use std::marker::PhantomData;

use ndarray::Dimension;
use shm_core::{Element, Name, Result};

use crate::Array;
use crate::handle::Held;
use crate::mode::{Mode, ReadWrite};

/// An array that this process has unmapped but not left: the resource stays, and it can be mapped
/// again. Dropping it leaves.
pub struct Detached<T, D, M = ReadWrite> {
    held: Held,
    #[allow(clippy::type_complexity)] // a marker
    array: PhantomData<fn() -> (T, D, M)>,
}

impl<T: Element, D: Dimension, M: Mode> Detached<T, D, M> {
    pub(crate) fn new(held: Held) -> Self {
        Self { held, array: PhantomData }
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        self.held.name()
    }

    /// Maps it again, with the part that it showed.
    ///
    /// # Errors
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) for mappings and address space;
    /// [`Truncated`](shm_core::ErrorKind::Truncated) if somebody has shortened it.
    pub fn attach(&self) -> Result<Array<T, D, M>> {
        Array::new(self.held.clone().attach()?)
    }
}

impl<T, D, M> fmt::Debug for Detached<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detached({:?})", self.held)
    }
}

//! Arrays that are freed together: at the end of a scope, or when a list of them is cleared.

use std::fmt;

use ndarray::{ArrayRef, Dimension, IntoDimension};
use shm_core::{BackendKind, Element, Error, Name, Result};
use shm_presence::fork::{self, ForkSafe};
use shm_select::Workers;

use crate::any_array::AnyArray;
use crate::array::SharedArray;
use crate::backends::segment::AnySegment;
use crate::backends::{self};
use crate::builder::Builder;

/// Keeps arrays until it is dropped, also by a panic, or [cleared](Self::clear): then it frees them.
///
/// An array that it keeps stays there for others, also while no handle of it is left here. To free
/// it is to [`destroy`](crate::Array::destroy) it, whatever its [`Cleanup`](crate::Cleanup) says:
/// its name is gone, and those attached, this process included, keep their memory.
///
/// All threads may use one manager. A forked child that inherits it may too: it frees what it has
/// made itself, and leaves to its parent what is its parent's.
///
/// ```
/// use shmarray::ndarray::array;
/// use shmarray::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::new().backend(BackendKind::Shm);
/// let image: SharedArray<f32, _> = manager.zeros((480, 640))?;
/// let model = manager.copy_of(&array![1, 2, 3])?;
/// let guarded: GuardedArray<u8, Ix1> = manager.keep(GuardedArray::builder(10).zeros()?);
/// manager.keep_name("mask")?; // somebody makes an array of that name, perhaps
///
/// let name = image.name().as_str();
/// assert!(ErasedArray::attach(name).is_ok());
/// drop(manager);
/// assert!(ErasedArray::attach(name).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Manager {
    kept: ForkSafe<Vec<Item>>,
    backend: Option<BackendKind>,
    workers: Workers,
}

/// An array or a name that is to be freed.
#[derive(Debug)]
struct Item {
    name: Name,
    /// The array, unless it is to be deleted by its name alone.
    segment: Option<AnySegment>,
    /// The process that keeps it: see [`fork::generation`].
    born: u64,
}

impl Item {
    fn free(&self) -> Result<()> {
        match &self.segment {
            Some(segment) => segment.destroy(),
            None => backends::delete(&self.name).map(drop),
        }
    }
}

impl Manager {
    /// One that keeps nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The backend of the arrays that it makes itself. By default the environment, the process or
    /// the library chooses.
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// How the processes start that are to share the arrays that it makes itself, where that is
    /// known.
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Makes an array of that shape, in elements, filled with zeros, under a unique name.
    ///
    /// # Errors
    /// Those of [`Builder::zeros`].
    pub fn zeros<T: Element, D: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<SharedArray<T, D>> {
        Ok(self.keep(self.begin(shape).zeros()?))
    }

    /// Makes an array of that shape, in elements, filled with a value, under a unique name.
    ///
    /// # Errors
    /// Those of [`Builder::zeros`].
    pub fn full<T: Element, D: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = D>,
        value: T,
    ) -> Result<SharedArray<T, D>> {
        Ok(self.keep(self.begin(shape).full(value)?))
    }

    /// Makes an array from one that is there already, of any strides, under a unique name.
    ///
    /// # Errors
    /// Those of [`Builder::zeros`].
    pub fn copy_of<T: Element, D: Dimension>(
        &self,
        from: &ArrayRef<T, D>,
    ) -> Result<SharedArray<T, D>> {
        Ok(self.keep(self.begin(from.raw_dim()).copy_of(from)?))
    }

    fn begin<T: Element, D: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = D>,
    ) -> Builder<SharedArray<T, D>> {
        let builder = SharedArray::builder(shape).workers(self.workers);
        match self.backend {
            Some(backend) => builder.backend(backend),
            None => builder,
        }
    }

    /// Keeps an array, made or attached in whatever way, and gives it back.
    ///
    /// One that a forked child inherited it cannot free
    /// ([`ForkedChild`](shm_core::ErrorKind::ForkedChild)).
    pub fn keep<A: AnyArray>(&self, array: A) -> A {
        let erased = array.as_erased();
        self.remember(erased.name().clone(), Some(erased.segment().clone()));
        array
    }

    /// Keeps a name: whatever array bears it in the end (backend `shm`) is deleted; none is fine.
    ///
    /// # Errors
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName).
    pub fn keep_name(&self, name: &str) -> Result<()> {
        self.remember(Name::new(name)?, None);
        Ok(())
    }

    /// How many arrays and names it keeps.
    pub fn len(&self) -> usize {
        self.kept.with(|kept| kept.len())
    }

    /// Whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frees all that it keeps, each by itself, in the order in which they came.
    ///
    /// # Errors
    /// [`ClearError`], with all that failed: these are still kept, and it can be tried again.
    pub fn clear(&self) -> Result<(), ClearError> {
        let items = self.kept.with(std::mem::take);
        let (of, mut failed, mut failures) = (items.len(), Vec::new(), Vec::new());
        for item in items {
            if item.born != fork::generation() {
                continue; // its parent's
            }
            let Err(error) = item.free() else { continue };
            failures.push(Failure { name: item.name.clone(), error });
            failed.push(item);
        }
        if failed.is_empty() {
            return Ok(());
        }
        self.kept.with(|kept| kept.extend(failed));
        Err(ClearError { failures, of })
    }

    fn remember(&self, name: Name, segment: Option<AnySegment>) {
        let item = Item { name, segment, born: fork::generation() };
        self.kept.with(|kept| kept.push(item));
    }
}

impl Drop for Manager {
    /// Frees all. A failure is a `tracing` event.
    fn drop(&mut self) {
        let Err(error) = self.clear() else { return };
        for Failure { name, error } in &error.failures {
            tracing::warn!(%name, %error, "not freed at the end of its manager");
        }
    }
}

/// The arrays that [`Manager::clear`] could not free. It displays with one line for each.
#[derive(Debug)]
pub struct ClearError {
    failures: Vec<Failure>,
    of: usize,
}

/// An array that could not be freed, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its name.
    pub name: Name,
    /// The reason.
    pub error: Error,
}

impl ClearError {
    /// Each that failed; at least one.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }
}

impl fmt::Display for ClearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} arrays are not freed:", self.failures.len(), self.of)?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.name.as_str(), self.error)
    }
}

impl std::error::Error for ClearError {}

//! Making a new array, step by step.
#![allow(unsafe_code)] // fills a region that nobody else has yet

use std::borrow::Cow;
use std::cell::Cell;
use std::marker::PhantomData;

use ndarray::{ArrayRef, Dimension, indices};
use shm_core::{
    Align, BackendKind, Cleanup, Commit, DType, Element, ErrorKind, Fill, Header, Layout, Name,
    Order, Pages, Region, Result, Sink, Spec, Stamp, Window,
};
use shm_ndarray::{ElementSpan, ElementsMut};
use shm_select::{Needs, Workers};

use crate::Array;
use crate::backends::{self, backend_cannot};
use crate::choice;
use crate::contents;
use crate::handle::Handle;
use crate::mode::{Mode, ReadWrite};
use crate::name::unique_name;

/// What a new array is to be. One of the last four methods makes it, in mode `M`: a
/// [`SharedArray`](crate::SharedArray) or a [`GuardedArray`](crate::GuardedArray).
///
/// Nobody else sees the array before it has its contents.
#[derive(Clone, Debug)]
pub struct Builder<T, D, M = ReadWrite> {
    shape: D,
    naming: Naming,
    backend: Option<BackendKind>,
    workers: Workers,
    order: Order,
    commit: Commit,
    pages: Pages,
    cleanup: Cleanup,
    align: Align,
    force: bool,
    #[allow(clippy::type_complexity)] // a marker
    array: PhantomData<fn() -> (T, M)>,
}

#[derive(Clone, Debug)]
enum Naming {
    /// What is wrong with a name is told when the array is made.
    Given(Result<Name, String>),
    Unique(Cow<'static, str>),
}

impl<T: Element, D: Dimension, M: Mode> Builder<T, D, M> {
    pub(crate) fn new(shape: D) -> Self {
        Self {
            shape,
            naming: Naming::Unique("array".into()),
            backend: None,
            workers: Workers::default(),
            order: Order::default(),
            commit: Commit::default(),
            pages: Pages::default(),
            cleanup: Cleanup::default(),
            align: Align::default(),
            force: false,
            array: PhantomData,
        }
    }

    /// Its name, by which others attach. By default it gets a unique one.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        self.naming = Naming::Given(Name::new(name).map_err(|_| name.into()));
        self
    }

    /// A unique name with this beginning.
    pub fn unique(mut self, prefix: impl Into<String>) -> Self {
        self.naming = Naming::Unique(Cow::Owned(prefix.into()));
        self
    }

    /// Its backend. By default the environment, the process or the library chooses.
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// How the processes start that are to share it, where that is known. Spawned workers never
    /// get `mmap`: not by choice, and not if it is asked for.
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Which index changes fastest in memory.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// When its memory is reserved.
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = commit;
        self
    }

    /// Which pages its memory is in; [`Array::paging`] tells what was asked of the kernel.
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// Who removes it.
    pub fn cleanup(mut self, cleanup: Cleanup) -> Self {
        self.cleanup = cleanup;
        self
    }

    /// How its first element is aligned.
    pub fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// Whether to replace an array of the same name; those attached to it keep it.
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Makes it, filled with zeros.
    ///
    /// # Errors
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName);
    /// [`AlreadyExists`](shm_core::ErrorKind::AlreadyExists);
    /// [`ShapeOverflow`](shm_core::ErrorKind::ShapeOverflow);
    /// [`NoSpace`](shm_core::ErrorKind::NoSpace);
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached);
    /// [`BackendNotCompiled`](shm_core::ErrorKind::BackendNotCompiled),
    /// [`BackendRefused`](shm_core::ErrorKind::BackendRefused) and
    /// [`UnknownBackend`](shm_core::ErrorKind::UnknownBackend) if the backend that was asked for
    /// cannot be had. Whatever fails, nothing is left behind.
    pub fn zeros(self) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        self.make(layout, None)
    }

    /// Makes it, filled with a value.
    ///
    /// # Errors
    /// Those of [`zeros`](Self::zeros).
    pub fn full(self, value: T) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        let len = layout.len();
        let mut fill = |to: &mut dyn Sink| contents::write_value(value, len, to);
        self.make(layout, Some(Fill::InOrder(&mut fill)))
    }

    /// Makes it, filled by a function of the index. If that panics, nothing is left behind.
    ///
    /// `f` is called once for each index, when the memory is there. Only where the system refuses to
    /// publish an unnamed file, the first array of a process is filled twice, with all indices anew.
    ///
    /// # Errors
    /// Those of [`zeros`](Self::zeros).
    pub fn from_fn(self, mut f: impl FnMut(D::Pattern) -> T) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        let (shape, order) = (self.shape.clone(), self.order);
        let mut in_order = |to: &mut dyn Sink| {
            contents::write_each(indices(shape.clone()).into_iter().map(&mut f), to)
        };
        if order == Order::C {
            return self.make(layout, Some(Fill::InOrderOnce(&mut in_order, &Cell::new(false))));
        }
        let mut in_place = |header: &Header, region: &dyn Region| {
            let place = ElementSpan::new(header, &Window::whole(header.layout()))?;
            // SAFETY: the backend gives the header of this region.
            let elements: ElementsMut<'_, T, D> = unsafe { place.elements_mut(region) }?;
            // SAFETY: the region is not published yet: nobody else has it.
            let mut view = unsafe { elements.view_mut() };
            for (index, element) in view.indexed_iter_mut() {
                *element = f(index);
            }
            Ok(())
        };
        self.make(layout, Some(Fill::InPlace(&mut in_place)))
    }

    /// Makes it, filled from an array of the same shape and any strides.
    ///
    /// # Errors
    /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch); those of [`zeros`](Self::zeros).
    pub fn copy_of(self, from: &ArrayRef<T, D>) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        if layout.shape() != from.shape() {
            let (expected, found) = (layout.shape().to_vec(), from.shape().to_vec());
            return Err(ErrorKind::ShapeMismatch { expected, found }.into());
        }
        let order = self.order;
        let mut fill = |to: &mut dyn Sink| contents::write_array(from, order, to);
        self.make(layout, Some(Fill::InOrder(&mut fill)))
    }

    fn layout(&self) -> Result<Layout> {
        Layout::new(self.shape.slice(), self.order, size_of::<T>())
    }

    fn make(self, layout: Layout, fill: Option<Fill<'_>>) -> Result<Array<T, D, M>> {
        Array::new(self.create(T::dtype(), layout, M::GUARDED, fill)?)
    }

    /// Makes an array of that type and layout, filled by `fill`, which may be called once more if
    /// space runs out. Of this builder, the shape and the order are not asked.
    pub(crate) fn create(
        &self,
        dtype: DType,
        layout: Layout,
        guarded: bool,
        mut fill: Option<Fill<'_>>,
    ) -> Result<Handle> {
        let spec = self.spec(dtype, layout, guarded)?;
        if self.backend == Some(BackendKind::Mmap) && self.workers == Workers::Spawned {
            return Err(backend_cannot("sharing with spawned workers", BackendKind::Mmap));
        }
        let (backend, selection) = match self.backend {
            Some(backend) => (backend, None),
            None => {
                let bytes = Some(segment_len(&spec)?);
                let needs = Needs { bytes, workers: self.workers, ..Needs::default() };
                let selection = choice::select(&needs)?;
                (selection.chosen, Some(selection))
            }
        };
        let made = match backends::create(backend, &spec, fill.as_mut().map(Fill::reborrow)) {
            Ok(made) => made,
            Err(error) => {
                let is_used_up = fill.as_ref().is_some_and(Fill::is_used_up);
                let is_full = matches!(error.kind(), ErrorKind::NoSpace { .. });
                let selection = selection.filter(|_| is_full && !is_used_up);
                let Some(selection) = selection else { return Err(error) };
                let next = choice::refused(selection, error)?;
                let made = backends::create(next.chosen, &spec, fill)?;
                return Ok(Handle::new(made, Some(next)));
            }
        };
        Ok(Handle::new(made, selection))
    }

    fn spec(&self, dtype: DType, layout: Layout, guarded: bool) -> Result<Spec> {
        let name = match &self.naming {
            Naming::Given(Ok(name)) => name.clone(),
            Naming::Given(Err(wrong)) => Name::new(wrong)?,
            Naming::Unique(prefix) => unique_name(prefix)?,
        };
        Ok(Spec {
            commit: self.commit,
            pages: self.pages,
            cleanup: self.cleanup,
            align: self.align,
            force: self.force,
            guarded,
            ..Spec::new(name, dtype, layout)
        })
    }

    /// The name and the backend that were asked for.
    #[cfg(feature = "npy")]
    pub(crate) fn asked(&self) -> (Option<&str>, Option<BackendKind>) {
        let name = match &self.naming {
            Naming::Given(name) => Some(name.as_ref().map_or_else(String::as_str, Name::as_str)),
            Naming::Unique(_) => None,
        };
        (name, self.backend)
    }
}

/// Size of the segment that would be made, in bytes.
fn segment_len(spec: &Spec) -> Result<u64> {
    Ok(Header::new(spec, Stamp::default())?.segment_len())
}

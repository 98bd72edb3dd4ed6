//! Builders: the options of a new array, and making it.

use std::borrow::Cow;
use std::fmt;

use shm_core::{
    Align, BackendKind, Cleanup, Commit, DEFAULT_SLOTS, DType, Fill, Header, Layout, Name, Order,
    Pages, Result, Spec, Stamp,
};
use shm_select::{Needs, Workers};

use crate::any_array::AnyArray;
use crate::backends::{self, backend_cannot};
use crate::erased::ErasedArray;
use crate::names::unique::unique_name;

mod automatic;
mod erased;
mod typed;

/// The options of a new array `A`: a [`SharedArray`](crate::SharedArray), a
/// [`GuardedArray`](crate::GuardedArray) or an [`ErasedArray`]. One of the methods that give it its
/// contents makes it: [`zeros`](Self::zeros) for all, and for each kind others.
///
/// Nobody else sees the array before it has its contents.
#[derive(Clone, Debug)]
#[must_use = "a builder makes an array only if it is told with which contents"]
pub struct Builder<A: Buildable> {
    form: A::Form,
    naming: Naming,
    backend: Option<BackendKind>,
    workers: Workers,
    order: Order,
    commit: Commit,
    pages: Pages,
    cleanup: Cleanup,
    align: Align,
    slots: u32,
    force: bool,
}

/// An array that a [`Builder`] makes: [`SharedArray`](crate::SharedArray),
/// [`GuardedArray`](crate::GuardedArray) and [`ErasedArray`].
pub trait Buildable: AnyArray + sealed::Buildable {}

mod sealed {
    use super::*;

    /// What the crate itself asks of it.
    pub trait Buildable: Sized {
        /// The facts about a new array that its type does not say.
        type Form: Clone + fmt::Debug;

        /// The type of its elements.
        fn dtype(form: &Self::Form) -> DType;

        /// Size of an element, in bytes.
        fn itemsize(form: &Self::Form) -> usize;

        /// Length of each axis, in elements.
        fn shape(form: &Self::Form) -> &[usize];

        /// Whether it is guarded.
        fn guarded(form: &Self::Form) -> bool;
    }
}

#[derive(Clone, Debug)]
enum Naming {
    /// Others find the array by it. A wrong name is an error when the array is made.
    Given(Result<Name, String>),
    /// Given too, but others need not find the array by it.
    Label(Result<Name, String>),
    Unique(Cow<'static, str>),
}

impl<A: Buildable> Builder<A> {
    pub(crate) fn new(form: A::Form) -> Self {
        Self {
            form,
            naming: Naming::Unique("array".into()),
            backend: None,
            workers: Workers::default(),
            order: Order::default(),
            commit: Commit::default(),
            pages: Pages::default(),
            cleanup: Cleanup::default(),
            align: Align::default(),
            slots: DEFAULT_SLOTS,
            force: false,
        }
    }

    /// Its name, by which others attach. By default it gets a unique one.
    ///
    /// The name is a promise: if the library chooses the backend, it takes none on which these
    /// [workers](Self::workers) could not attach by name. If no other is left, making the array is
    /// [`NoNames`](shm_core::ErrorKind::NoNames). Where nobody attaches by name, give it a
    /// [`label`](Self::label).
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.naming = Naming::Given(parse(name.as_ref()));
        self
    }

    /// Its name, by which tools show it. Others attach by a payload or a descriptor, so the library may
    /// choose a backend without names (`memfd`). On a backend with names it must be free, as a
    /// [`name`](Self::name).
    pub fn label(mut self, name: impl AsRef<str>) -> Self {
        self.naming = Naming::Label(parse(name.as_ref()));
        self
    }

    /// A unique name with this beginning: a [label](Self::label) that nothing else bears.
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

    /// Which pages its memory is in; [`Array::paging`](crate::Array::paging) tells what was asked of the kernel.
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// When its name is removed, and by whom.
    pub fn cleanup(mut self, cleanup: Cleanup) -> Self {
        self.cleanup = cleanup;
        self
    }

    /// How its first element is aligned.
    pub fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// How many participants can hold a slot at the same time: 1 to 1024, and 128 by default. An attachment
    /// takes a slot at its first use of a guard, a chunk or a barrier; one too many gets
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached). Each slot takes 64 bytes.
    ///
    /// A number out of that range is an [`InvalidSlots`](shm_core::ErrorKind::InvalidSlots) error when the
    /// array is made.
    pub fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
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
    /// [`InvalidSlots`](shm_core::ErrorKind::InvalidSlots);
    /// [`NoSpace`](shm_core::ErrorKind::NoSpace);
    /// [`NoNames`](shm_core::ErrorKind::NoNames);
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached);
    /// [`BackendNotCompiled`](shm_core::ErrorKind::BackendNotCompiled),
    /// [`BackendRefused`](shm_core::ErrorKind::BackendRefused) and
    /// [`UnknownBackend`](shm_core::ErrorKind::UnknownBackend) if the backend that was asked for
    /// cannot be had. Whatever fails, nothing is left behind.
    pub fn zeros(self) -> Result<A> {
        let layout = self.layout()?;
        self.make(layout, None)
    }

    fn layout(&self) -> Result<Layout> {
        Layout::new(A::shape(&self.form), self.order, A::itemsize(&self.form))
    }

    fn make(self, layout: Layout, fill: Option<Fill<'_>>) -> Result<A> {
        A::from_erased(self.create(A::dtype(&self.form), layout, A::guarded(&self.form), fill)?)
    }

    /// Makes an array of that type and layout, filled by `fill`. Of this builder, its own form and
    /// order are not asked.
    pub(crate) fn create(
        &self,
        dtype: DType,
        layout: Layout,
        guarded: bool,
        fill: Option<Fill<'_>>,
    ) -> Result<ErasedArray> {
        let spec = self.spec(dtype, layout, guarded)?;
        match self.backend {
            Some(BackendKind::Mmap) if self.workers == Workers::Spawned => {
                Err(backend_cannot("sharing with spawned workers", BackendKind::Mmap))
            }
            Some(backend) => ErasedArray::new(backends::create(backend, &spec, fill)?, None),
            None => {
                let bytes = Some(segment_len(&spec)?);
                let named = matches!(self.naming, Naming::Given(_));
                let needs = Needs { bytes, named, workers: self.workers, backend: None };
                automatic::create(&spec, &needs, fill)
            }
        }
    }

    fn spec(&self, dtype: DType, layout: Layout, guarded: bool) -> Result<Spec> {
        let name = match &self.naming {
            Naming::Given(Ok(name)) | Naming::Label(Ok(name)) => name.clone(),
            Naming::Given(Err(wrong)) | Naming::Label(Err(wrong)) => Name::new(wrong)?,
            Naming::Unique(prefix) => unique_name(prefix)?,
        };
        Ok(Spec {
            commit: self.commit,
            pages: self.pages,
            cleanup: self.cleanup,
            align: self.align,
            slots: self.slots,
            force: self.force,
            guarded,
            ..Spec::new(name, dtype, layout)
        })
    }

    /// The name and the backend that were asked for.
    #[cfg(feature = "npy")]
    pub(crate) fn asked(&self) -> (Option<&str>, Option<BackendKind>) {
        let name = match &self.naming {
            Naming::Given(name) | Naming::Label(name) => {
                Some(name.as_ref().map_or_else(String::as_str, Name::as_str))
            }
            Naming::Unique(_) => None,
        };
        (name, self.backend)
    }
}

/// The name, or what is no name.
fn parse(name: &str) -> Result<Name, String> {
    Name::new(name).map_err(|_| name.into())
}

/// Size of the segment that would be made, in bytes.
fn segment_len(spec: &Spec) -> Result<u64> {
    Ok(Header::new(spec, Stamp::default())?.segment_len())
}

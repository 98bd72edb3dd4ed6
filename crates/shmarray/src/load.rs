//! Arrays from `.npy` files.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use ndarray::Dimension;
use shm_core::{
    Access, Align, BackendKind, Cleanup, Commit, Element, ErrorKind, Fill, Name, Pages, Result,
    Sink,
};
use shm_npy::{NpyFile, NpyHeader};
use shm_select::Workers;

use crate::array::{GuardedArray, SharedArray};
use crate::backends;
use crate::builder::Builder;
use crate::erased::ErasedArray;

pub(crate) mod loadable;

use loadable::Loadable;
use loadable::dtype_mismatch;

/// How a file becomes an array `A`: a [`SharedArray`], a [`GuardedArray`] or an [`ErasedArray`].
/// [`create`](Self::create) or [`attach_or_create`](Self::attach_or_create) does it.
///
/// The elements go into the shared memory itself: there is no second copy. Nobody else sees
/// the array before it is whole. It has the file's order, C or Fortran, and always this machine's byte
/// order.
///
/// ```
/// use shmarray::prelude::*;
///
/// # fn main() -> shmarray::Result<()> {
/// # let path = std::env::temp_dir().join(format!("shmarray-{}.npy", std::process::id()));
/// let array: SharedArray<f32, Ix1> = SharedArray::builder(3).unique("saved").full(2.5)?;
/// array.save(&path)?;
///
/// let name = format!("loaded-{}", std::process::id());
/// let first = SharedArray::<f32, Ix1>::load(&path).name(&name).attach_or_create()?;
/// let again = SharedArray::<f32, Ix1>::load(&path).name(&name).attach_or_create()?;
/// assert!(!first.was_there && again.was_there);
/// assert_eq!(again.array.get(2), Some(2.5));
/// # std::fs::remove_file(path).unwrap();
/// # Ok(())
/// # }
/// ```
pub struct Load<'p, A> {
    path: PathBuf,
    #[cfg(feature = "npz")]
    member: Option<String>,
    /// Whether elements of the other byte order are converted.
    native: bool,
    /// Everything but type and shape, which the file has.
    options: Builder<ErasedArray>,
    progress: Box<dyn FnMut(u64, u64) + 'p>,
    array: PhantomData<fn() -> A>,
}

/// An array that has what a file says, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// The array.
    pub array: A,
    /// Whether it was there already, so that the file's elements were not read: others may have
    /// written to it since it was made.
    pub was_there: bool,
}

impl<T: Element, D: Dimension> SharedArray<T, D> {
    /// Begins an array from a `.npy` file. See [`Load`].
    pub fn load<'p>(path: impl AsRef<Path>) -> Load<'p, Self> {
        Load::new(path.as_ref())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Begins a guarded array from a `.npy` file. See [`Load`].
    pub fn load<'p>(path: impl AsRef<Path>) -> Load<'p, Self> {
        Load::new(path.as_ref())
    }
}

impl ErasedArray {
    /// Begins an array from a `.npy` file, of the type that the file has. See [`Load`].
    pub fn load<'p>(path: impl AsRef<Path>) -> Load<'p, Self> {
        Load::new(path.as_ref())
    }
}

impl<'p, A: Loadable> Load<'p, A> {
    fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            #[cfg(feature = "npz")]
            member: None,
            native: false,
            options: ErasedArray::builder(u8::dtype(), &[]),
            progress: Box::new(|_, _| {}),
            array: PhantomData,
        }
    }

    fn with(mut self, set: impl FnOnce(Builder<ErasedArray>) -> Builder<ErasedArray>) -> Self {
        self.options = set(self.options);
        self
    }

    /// The file is an `.npz` archive: its member of that name, stored or deflated.
    #[cfg(feature = "npz")]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.member = Some(name.into());
        self
    }

    /// If the file has the other byte order, each number gets this machine's while it is read: as files
    /// from other machines need. Without this, such a file is refused.
    pub fn native(mut self) -> Self {
        self.native = true;
        self
    }

    /// The array's name, by which others attach, as [`Builder::name`]. By default it gets a unique one.
    pub fn name(self, name: impl AsRef<str>) -> Self {
        self.with(|options| options.name(name))
    }

    /// A name by which tools show it, as [`Builder::label`].
    pub fn label(self, name: impl AsRef<str>) -> Self {
        self.with(|options| options.label(name))
    }

    /// A unique name with this beginning.
    pub fn unique(self, prefix: impl Into<String>) -> Self {
        self.with(|options| options.unique(prefix))
    }

    /// Its backend, as [`Builder::backend`].
    pub fn backend(self, backend: BackendKind) -> Self {
        self.with(|options| options.backend(backend))
    }

    /// How the processes start that are to share it, as [`Builder::workers`].
    pub fn workers(self, workers: Workers) -> Self {
        self.with(|options| options.workers(workers))
    }

    /// When its memory is reserved, as [`Builder::commit`].
    pub fn commit(self, commit: Commit) -> Self {
        self.with(|options| options.commit(commit))
    }

    /// Which pages its memory is in, as [`Builder::pages`].
    pub fn pages(self, pages: Pages) -> Self {
        self.with(|options| options.pages(pages))
    }

    /// When its name is removed, and by whom, as [`Builder::cleanup`].
    pub fn cleanup(self, cleanup: Cleanup) -> Self {
        self.with(|options| options.cleanup(cleanup))
    }

    /// Whether [`create`](Self::create) replaces an array of the same name, as [`Builder::force`].
    pub fn force(self, force: bool) -> Self {
        self.with(|options| options.force(force))
    }

    /// How its first element is aligned, as [`Builder::align`].
    pub fn align(self, align: Align) -> Self {
        self.with(|options| options.align(align))
    }

    /// Called while the file is read, after each mebibyte (64 of them, where several threads read)
    /// and at the end, with the bytes that have been read and those there are in all.
    pub fn progress(mut self, progress: impl FnMut(u64, u64) + 'p) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Reads the file into a new array, and refuses if its name is taken, but for
    /// [`force`](Self::force).
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists); [`DTypeMismatch`](ErrorKind::DTypeMismatch) and
    /// [`NdimMismatch`](ErrorKind::NdimMismatch) if the file has another type of array;
    /// [`InvalidDType`](ErrorKind::InvalidDType) for the other byte order without
    /// [`native`](Self::native); those of [`NpyFile::open`] and [`NpyFile::copy_to`]; those of [`Builder::zeros`]. Whatever fails,
    /// nothing is left behind.
    pub fn create(mut self) -> Result<A> {
        let mut file = self.open()?;
        self.make(&mut file)
    }

    /// Attaches to the array of that name, if there is one of the file's type and shape, and reads
    /// the file into a new one if there is none; [`Loaded::was_there`] tells which.
    ///
    /// Of several processes that find none, each reads the file; the first to be done makes the
    /// array, and the others attach to it. That takes a backend with names: with a
    /// [`label`](Self::label), or on `memfd`, each may get an array of its own. The file's order is
    /// not compared: the array's indices are what counts.
    ///
    /// # Errors
    /// [`ShapeMismatch`](ErrorKind::ShapeMismatch) and
    /// [`DTypeMismatch`](ErrorKind::DTypeMismatch) with what the file has and what is there; those
    /// of [`Array::attach`](crate::Array::attach) and [`create`](Self::create); `AlreadyExists` only
    /// if the name kept coming and going.
    pub fn attach_or_create(mut self) -> Result<Loaded<A>> {
        const ATTEMPTS: usize = 4;
        let mut file = self.open()?;
        let mut attempt = 1;
        loop {
            if let Some(found) = self.find()? {
                check_same(&found, file.header())?;
                return Ok(Loaded { array: A::from_erased(found)?, was_there: true });
            }
            match self.make(&mut file) {
                Err(error)
                    if attempt < ATTEMPTS
                        && matches!(error.kind(), ErrorKind::AlreadyExists { .. }) =>
                {
                    attempt += 1;
                }
                made => return Ok(Loaded { array: made?, was_there: false }),
            }
        }
    }

    /// The file, if its header fits `A`.
    fn open(&self) -> Result<NpyFile> {
        #[cfg(feature = "npz")]
        let file = match &self.member {
            Some(name) => NpyFile::open_member(&self.path, name)?,
            None => NpyFile::open(&self.path)?,
        };
        #[cfg(not(feature = "npz"))]
        let file = NpyFile::open(&self.path)?;
        if !self.native {
            file.header().require_native()?;
        }
        A::check(file.header())?;
        Ok(file)
    }

    /// What bears the name already.
    fn find(&self) -> Result<Option<ErasedArray>> {
        let found = match self.options.asked() {
            (None, _) | (_, Some(BackendKind::Memfd)) => return Ok(None),
            (Some(name), None) => ErasedArray::open(name, Access::ReadWrite),
            (Some(name), Some(backend)) => {
                backends::attach(backend, &Name::new(name)?, Access::ReadWrite)
                    .and_then(|found| ErasedArray::new(found, None))
            }
        };
        match found {
            Ok(array) => Ok(Some(array)),
            Err(error) => match error.kind() {
                // Not compiled: a build with `memfd` alone.
                ErrorKind::NotFound { .. } | ErrorKind::BackendNotCompiled { .. } => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn make(&mut self, file: &mut NpyFile) -> Result<A> {
        let (dtype, layout) = (file.header().dtype().clone(), file.header().layout().clone());
        let progress = &mut self.progress;
        let mut fill = |to: &mut dyn Sink| file.copy_to(to, &mut *progress);
        let fill = Fill::InOrder(&mut fill);
        A::from_erased(self.options.create(dtype, layout, A::GUARDED, Some(fill))?)
    }
}

fn check_same(found: &ErasedArray, file: &NpyHeader) -> Result<()> {
    let header = found.header();
    if header.dtype() != file.dtype() {
        return Err(dtype_mismatch(file.dtype(), header.dtype()));
    }
    let (expected, found) = (file.layout().shape(), header.layout().shape());
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_vec(), found.to_vec());
    Err(ErrorKind::ShapeMismatch { expected, found }.into())
}

impl<A> fmt::Debug for Load<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("path", &self.path)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

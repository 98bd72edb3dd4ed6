//! Arrays whose type is known at run time only, for tools.

use std::fmt;

use ndarray::Dimension;
use shm_core::{
    Access, BackendKind, Cleanup, DType, Element, ErrorKind, Name, Paging, Payload, Result,
};

use crate::backends::{self, COMPILED};
use crate::handle::Handle;
use crate::mode::Mode;
use crate::{Array, Participant, Transferable};

/// A shared array of any type, to be looked at or made a typed one.
#[derive(Clone)]
pub struct ErasedArray {
    handle: Handle,
}

impl ErasedArray {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    pub(crate) fn open(name: &str, access: Access) -> Result<Handle> {
        let name = Name::new(name)?;
        let named = COMPILED.contains(&BackendKind::Shm);
        // What only this process has goes before what the whole machine sees.
        if backends::is_anonymous(&name) || (!named && COMPILED.contains(&BackendKind::Mmap)) {
            match backends::attach(BackendKind::Mmap, &name, access) {
                Err(error) if named && matches!(error.kind(), ErrorKind::NotFound { .. }) => {}
                found => return Ok(Handle::new(found?, None)),
            }
        }
        Ok(Handle::new(backends::attach(BackendKind::Shm, &name, access)?, None))
    }

    /// Attaches by name for reading and writing: to an anonymous array of this process, or else
    /// to a named segment.
    ///
    /// # Errors
    /// As for [`Array::attach`], but for those on its type.
    pub fn attach(name: &str) -> Result<Self> {
        Self::open(name, Access::ReadWrite).map(Self::new)
    }

    /// Attaches by name for reading.
    ///
    /// # Errors
    /// As for [`attach`](Self::attach).
    pub fn attach_read_only(name: &str) -> Result<Self> {
        Self::open(name, Access::ReadOnly).map(Self::new)
    }

    /// Attaches to what a payload describes: for reading if it is frozen, otherwise for reading
    /// and writing.
    ///
    /// # Errors
    /// As for [`Array::from_payload`], but for those on its type.
    pub fn from_payload(payload: &Payload) -> Result<Self> {
        let frozen = payload.descriptor.frozen;
        let access = if frozen { Access::ReadOnly } else { Access::ReadWrite };
        Handle::from_payload(payload, access).map(Self::new)
    }

    /// As an array of elements `T` in `D` dimensions, of mode `M`.
    ///
    /// # Errors
    /// [`DTypeMismatch`](ErrorKind::DTypeMismatch), [`NdimMismatch`](ErrorKind::NdimMismatch),
    /// [`GuardMismatch`](ErrorKind::GuardMismatch);
    /// [`AccessDenied`](ErrorKind::AccessDenied), [`NotSealed`](ErrorKind::NotSealed) and
    /// [`BackendCannot`](ErrorKind::BackendCannot) if it is not of that mode.
    pub fn typed<T: Element, D: Dimension, M: Mode>(self) -> Result<Array<T, D, M>> {
        Array::new(self.handle)
    }

    /// What rebuilds this array in another process.
    ///
    /// # Errors
    /// [`BackendCannot`](ErrorKind::BackendCannot) on backend `mmap`.
    pub fn payload(&self) -> Result<Payload> {
        self.handle.payload()
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        self.handle.name()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> &DType {
        self.handle.header().dtype()
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        self.handle.shape()
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements that it shows.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether it shows no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the elements that it shows, in bytes.
    pub fn nbytes(&self) -> usize {
        self.len() * self.dtype().itemsize()
    }

    /// Where its first element lies in the segment, as [`Array::data_offset`].
    pub fn data_offset(&self) -> u64 {
        self.handle.header().data_offset()
    }

    /// The backend that it is on.
    pub fn backend(&self) -> BackendKind {
        self.handle.backend()
    }

    /// The access that this process has.
    pub fn access(&self) -> Access {
        self.handle.access()
    }

    /// Which pages its memory here asks of the kernel, and why not huge ones.
    pub fn paging(&self) -> Paging {
        self.handle.region().paging()
    }

    /// Who removes it.
    pub fn cleanup(&self) -> Cleanup {
        self.handle.header().cleanup()
    }

    /// Whether the kernel refuses every writer.
    pub fn is_frozen(&self) -> bool {
        self.handle.is_frozen()
    }

    /// Who has a slot, as [`Array::participants`].
    ///
    /// # Errors
    /// [`Os`](ErrorKind::Os).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        shm_sync::participants(self.handle.attachment())
    }

    /// Whether anybody else is attached, as [`Array::has_others`].
    ///
    /// # Errors
    /// [`Os`](ErrorKind::Os).
    pub fn has_others(&self) -> Result<Option<bool>> {
        self.handle.segment().file().map(shm_presence::ask_others).transpose()
    }

    /// Whether its elements are reached through guards and claims only.
    pub fn is_guarded(&self) -> bool {
        self.handle.header().guarded()
    }

    /// Removes the OS object's name, if it has one; a second call does nothing.
    ///
    /// # Errors
    /// As for [`Array::destroy`].
    pub fn destroy(&self) -> Result<()> {
        self.handle.segment().destroy()
    }
}

impl Transferable for ErasedArray {}

impl crate::transferable::Sealed for ErasedArray {
    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for ErasedArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasedArray({:?})", self.handle)
    }
}

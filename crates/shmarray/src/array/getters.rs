//! The methods of a typed array that need no element type: each forwards to the erased handle.

use ndarray::{Dimension, IntoDimension, SliceArg};
use shm_core::{Access, BackendKind, Cleanup, DType, Element, Name, Paging, Payload, Result};
use shm_select::Selection;
use shm_sync::Participant;

use super::Array;
use crate::mode::Mode;

impl<T: Element, D: Dimension, M: Mode> Array<T, D, M> {
    /// The description that rebuilds this array in another process, with the part that it shows.
    ///
    /// On `memfd` it works while this array lives: pass the descriptor itself
    /// (`shmarray::transfer`) where that is not sure.
    ///
    /// # Errors
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on backend `mmap`.
    pub fn payload(&self) -> Result<Payload> {
        self.erased.payload()
    }

    /// Its name: that of the segment, unless it was [`renamed`](Self::renamed).
    pub fn name(&self) -> &Name {
        self.erased.name()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> &DType {
        self.erased.dtype()
    }

    /// Where the first element of the whole array lies: bytes from the start of the segment, a
    /// multiple of 64. It is for programs that map the segment without this library, as Python does:
    /// `np.ndarray(shape, dtype, shm.buf, offset, order=order)`. The bytes before it are not for them.
    pub fn data_offset(&self) -> u64 {
        self.erased.data_offset()
    }

    /// How many participants can hold a slot at the same time, as [`slots`](crate::Builder::slots) said.
    pub fn slots(&self) -> u32 {
        self.erased.slots()
    }

    /// The backend that it is on.
    pub fn backend(&self) -> BackendKind {
        self.erased.backend()
    }

    /// The access that this process has.
    pub fn access(&self) -> Access {
        self.erased.access()
    }

    /// When its name is removed, and by whom.
    pub fn cleanup(&self) -> Cleanup {
        self.erased.cleanup()
    }

    /// Which pages its memory here asks of the kernel, and why not huge ones.
    pub fn paging(&self) -> Paging {
        self.erased.paging()
    }

    /// How its backend was chosen, where that was left to the library.
    pub fn selection(&self) -> Option<&Selection> {
        self.erased.selection()
    }

    /// A part of it: ranges, steps, single indices, new axes. The same memory.
    ///
    /// # Errors
    /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds), with the figures;
    /// [`ZeroStep`](shm_core::ErrorKind::ZeroStep).
    pub fn slice<I: SliceArg<D>>(&self, info: I) -> Result<Array<T, I::OutDim, M>> {
        Array::new(self.erased.slice(info)?)
    }

    /// Its elements in another shape, in the order of the whole array. The same memory.
    ///
    /// # Errors
    /// [`ReshapeMismatch`](shm_core::ErrorKind::ReshapeMismatch) if the number of elements differs;
    /// [`NotContiguous`](shm_core::ErrorKind::NotContiguous) if this is a part that does not lie in
    /// one piece.
    pub fn reshape<E: IntoDimension>(&self, shape: E) -> Result<Array<T, E::Dim, M>> {
        Array::new(self.erased.reshape(shape.into_dimension().slice())?)
    }

    /// A clone that goes by another name in this process: in [`name`](Self::name), errors and
    /// `Debug`. The same memory; the segment, and with it payloads, keep their own name.
    ///
    /// # Errors
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName).
    pub fn renamed(&self, name: &str) -> Result<Self> {
        Self::new(self.erased.renamed(name)?)
    }

    /// Removes the OS object's name, if it has one; a second call does nothing. Those attached,
    /// this handle included, keep their memory.
    ///
    /// # Errors
    /// [`ForkedChild`](shm_core::ErrorKind::ForkedChild) on `shm` in a child that inherited it;
    /// [`Busy`](shm_core::ErrorKind::Busy) if another process changes the name and does not finish.
    pub fn destroy(&self) -> Result<()> {
        self.erased.destroy()
    }

    /// The participants: each process that has locked, claimed, or taken a seat at the barrier has a
    /// slot, and the kernel tells whether it lives. A process that only reads and writes elements has
    /// none.
    ///
    /// # Errors
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        self.erased.participants()
    }

    /// Whether anybody else is attached: another process, or another attachment in this one.
    /// Clones and forked children share one attachment. None on backend `mmap`, where the kernel
    /// does not tell.
    ///
    /// # Errors
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn has_others(&self) -> Result<Option<bool>> {
        self.erased.has_others()
    }
}

//! How a raw segment is taken for an array, or made for one.

use std::marker::PhantomData;

use ndarray::{Dimension, IntoDimension};
use shm_core::{BackendKind, Commit, Element, Layout, Name, Order, Result, Window};
use shm_posix::RawSegment;

use super::attachment::{RawAttachment, RawSpan};
use super::{Raw, RawArray};
use crate::addresses::Located;
use crate::mode::{Open, ReadWrite};

/// The dtype, shape and place of a raw array, and its options. [`attach`](Self::attach) attaches to a segment and
/// [`create`](RawBuilder::create) makes one, in mode `M`.
#[derive(Clone, Debug)]
pub struct RawBuilder<T, D, M = ReadWrite> {
    shape: D,
    order: Order,
    offset: u64,
    commit: Commit,
    force: bool,
    #[allow(clippy::type_complexity)] // a marker
    array: PhantomData<fn() -> (T, M)>,
}

impl<T: Element, D: Dimension, M: Open> RawBuilder<T, D, M> {
    pub(super) fn new(shape: impl IntoDimension<Dim = D>) -> Self {
        Self {
            shape: shape.into_dimension(),
            order: Order::default(),
            offset: 0,
            commit: Commit::default(),
            force: false,
            array: PhantomData,
        }
    }

    /// Which index changes fastest in memory.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Where its first element lies: bytes from the start of the segment. The library does not
    /// touch the bytes before it.
    pub fn offset(mut self, bytes: u64) -> Self {
        self.offset = bytes;
        self
    }

    /// When its memory is reserved. Attaching for writing does that too, up to the last element:
    /// Python gives a block its size and no memory. [`Lazy`](Commit::Lazy) leaves it to the first
    /// touch, which is SIGBUS on a full `/dev/shm`; so it is, in any case, for a reader who touches
    /// what nobody has written yet.
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = commit;
        self
    }

    /// Attaches to a segment that another program has made, by its name without a leading `/`. It
    /// may be longer than the array, as Python's are where sizes are rounded up.
    ///
    /// # Errors
    /// [`NotFound`](shm_core::ErrorKind::NotFound); [`Truncated`](shm_core::ErrorKind::Truncated)
    /// if it is shorter than offset and array together;
    /// [`Misaligned`](shm_core::ErrorKind::Misaligned) for an offset that is not a multiple
    /// of what the elements need: of their alignment, and of the largest of 1, 2, 4 and 8 bytes
    /// that divides their size; [`NotRaw`](shm_core::ErrorKind::NotRaw) for an array of this
    /// library; [`NotASegment`](shm_core::ErrorKind::NotASegment),
    /// [`WrongOwner`](shm_core::ErrorKind::WrongOwner),
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied) for what it must not open;
    /// [`NoSpace`](shm_core::ErrorKind::NoSpace),
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached);
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName),
    /// [`ShapeOverflow`](shm_core::ErrorKind::ShapeOverflow).
    pub fn attach(self, name: &str) -> Result<Raw<T, D, M>> {
        let commit = self.commit;
        self.map(name, |name, len| RawSegment::attach(name, len, M::ACCESS, commit))
    }

    fn map(
        self,
        name: &str,
        segment: impl FnOnce(&Name, usize) -> Result<RawSegment>,
    ) -> Result<Raw<T, D, M>> {
        let name = Name::new(name)?;
        let layout = Layout::new(self.shape.slice(), self.order, size_of::<T>())?;
        let window = Window::whole(&layout);
        let span = RawSpan { layout, offset: self.offset, window };
        let len = span.elements::<T, D>()?.end();
        let segment = segment(&name, len)?;
        let located = Located {
            name,
            backend: BackendKind::Shm,
            dtype: T::dtype(),
            shape: span.layout.shape().to_vec(),
            access: M::ACCESS,
            offset: 0,
        };
        Raw::new(RawAttachment::new(segment, &span, located), span)
    }
}

impl<T: Element, D: Dimension> RawBuilder<T, D> {
    /// Whether to replace what bears the name; those attached to it keep it.
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Makes a segment of zeros that is as long as offset and array together, for other programs to
    /// attach to: `SharedMemory(name)` in Python. Its mode is `0600`. It stays until it is
    /// unlinked.
    ///
    /// # Errors
    /// [`AlreadyExists`](shm_core::ErrorKind::AlreadyExists) without [`force`](Self::force);
    /// [`BackendRefused`](shm_core::ErrorKind::BackendRefused) where `/dev/shm` cannot be written;
    /// [`NoSpace`](shm_core::ErrorKind::NoSpace),
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached);
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName),
    /// [`ShapeOverflow`](shm_core::ErrorKind::ShapeOverflow) and
    /// [`Misaligned`](shm_core::ErrorKind::Misaligned) as for [`attach`](Self::attach).
    /// Whatever fails, nothing is left behind.
    pub fn create(self, name: &str) -> Result<RawArray<T, D>> {
        let (commit, force) = (self.commit, self.force);
        self.map(name, |name, len| RawSegment::create(name, len, commit, force))
    }
}

//! What a backend promises, as traits.
//!
//! [`Backend`], [`Segment`] and [`Region`] are what every mechanism can do. What only some can do
//! is a trait of its own: [`Named`] (remove by name), [`Handover`] (hand out an open file),
//! [`Identified`] (tell participants alive from dead), [`Sealable`] (freeze).
#![allow(unsafe_code)] // `unsafe trait Region`: views rely on its answers.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::ptr::NonNull;

use crate::backend_kind::BackendKind;
use crate::error::{Error, Result};
use crate::header::Header;
use crate::name::Name;
use crate::options::{Access, Paging};
use crate::spec::Spec;

/// Bytes mapped into this process: where, how many, which access.
///
/// # Safety
/// While the value lives, wherever it is moved, `len()` bytes from `start()` are mapped with that
/// access, `start()` does not change and is aligned to 4096 bytes, and `len()` is at most
/// `isize::MAX`. Other processes may write the bytes at any time.
pub unsafe trait Region: Send + Sync {
    /// Address of the segment's first byte.
    fn start(&self) -> NonNull<u8>;

    /// Length in bytes.
    fn len(&self) -> usize;

    /// Whether the bytes may be written.
    fn access(&self) -> Access;

    /// Which pages it asks of the kernel.
    fn paging(&self) -> Paging {
        Paging::ordinary("this kind of mapping asks for no others")
    }

    /// Whether there is no byte: never, as a segment has a header.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A hold on an OS object: it stays while one of these lives, in whatever process.
///
/// Clones share the hold. In a forked child every method but `destroy` works on what it inherited,
/// and dropping never removes anything.
pub trait Segment: Clone + Send + Sync + 'static {
    /// What mapping it gives.
    type Region: Region + 'static;

    /// What its start says, read and checked when this was created or attached.
    fn header(&self) -> &Header;

    /// The access with which it was opened.
    fn access(&self) -> Access;

    /// Maps the whole segment into this process. The region keeps the segment.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`](crate::ErrorKind::LimitReached) for `vm.max_map_count` and
    /// limits on address space; [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) if it has
    /// been shortened since.
    fn map(&self) -> Result<Self::Region>;

    /// Removes the OS object's name, if it has one and still bears it. Doing so twice is success,
    /// and those attached keep their memory.
    ///
    /// # Errors
    /// [`ErrorKind::ForkedChild`](crate::ErrorKind::ForkedChild) in a forked child that inherited
    /// it, where others see the name; [`ErrorKind::Busy`](crate::ErrorKind::Busy) if another process changes the name at this
    /// moment and does not finish.
    fn destroy(&self) -> Result<()>;
}

/// A segment together with its mapping here, as create and attach give it.
#[derive(Debug)]
pub struct Attached<S: Segment> {
    /// The mapping; dropped before the segment, so that the last one out is alone.
    pub region: S::Region,
    /// The hold on the OS object.
    pub segment: S,
}

/// How a new array gets its first contents, before anybody else can see it.
pub enum Fill<'a> {
    /// Anywhere, through the freshly mapped, zero-filled region, which nobody else has.
    InPlace(&'a mut dyn FnMut(&Header, &dyn Region) -> Result<()>),
    /// One after the other, in the order of memory: the backend takes the fastest way, and reserves
    /// no memory in advance for what is written anyway. What is not written is zero.
    InOrder(&'a mut dyn FnMut(&mut dyn Sink) -> Result<()>),
    /// As [`InOrder`](Self::InOrder), for a closure that must not run twice: memory is reserved
    /// first, unless it is to be [`Lazy`](crate::Commit::Lazy), and the cell is set to true before the call.
    InOrderOnce(&'a mut dyn FnMut(&mut dyn Sink) -> Result<()>, &'a Cell<bool>),
}

impl Fill<'_> {
    /// Whether it writes all bytes, one after the other.
    pub fn is_in_order(&self) -> bool {
        matches!(self, Self::InOrder(_) | Self::InOrderOnce(..))
    }

    /// A shorter borrow of the same, so that it is still there for a second attempt.
    pub fn reborrow(&mut self) -> Fill<'_> {
        match self {
            Self::InPlace(fill) => Fill::InPlace(*fill),
            Self::InOrder(fill) => Fill::InOrder(*fill),
            Self::InOrderOnce(fill, begun) => Fill::InOrderOnce(*fill, begun),
        }
    }

    /// Whether it has been called, and must not be called again.
    pub fn is_used_up(&self) -> bool {
        matches!(self, Self::InOrderOnce(_, begun) if begun.get())
    }
}

impl fmt::Debug for Fill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InPlace(_) => "InPlace",
            Self::InOrder(_) => "InOrder",
            Self::InOrderOnce(..) => "InOrderOnce",
        })
    }
}

/// Takes the elements of a new array as bytes, from the first to the last.
pub trait Sink {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace);
    /// [`ErrorKind::Oversized`](crate::ErrorKind::Oversized) for more bytes than the array has.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Writes the first `len` bytes of these, repeated without end; none, if there are none.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    fn write_repeated(&mut self, bytes: &[u8], mut len: usize) -> Result<()> {
        while len > 0 && !bytes.is_empty() {
            let more = len.min(bytes.len());
            self.write(&bytes[..more])?;
            len -= more;
        }
        Ok(())
    }

    /// How many bytes of a file [`copy_from`](Self::copy_from) had best be asked for at once.
    fn best_piece(&self) -> usize {
        1 << 20
    }

    /// Writes the next bytes from a file: at most `len` of them, from `offset` on. Tells how many;
    /// none only at the file's end, or if `len` is zero.
    ///
    /// # Errors
    /// Those of [`write`](Self::write); [`ErrorKind::Os`](crate::ErrorKind::Os) if the file cannot
    /// be read.
    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize>;
}

/// One OS mechanism.
pub trait Backend {
    /// Which one it is.
    const KIND: BackendKind;

    /// Its segments.
    type Segment: Segment;

    /// What attaching starts from: a name, or a descriptor.
    type Source;

    /// Makes a segment, writes its header, fills it, and only then publishes it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists),
    /// [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace),
    /// [`ErrorKind::LimitReached`](crate::ErrorKind::LimitReached), those of [`Header::new`], and
    /// that of `fill`. Whatever fails, nothing is left behind.
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<Self::Segment>>;

    /// Opens and maps a segment that is there already, after checking its header.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) and those of [`Header::decode`].
    fn attach(&self, source: Self::Source, access: Access) -> Result<Attached<Self::Segment>>;
}

/// A backend whose segments can be removed by name alone.
pub trait Named: Backend {
    /// Removes the name; those attached keep their memory. Tells whether the name is free now,
    /// which it is also if nothing bore it.
    ///
    /// # Errors
    /// [`ErrorKind::WrongOwner`](crate::ErrorKind::WrongOwner),
    /// [`ErrorKind::NotASegment`](crate::ErrorKind::NotASegment),
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) as for [`Segment::destroy`].
    fn delete(&self, name: &Name) -> Result<bool>;
}

/// A segment that another process can be given as an open file.
pub trait Handover: Segment {
    /// The file through which it is mapped.
    fn file(&self) -> &File;
}

/// A segment whose participants the kernel can tell alive from dead: by locks on the bytes of
/// slots, which end with the participant that took them.
pub trait Identified: Segment {
    /// Where to ask who holds a slot. Every process that has the segment mapped is led to the same
    /// file.
    ///
    /// # Errors
    /// Where the mechanism needs a file of its own for the locks, why the system did not give one
    /// when the segment was made: [`ErrorKind::LimitReached`](crate::ErrorKind::LimitReached),
    /// [`ErrorKind::Os`](crate::ErrorKind::Os).
    fn slot_locks(&self) -> Result<SlotLocks<&File>>;

    /// Where to take a slot: the same file opened afresh, for writing, so that no other process
    /// and no earlier holder shares what is locked through it. It works in a read-only attachment
    /// too if the system lets this process write to the file.
    ///
    /// It creates, attaches and drops no array, and does not fork.
    ///
    /// # Errors
    /// Those of [`slot_locks`](Self::slot_locks);
    /// [`ErrorKind::AccessDenied`](crate::ErrorKind::AccessDenied) if this process may not write to
    /// the file; [`ErrorKind::Path`](crate::ErrorKind::Path) where the system cannot open it
    /// afresh.
    fn open_locks(&self) -> Result<SlotLocks>;
}

/// Where the locks of a segment's slots are held: slot `i` is byte `first + i` of the lock range of
/// this file, which other segments may share. To [take](Identified::open_locks) a slot the file is
/// owned; to [ask](Identified::slot_locks) about one it is borrowed.
#[derive(Clone, Copy, Debug)]
pub struct SlotLocks<F = File> {
    /// The file.
    pub file: F,
    /// The byte of slot 0. The next [`MAX_SLOTS`](crate::MAX_SLOTS) are this segment's alone.
    pub first: u64,
}

/// A segment that can be frozen: the kernel then refuses every writer, present and future.
pub trait Sealable: Segment {
    /// Whether it is frozen, as the kernel told when it was attached or frozen here.
    fn is_frozen(&self) -> bool;

    /// Freezes it, and attaches it read-only. The caller has dropped its own regions.
    ///
    /// # Errors
    /// [`ErrorKind::StillWritable`](crate::ErrorKind::StillWritable) if anybody, here or
    /// elsewhere, maps it writable: nothing has changed then, and it can be mapped again.
    /// [`ErrorKind::LimitReached`](crate::ErrorKind::LimitReached).
    fn freeze(&self) -> Result<Attached<Self>>;
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<Error>();
};

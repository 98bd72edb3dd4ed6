//! The bytes at the start of a segment, which make it describe itself.
//!
//! Version 5, in the byte order of the machine that wrote it (offsets and lengths in bytes):
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `SHMARRAY` |
//! | 8 | byte-order mark `0x01020304`, `u32` |
//! | 12 | version, `u16`; then cleanup and order, `u8` each |
//! | 16 | offset and length of the data, length of the segment, `u64` each |
//! | 40 | UUID of the segment, 16 bytes |
//! | 56 | time of creation, `u64` nanoseconds since 1970; then the creator's pid, `u32` |
//! | 68 | number of dimensions, length of name, length of descr, flags, `u16` each; flag bit 0 is *guarded* |
//! | 76 | offset of the lengths, of the sync area and of the slot table, number of slots (1 to [`MAX_SLOTS`]), `u32` each |
//! | 92 | hints, `u32`: bit 0 says that it is meant for huge pages; then zeros up to the sync area |
//! | 128 | sync area: [`SYNC_LEN`] bytes for lock, barrier, claims and progress |
//! | 1024 | the shape, `u64` each; the name; the dtype's `descr` |
//! | next page | slot table: slots of [`SLOT_LEN`] bytes, one per participant |
//! | next multiple of the alignment | the data |
//!
//! The words in the sync area and in the slots are those of shm-sync. What they mean belongs to the
//! version too, as whoever takes them for something else would break the locks of the others.

use std::borrow::Cow;

use uuid::Uuid;

use crate::dtype::DType;
use crate::error::Result;
use crate::error::kind::ErrorKind;
use crate::layout::{Layout, MAX_NDIM};
use crate::name::Name;
use crate::options::{Align, Cleanup};
use crate::spec::Spec;

mod bytes;

const SYNC_OFFSET: u32 = 128;
const META_OFFSET: u32 = 1024;
const SLOTS_ALIGN: u64 = 4096;

/// Bytes kept in every header for what processes share besides the data.
pub const SYNC_LEN: u32 = META_OFFSET - SYNC_OFFSET;
/// The most slots that an array can have: a cursor of claims names one in ten bits.
pub const MAX_SLOTS: u32 = 1024;
/// Bytes per slot: a cache line, so that participants do not slow each other.
pub const SLOT_LEN: u32 = 64;

/// Which segment it is, and who made it when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Tells it from every other segment, also from a successor of the same name.
    pub uuid: Uuid,
    /// Nanoseconds since 1970-01-01T00:00 UTC, to some milliseconds.
    pub created: u64,
    /// Process id of the creator, in its own PID namespace.
    pub creator: u32,
}

/// What the start of a segment says about the array in it; checked when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    stamp: Stamp,
    name: Name,
    dtype: DType,
    layout: Layout,
    cleanup: Cleanup,
    guarded: bool,
    huge: bool,
    slots_offset: u64,
    slot_count: u32,
    data_offset: u64,
    segment_len: u64,
}

impl Header {
    /// Bytes that are worth reading at first: enough for all but very long structured dtypes.
    pub const FIRST_READ: usize = 2048;

    /// The most bytes that [`encode`](Self::encode) yields.
    pub const MAX_LEN: usize =
        META_OFFSET as usize + 8 * MAX_NDIM + Name::MAX_LEN + DType::MAX_DESCR_LEN;

    /// The header of a segment that is about to be made.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidDType`] for a dtype that is not of this machine's byte order, whose
    /// `descr` cannot be read back (more than 10 000 bytes, nested too deep, …), or that does not
    /// fit the layout's itemsize;
    /// [`ErrorKind::ShapeOverflow`] if there is no room for header and data together;
    /// [`ErrorKind::InvalidAlignment`] for one that is not a power of two of at least 4096;
    /// [`ErrorKind::InvalidSlots`] for no slots or more than [`MAX_SLOTS`].
    #[inline]
    pub fn new(spec: &Spec, stamp: Stamp) -> Result<Self> {
        let Spec { name, dtype, layout, cleanup, guarded, align, slots, .. } = spec;
        let descr = dtype.descr();
        let bad = |reason: &str| -> Result<Self> {
            let descr = descr.chars().take(80).collect();
            Err(ErrorKind::InvalidDType { descr, reason: reason.into() }.into())
        };
        if !dtype.is_native() {
            return bad("shared arrays have this machine's byte order");
        }
        if let Cow::Owned(unusual) = &descr {
            unusual.parse::<DType>()?; // or nobody could attach
        }
        if dtype.itemsize() != layout.itemsize() || layout.itemsize() == 0 {
            return bad("its size is not that of the layout's elements");
        }
        if let Align::Page(bytes) = align
            && (!bytes.is_power_of_two() || *bytes < 4096)
        {
            return Err(ErrorKind::InvalidAlignment { bytes: *bytes }.into());
        }
        if !(1..=MAX_SLOTS).contains(slots) {
            return Err(ErrorKind::InvalidSlots { slots: *slots, most: MAX_SLOTS }.into());
        }
        let meta_len = 8 * layout.ndim() + name.as_bytes().len() + descr.len();
        let slots_offset = (u64::from(META_OFFSET) + meta_len as u64).next_multiple_of(SLOTS_ALIGN);
        let slots_end = slots_offset + u64::from(slots * SLOT_LEN);
        let data_offset = slots_end.next_multiple_of(align.bytes());
        let segment_len = data_offset
            .checked_add(layout.nbytes() as u64)
            .filter(|len| i64::try_from(*len).is_ok() && isize::try_from(*len).is_ok());
        let Some(segment_len) = segment_len else {
            let (shape, itemsize) = (layout.shape().to_vec(), layout.itemsize());
            return Err(ErrorKind::ShapeOverflow { shape, itemsize }.into());
        };
        Ok(Self {
            stamp,
            name: name.clone(),
            dtype: dtype.clone(),
            layout: layout.clone(),
            cleanup: *cleanup,
            guarded: *guarded,
            huge: false,
            slots_offset,
            slot_count: *slots,
            data_offset,
            segment_len,
        })
    }

    /// Which segment it is, and who made it when.
    #[inline]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The name it was made with.
    #[inline]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The type of its elements.
    #[inline]
    pub fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// The shape and order of the whole array.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Who removes it.
    pub fn cleanup(&self) -> Cleanup {
        self.cleanup
    }

    /// Whether its elements are reached through guards and claims only.
    #[inline]
    pub fn guarded(&self) -> bool {
        self.guarded
    }

    /// Whether its maker asked for huge pages: it is best mapped accordingly.
    #[inline]
    pub fn huge(&self) -> bool {
        self.huge
    }

    /// The same, meant for huge pages or not.
    pub fn with_huge(self, huge: bool) -> Self {
        Self { huge, ..self }
    }

    /// Distance of the first element from the segment's start, in bytes.
    #[inline]
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Size of the whole segment, in bytes.
    #[inline]
    pub fn segment_len(&self) -> u64 {
        self.segment_len
    }

    /// Size of the whole segment, in bytes, as the length of a mapping. What does not fit the
    /// address space is the largest length there is, which no mapping can have.
    #[inline]
    pub fn mapped_len(&self) -> usize {
        usize::try_from(self.segment_len).unwrap_or(usize::MAX)
    }

    /// Distance of the slot table from the segment's start, in bytes.
    #[inline]
    pub fn slots_offset(&self) -> u64 {
        self.slots_offset
    }

    /// Number of slots of [`SLOT_LEN`] bytes in the slot table: 1 to [`MAX_SLOTS`].
    #[inline]
    pub fn slot_count(&self) -> u32 {
        self.slot_count
    }

    /// Distance of the sync area of [`SYNC_LEN`] bytes from the segment's start, in bytes.
    #[inline]
    pub fn sync_offset(&self) -> u64 {
        u64::from(SYNC_OFFSET)
    }
}

//! The bytes at the start of a segment, which make it describe itself.
//!
//! Version 1, in the byte order of the machine that wrote it (offsets and lengths in bytes):
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `SHMARRAY` |
//! | 8 | byte-order mark `0x01020304`, `u32` |
//! | 12 | version, `u16`; then cleanup and order, `u8` each |
//! | 16 | offset and length of the data, length of the segment, `u64` each |
//! | 40 | identity of the segment, 16 bytes (a UUID) |
//! | 56 | time of creation, `u64` nanoseconds since 1970; then the creator's pid, `u32` |
//! | 68 | number of dimensions, length of name, length of descr, `u16` each; two bytes of zero |
//! | 76 | offset of the lengths, of the sync area and of the slot table, number of slots, `u32` each |
//! | 92 | zeros up to the sync area |
//! | 128 | sync area: [`SYNC_LEN`] bytes kept for locks, barriers and flags |
//! | 1024 | the shape, `u64` each; the name; the dtype's `descr` |
//! | next page | slot table: [`SLOT_COUNT`] slots of [`SLOT_LEN`] bytes, one per participant |
//! | next multiple of the alignment | the data |

use uuid::Uuid;

use crate::{
    Align, Cleanup, DType, Descriptor, ErrorKind, Layout, MAX_NDIM, Name, Order, Result, Spec,
};

const MAGIC: [u8; 8] = *b"SHMARRAY";
const ORDER_MARK: u32 = 0x0102_0304;
const VERSION: u16 = 1;
const FIXED_LEN: usize = 128;
const SYNC_OFFSET: u32 = 128;
const META_OFFSET: u32 = 1024;
const SLOTS_ALIGN: u64 = 4096;

/// Bytes kept in every header for what processes share besides the data.
pub const SYNC_LEN: u32 = META_OFFSET - SYNC_OFFSET;
/// Participants that can hold a slot of their own at the same time.
pub const SLOT_COUNT: u32 = 64;
/// Bytes per slot: a cache line, so that participants do not slow each other.
pub const SLOT_LEN: u32 = 64;

/// Which segment it is, and who made it when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Tells it from every other segment, also from a successor of the same name.
    pub uuid: Uuid,
    /// Nanoseconds since 1970-01-01T00:00 UTC.
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
    slots_offset: u64,
    slot_count: u32,
    data_offset: u64,
    segment_len: u64,
}

impl Header {
    /// Bytes that are worth reading at first: enough for all but very long structured dtypes.
    pub const FIRST_READ: usize = 4096;

    /// The most bytes that [`encode`](Self::encode) yields.
    pub const MAX_LEN: usize =
        META_OFFSET as usize + 8 * MAX_NDIM + Name::MAX_LEN + DType::MAX_DESCR_LEN;

    /// The header of a segment that is about to be made.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidDType`] for a dtype that is not of this machine's byte order, has a
    /// `descr` of more than 8192 bytes, or does not fit the layout's itemsize;
    /// [`ErrorKind::ShapeOverflow`] if there is no room for header and data together;
    /// [`ErrorKind::InvalidWindow`] for an alignment that is not a power of two of at least 4096.
    pub fn new(spec: &Spec, stamp: Stamp) -> Result<Self> {
        let Spec {
            name,
            dtype,
            layout,
            cleanup,
            align,
            ..
        } = spec;
        let descr = dtype.to_string();
        let bad = |reason: &str| -> Result<Self> {
            let descr = descr.chars().take(80).collect();
            Err(ErrorKind::InvalidDType {
                descr,
                reason: reason.into(),
            }
            .into())
        };
        if !dtype.is_native() {
            return bad("shared arrays have this machine's byte order");
        }
        if descr.len() > DType::MAX_DESCR_LEN {
            return bad("its description has more than 8192 bytes");
        }
        if dtype.itemsize() != layout.itemsize() || layout.itemsize() == 0 {
            return bad("its size is not that of the layout's elements");
        }
        if let Align::Page(bytes) = align
            && (!bytes.is_power_of_two() || *bytes < 4096)
        {
            let reason = format!("alignment {bytes} is not a power of two of at least 4096 bytes");
            return Err(ErrorKind::InvalidWindow { reason }.into());
        }
        let meta_len = 8 * layout.ndim() + name.as_str().len() + descr.len();
        let slots_offset = (u64::from(META_OFFSET) + meta_len as u64).next_multiple_of(SLOTS_ALIGN);
        let slots_end = slots_offset + u64::from(SLOT_COUNT * SLOT_LEN);
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
            slots_offset,
            slot_count: SLOT_COUNT,
            data_offset,
            segment_len,
        })
    }

    /// Which segment it is, and who made it when.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The name it was made with.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The type of its elements.
    pub fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// The shape and order of the whole array.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Who removes it.
    pub fn cleanup(&self) -> Cleanup {
        self.cleanup
    }

    /// Distance of the first element from the segment's start, in bytes.
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// Size of the whole segment, in bytes.
    pub fn segment_len(&self) -> u64 {
        self.segment_len
    }

    /// Distance of the slot table from the segment's start, in bytes.
    pub fn slots_offset(&self) -> u64 {
        self.slots_offset
    }

    /// Number of slots of [`SLOT_LEN`] bytes in the slot table.
    pub fn slot_count(&self) -> u32 {
        self.slot_count
    }

    /// Distance of the sync area of [`SYNC_LEN`] bytes from the segment's start, in bytes.
    pub fn sync_offset(&self) -> u64 {
        u64::from(SYNC_OFFSET)
    }

    /// The bytes to write at the segment's start.
    pub fn encode(&self) -> Vec<u8> {
        let descr = self.dtype.to_string();
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX); // bounded in `new`
        let mut bytes = Vec::with_capacity(2048);
        bytes.extend(MAGIC);
        bytes.extend(ORDER_MARK.to_ne_bytes());
        bytes.extend(VERSION.to_ne_bytes());
        bytes.extend([
            code(CLEANUPS, self.cleanup),
            code(ORDERS, self.layout.order()),
        ]);
        for long in [
            self.data_offset,
            self.layout.nbytes() as u64,
            self.segment_len,
        ] {
            bytes.extend(long.to_ne_bytes());
        }
        bytes.extend(self.stamp.uuid.as_bytes());
        bytes.extend(self.stamp.created.to_ne_bytes());
        bytes.extend(self.stamp.creator.to_ne_bytes());
        for len in [self.layout.ndim(), self.name.as_str().len(), descr.len(), 0] {
            bytes.extend(short(len).to_ne_bytes());
        }
        let slots = u32::try_from(self.slots_offset).unwrap_or(u32::MAX); // bounded in `new`
        for place in [META_OFFSET, SYNC_OFFSET, slots, self.slot_count] {
            bytes.extend(place.to_ne_bytes());
        }
        bytes.resize(META_OFFSET as usize, 0);
        for n in self.layout.shape() {
            bytes.extend((*n as u64).to_ne_bytes());
        }
        bytes.extend(self.name.as_str().as_bytes());
        bytes.extend(descr.as_bytes());
        bytes
    }

    /// How many bytes from the segment's start [`decode`](Self::decode) needs, told from its
    /// first [`FIRST_READ`](Self::FIRST_READ) bytes or fewer.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`], [`ErrorKind::BadMagic`], [`ErrorKind::ForeignByteOrder`],
    /// [`ErrorKind::UnsupportedVersion`]; [`ErrorKind::Corrupt`] where the figures are impossible.
    pub fn needed(first: &[u8]) -> Result<usize> {
        let fixed = Fixed::read(first)?;
        Ok(fixed.meta_offset + fixed.meta_len())
    }

    /// Reads and checks a header; `actual_len` is the segment's size as the kernel tells it.
    ///
    /// `bytes` must be a private copy: whoever else has the segment may write at any time.
    ///
    /// # Errors
    /// As [`needed`](Self::needed); [`ErrorKind::Truncated`] if the segment is shorter than its
    /// header says; [`ErrorKind::InvalidName`], [`ErrorKind::InvalidDType`],
    /// [`ErrorKind::ShapeOverflow`], [`ErrorKind::TooManyDimensions`] for those parts.
    pub fn decode(bytes: &[u8], actual_len: u64) -> Result<Self> {
        let fixed = Fixed::read(bytes)?;
        if actual_len < fixed.segment_len {
            let (needs, has) = (fixed.segment_len, actual_len);
            return Err(ErrorKind::Truncated {
                what: "segment",
                needs,
                has,
            }
            .into());
        }
        let meta = fixed.meta_offset..fixed.meta_offset + fixed.meta_len();
        let Some(meta) = bytes.get(meta.clone()) else {
            let (needs, has) = (meta.end as u64, bytes.len() as u64);
            return Err(ErrorKind::Truncated {
                what: "header",
                needs,
                has,
            }
            .into());
        };
        let (shape, text) = meta.split_at(8 * fixed.ndim);
        let (name, descr) = text.split_at(fixed.name_len);
        let name = Name::new(utf8(name, "name")?)?;
        let dtype: DType = utf8(descr, "dtype")?.parse()?;
        if !dtype.is_native() {
            return corrupt(format!("dtype {dtype} is not of this machine's byte order"));
        }
        let shape = shape.chunks_exact(8).map(|n| {
            let n = u64_at(n, 0);
            usize::try_from(n).or_else(|_| corrupt(format!("an axis of {n} elements")))
        });
        let layout = Layout::new(
            shape.collect::<Result<Vec<_>>>()?,
            fixed.order,
            dtype.itemsize(),
        )?;
        if layout.nbytes() as u64 != fixed.data_len {
            return corrupt(format!(
                "shape {:?} of dtype {dtype} has {} bytes, the data {}",
                layout.shape(),
                layout.nbytes(),
                fixed.data_len
            ));
        }
        Ok(Self {
            stamp: fixed.stamp,
            name,
            dtype,
            layout,
            cleanup: fixed.cleanup,
            slots_offset: fixed.slots_offset,
            slot_count: fixed.slot_count,
            data_offset: fixed.data_offset,
            segment_len: fixed.segment_len,
        })
    }

    /// Checks that this is the segment that a descriptor describes.
    ///
    /// # Errors
    /// [`ErrorKind::SegmentMismatch`] with the first figure that differs;
    /// [`ErrorKind::InvalidWindow`] if the descriptor's window does not fit.
    pub fn check_described_by(&self, descriptor: &Descriptor) -> Result<()> {
        let differ = |what, expected: String, found: String| {
            Err(ErrorKind::SegmentMismatch {
                what,
                expected,
                found,
            }
            .into())
        };
        let (uuid, len) = (self.stamp.uuid, self.segment_len);
        if descriptor.uuid != uuid {
            return differ("identity", descriptor.uuid.to_string(), uuid.to_string());
        }
        if descriptor.segment_len != len {
            return differ(
                "size in bytes",
                descriptor.segment_len.to_string(),
                len.to_string(),
            );
        }
        if descriptor.dtype != self.dtype {
            return differ(
                "dtype",
                descriptor.dtype.to_string(),
                self.dtype.to_string(),
            );
        }
        if descriptor.layout != self.layout {
            let show = |layout: &Layout| format!("{:?} {}", layout.shape(), layout.order());
            return differ("shape", show(&descriptor.layout), show(&self.layout));
        }
        match &descriptor.window {
            Some(window) => window.check(&self.layout),
            None => Ok(()),
        }
    }
}

/// The part of fixed length, with every figure checked against the others.
struct Fixed {
    cleanup: Cleanup,
    order: Order,
    stamp: Stamp,
    data_offset: u64,
    data_len: u64,
    segment_len: u64,
    ndim: usize,
    name_len: usize,
    descr_len: usize,
    meta_offset: usize,
    slots_offset: u64,
    slot_count: u32,
}

impl Fixed {
    fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < FIXED_LEN {
            let (needs, has) = (FIXED_LEN as u64, bytes.len() as u64);
            return Err(ErrorKind::Truncated {
                what: "header",
                needs,
                has,
            }
            .into());
        }
        let magic: [u8; 8] = array_at(bytes, 0);
        if magic != MAGIC {
            return Err(ErrorKind::BadMagic {
                what: "segment",
                found: magic,
            }
            .into());
        }
        let mark = u32_at(bytes, 8);
        if mark != ORDER_MARK {
            return Err(ErrorKind::ForeignByteOrder {
                what: "header",
                found: mark,
            }
            .into());
        }
        let version = u16_at(bytes, 12);
        if version != VERSION {
            let (found, supported) = (version.into(), VERSION.into());
            return Err(ErrorKind::UnsupportedVersion {
                what: "header",
                found,
                supported,
            }
            .into());
        }
        let uuid = Uuid::from_bytes(array_at(bytes, 40));
        let fixed = Self {
            cleanup: decode(CLEANUPS, bytes[14], "cleanup")?,
            order: decode(ORDERS, bytes[15], "order")?,
            data_offset: u64_at(bytes, 16),
            data_len: u64_at(bytes, 24),
            segment_len: u64_at(bytes, 32),
            stamp: Stamp {
                uuid,
                created: u64_at(bytes, 56),
                creator: u32_at(bytes, 64),
            },
            ndim: u16_at(bytes, 68).into(),
            name_len: u16_at(bytes, 70).into(),
            descr_len: u16_at(bytes, 72).into(),
            meta_offset: META_OFFSET as usize,
            slots_offset: u32_at(bytes, 84).into(),
            slot_count: u32_at(bytes, 88),
        };
        let places = [u32_at(bytes, 76), u32_at(bytes, 80)];
        if places != [META_OFFSET, SYNC_OFFSET] {
            return corrupt(format!(
                "shape and sync area at {places:?}, not at their place"
            ));
        }
        fixed.check()
    }

    fn meta_len(&self) -> usize {
        8 * self.ndim + self.name_len + self.descr_len
    }

    fn check(self) -> Result<Self> {
        if self.ndim > MAX_NDIM {
            return Err(ErrorKind::TooManyDimensions {
                ndim: self.ndim,
                max: MAX_NDIM,
            }
            .into());
        }
        if self.name_len > Name::MAX_LEN || self.descr_len > DType::MAX_DESCR_LEN {
            let (name, descr) = (self.name_len, self.descr_len);
            return corrupt(format!("a name of {name} bytes, a dtype of {descr} bytes"));
        }
        let meta_end = (self.meta_offset + self.meta_len()) as u64;
        let slots_end = self.slots_offset + u64::from(self.slot_count) * u64::from(SLOT_LEN);
        let data_end = self.data_offset.checked_add(self.data_len);
        let ordered = meta_end <= self.slots_offset
            && slots_end <= self.data_offset
            && data_end.is_some_and(|end| end <= self.segment_len)
            && i64::try_from(self.segment_len).is_ok();
        if !ordered || !self.slots_offset.is_multiple_of(SLOT_LEN.into()) {
            return corrupt(format!(
                "its parts overlap: shape to {meta_end}, slots {} to {slots_end}, data {} with \
                 {} bytes, segment {}",
                self.slots_offset, self.data_offset, self.data_len, self.segment_len
            ));
        }
        if !self.data_offset.is_multiple_of(64) {
            return corrupt(format!(
                "data at {}, not a multiple of 64",
                self.data_offset
            ));
        }
        Ok(self)
    }
}

const CLEANUPS: &[(Cleanup, u8)] = &[
    (Cleanup::LastOut, 0),
    (Cleanup::Owner, 1),
    (Cleanup::Persist, 2),
];
const ORDERS: &[(Order, u8)] = &[(Order::C, 0), (Order::Fortran, 1)];

fn code<T: PartialEq>(table: &[(T, u8)], value: T) -> u8 {
    table
        .iter()
        .find(|(known, _)| *known == value)
        .map_or(u8::MAX, |(_, code)| *code)
}

fn decode<T: Copy>(table: &[(T, u8)], found: u8, what: &str) -> Result<T> {
    match table.iter().find(|(_, code)| *code == found) {
        Some((value, _)) => Ok(*value),
        None => corrupt(format!("{what} has the unknown code {found}")),
    }
}

fn corrupt<T>(reason: String) -> Result<T> {
    Err(ErrorKind::Corrupt {
        what: "header",
        reason,
    }
    .into())
}

fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).or_else(|_| corrupt(format!("its {what} is not UTF-8")))
}

/// The caller has checked the length.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(array_at(bytes, at))
}

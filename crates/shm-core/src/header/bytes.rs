//! A header's bytes: written, read, and checked figure by figure.

use uuid::Uuid;

use super::{Header, MAX_SLOTS, META_OFFSET, SLOT_LEN, SYNC_OFFSET, Stamp};
use crate::dtype::DType;
use crate::error::Result;
use crate::error::kind::ErrorKind;
use crate::layout::Layout;
use crate::layout::{Lengths, check_ndim};
use crate::name::Name;
use crate::options::Cleanup;
use crate::options::Order;

const ORDER_MARK: u32 = 0x0102_0304;
const VERSION: u16 = 5;
const GUARDED: u16 = 1;
/// A hint, which a reader may ignore: so are those that it does not know.
const HUGE: u32 = 1;
const FIXED_LEN: usize = 128;

impl Header {
    /// What every segment begins with.
    pub const MAGIC: [u8; 8] = *b"SHMARRAY";

    /// The bytes to write at the segment's start.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.encoded_len()];
        self.encode_to(&mut bytes);
        bytes
    }

    /// How many bytes [`encode_to`](Self::encode_to) needs.
    pub fn encoded_len(&self) -> usize {
        let (shape, name, descr) = (self.layout.shape(), self.name.as_bytes(), self.dtype.descr());
        META_OFFSET as usize + 8 * shape.len() + name.len() + descr.len()
    }

    /// Writes them over as many zeros.
    ///
    /// # Panics
    /// If there are fewer than [`encoded_len`](Self::encoded_len).
    pub fn encode_to(&self, zeros: &mut [u8]) {
        let (fixed, meta) = zeros.split_at_mut(META_OFFSET as usize);
        let (layout, name, descr) = (&self.layout, self.name.as_bytes(), self.dtype.descr());
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX); // bounded in `new`
        let slots = u32::try_from(self.slots_offset).unwrap_or(u32::MAX); // bounded in `new`
        put(fixed, 0, Self::MAGIC);
        put(fixed, 8, ORDER_MARK.to_ne_bytes());
        put(fixed, 12, VERSION.to_ne_bytes());
        put(fixed, 14, [code(CLEANUPS, self.cleanup), code(ORDERS, layout.order())]);
        put(fixed, 16, self.data_offset.to_ne_bytes());
        put(fixed, 24, (layout.nbytes() as u64).to_ne_bytes());
        put(fixed, 32, self.segment_len.to_ne_bytes());
        put(fixed, 40, self.stamp.uuid.into_bytes());
        put(fixed, 56, self.stamp.created.to_ne_bytes());
        put(fixed, 64, self.stamp.creator.to_ne_bytes());
        put(fixed, 68, short(layout.ndim()).to_ne_bytes());
        put(fixed, 70, short(name.len()).to_ne_bytes());
        put(fixed, 72, short(descr.len()).to_ne_bytes());
        put(fixed, 74, (if self.guarded { GUARDED } else { 0 }).to_ne_bytes());
        put(fixed, 76, META_OFFSET.to_ne_bytes());
        put(fixed, 80, SYNC_OFFSET.to_ne_bytes());
        put(fixed, 84, slots.to_ne_bytes());
        put(fixed, 88, self.slot_count.to_ne_bytes());
        put(fixed, 92, (if self.huge { HUGE } else { 0 }).to_ne_bytes());
        let (shape, text) = meta.split_at_mut(8 * layout.ndim());
        for (place, n) in shape.chunks_exact_mut(8).zip(layout.shape()) {
            place.copy_from_slice(&(*n as u64).to_ne_bytes());
        }
        text[..name.len()].copy_from_slice(name);
        text[name.len()..][..descr.len()].copy_from_slice(descr.as_bytes());
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
            return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
        }
        let meta = fixed.meta_offset..fixed.meta_offset + fixed.meta_len();
        let Some(meta) = bytes.get(meta.clone()) else {
            let (needs, has) = (meta.end as u64, bytes.len() as u64);
            return Err(ErrorKind::Truncated { what: "header", needs, has }.into());
        };
        let (shape, text) = meta.split_at(8 * fixed.ndim);
        let (name, descr) = text.split_at(fixed.name_len);
        let name = match Name::plain(name) {
            Some(name) => name,
            None => Name::new(utf8(name, "name")?)?,
        };
        let dtype: DType = utf8(descr, "dtype")?.parse()?;
        if !dtype.is_native() {
            return corrupt(format!("dtype {dtype} is not of this machine's byte order"));
        }
        let (shape, _) = shape.as_chunks();
        let mut lengths = shape.iter().map(|n| u64::from_ne_bytes(*n));
        let lengths = Lengths::read(fixed.ndim, || {
            let n = lengths.next().unwrap_or(0); // there are as many
            usize::try_from(n).or_else(|_| corrupt(format!("an axis of {n} elements")))
        })?;
        let layout = Layout::of(lengths, fixed.order, dtype.itemsize())?;
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
            guarded: fixed.guarded,
            huge: fixed.huge,
            slots_offset: fixed.slots_offset,
            slot_count: fixed.slot_count,
            data_offset: fixed.data_offset,
            segment_len: fixed.segment_len,
        })
    }
}

/// The part of fixed length, with every figure checked against the others.
struct Fixed {
    cleanup: Cleanup,
    guarded: bool,
    huge: bool,
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
            return Err(ErrorKind::Truncated { what: "header", needs, has }.into());
        }
        let magic: [u8; 8] = array_at(bytes, 0);
        if magic != Header::MAGIC {
            return Err(ErrorKind::BadMagic { what: "segment", found: magic }.into());
        }
        let mark = u32_at(bytes, 8);
        if mark != ORDER_MARK {
            return Err(ErrorKind::ForeignByteOrder { what: "header", found: mark }.into());
        }
        let version = u16_at(bytes, 12);
        if version != VERSION {
            let (found, supported) = (version.into(), VERSION.into());
            return Err(ErrorKind::UnsupportedVersion { what: "header", found, supported }.into());
        }
        let uuid = Uuid::from_bytes(array_at(bytes, 40));
        let fixed = Self {
            cleanup: decode(CLEANUPS, bytes[14], "cleanup")?,
            guarded: guarded(u16_at(bytes, 74))?,
            huge: u32_at(bytes, 92) & HUGE != 0,
            order: decode(ORDERS, bytes[15], "order")?,
            data_offset: u64_at(bytes, 16),
            data_len: u64_at(bytes, 24),
            segment_len: u64_at(bytes, 32),
            stamp: Stamp { uuid, created: u64_at(bytes, 56), creator: u32_at(bytes, 64) },
            ndim: u16_at(bytes, 68).into(),
            name_len: u16_at(bytes, 70).into(),
            descr_len: u16_at(bytes, 72).into(),
            meta_offset: META_OFFSET as usize,
            slots_offset: u32_at(bytes, 84).into(),
            slot_count: u32_at(bytes, 88),
        };
        let places = [u32_at(bytes, 76), u32_at(bytes, 80)];
        if places != [META_OFFSET, SYNC_OFFSET] {
            return corrupt(format!("shape and sync area at {places:?}, not at their place"));
        }
        fixed.check()
    }

    fn meta_len(&self) -> usize {
        8 * self.ndim + self.name_len + self.descr_len
    }

    fn check(self) -> Result<Self> {
        check_ndim(self.ndim)?;
        if self.name_len > Name::MAX_LEN || self.descr_len > DType::MAX_DESCR_LEN {
            let (name, descr) = (self.name_len, self.descr_len);
            return corrupt(format!("a name of {name} bytes, a dtype of {descr} bytes"));
        }
        if !(1..=MAX_SLOTS).contains(&self.slot_count) {
            return corrupt(format!("{} slots, there can be 1 to {MAX_SLOTS}", self.slot_count));
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
            return corrupt(format!("data at {}, not a multiple of 64", self.data_offset));
        }
        Ok(self)
    }
}

const CLEANUPS: &[(Cleanup, u8)] =
    &[(Cleanup::LastOut, 0), (Cleanup::Owner, 1), (Cleanup::Persist, 2)];
const ORDERS: &[(Order, u8)] = &[(Order::C, 0), (Order::Fortran, 1)];

fn code<T: PartialEq>(table: &[(T, u8)], value: T) -> u8 {
    table.iter().find(|(known, _)| *known == value).map_or(u8::MAX, |(_, code)| *code)
}

fn decode<T: Copy>(table: &[(T, u8)], found: u8, what: &str) -> Result<T> {
    match table.iter().find(|(_, code)| *code == found) {
        Some((value, _)) => Ok(*value),
        None => corrupt(format!("{what} has the unknown code {found}")),
    }
}

/// Whether the flags say guarded. Each version has its own flags, so there are none to be ignored.
fn guarded(flags: u16) -> Result<bool> {
    match flags {
        0 => Ok(false),
        GUARDED => Ok(true),
        _ => corrupt(format!("flags {flags:#06x} have unknown bits")),
    }
}

#[cold]
fn corrupt<T>(reason: String) -> Result<T> {
    Err(ErrorKind::Corrupt { what: "header", reason }.into())
}

fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).or_else(|_| corrupt(format!("its {what} is not UTF-8")))
}

/// The caller has checked the length.
fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// The caller has checked the length.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
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

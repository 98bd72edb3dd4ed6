//! The header of a `.npy` file: what it says, and where the elements begin.
//!
//! Source: `numpy.lib.format`. Six bytes of magic, two of version, the length of the text in two
//! bytes (version 1) or four (2 and 3), and the text, in Latin-1 or (3) UTF-8.

use std::borrow::Cow;
use std::io::{ErrorKind as IoErrorKind, Read};

use shm_core::{DType, Error, ErrorKind, Layout, Order, Result};

use crate::fault::corrupt;
use crate::{foreign, literal};

pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
const WHAT: &str = "the header of the .npy file";

/// What a `.npy` file says about its elements, checked but for the length of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    dtype: DType,
    /// As the file has it, where that is not this machine's byte order.
    foreign: Option<DType>,
    layout: Layout,
    data_offset: u64,
}

impl NpyHeader {
    /// The longest text that is read, in bytes: all that version 1 can hold. NumPy itself refuses
    /// more than 10 000.
    pub const MAX_LEN: usize = u16::MAX as usize;

    /// Reads a header, and no byte behind it.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated); [`Corrupt`](ErrorKind::Corrupt) if it is no header;
    /// [`UnsupportedVersion`](ErrorKind::UnsupportedVersion) after 3;
    /// [`Oversized`](ErrorKind::Oversized) beyond [`MAX_LEN`](Self::MAX_LEN);
    /// [`InvalidDType`](ErrorKind::InvalidDType) for elements that cannot be shared;
    /// [`ShapeOverflow`](ErrorKind::ShapeOverflow) and
    /// [`TooManyDimensions`](ErrorKind::TooManyDimensions); [`Os`](ErrorKind::Os).
    pub fn read(from: &mut impl Read) -> Result<Self> {
        let mut start = [0; 8];
        fill(from, &mut start, 0)?;
        if !start.starts_with(MAGIC) {
            return Err(corrupt(foreign::describe(&start, MAGIC)));
        }
        let [.., major, minor] = start;
        if minor != 0 {
            return Err(corrupt(format!("version {major}.{minor}; known are 1.0, 2.0 and 3.0")));
        }
        if !(1..=3).contains(&major) {
            let found = major.into();
            return Err(ErrorKind::UnsupportedVersion { what: WHAT, found, supported: 3 }.into());
        }
        let mut len = [0; 4];
        let len_len = if major == 1 { 2 } else { 4 };
        fill(from, &mut len[..len_len], start.len())?;
        let before = start.len() + len_len;
        let len = u32::from_le_bytes(len);
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= Self::MAX_LEN) else {
            let (max, has) = (Self::MAX_LEN as u64, len.into());
            return Err(ErrorKind::Oversized { what: WHAT, max, has }.into());
        };
        let mut text = vec![0; len];
        fill(from, &mut text, before)?;
        Self::from_text(&decode(&text, major)?, (before + len) as u64)
    }

    fn from_text(text: &str, data_offset: u64) -> Result<Self> {
        let entries = literal::parse(text).map_err(corrupt)?;
        let in_file: DType = entries.descr.parse()?;
        let dtype = in_file.to_native();
        let foreign = (!in_file.is_native()).then_some(in_file);
        let order = if entries.is_fortran { Order::Fortran } else { Order::C };
        let layout = Layout::new(entries.shape, order, dtype.itemsize())?;
        Ok(Self { dtype, foreign, layout, data_offset })
    }

    /// The type of the elements, in this machine's byte order.
    pub fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// The type of the elements as the file has it, if its byte order is not this machine's.
    pub fn foreign_dtype(&self) -> Option<&DType> {
        self.foreign.as_ref()
    }

    /// Refuses elements that are not of this machine's byte order.
    ///
    /// # Errors
    /// [`InvalidDType`](ErrorKind::InvalidDType), which says how to have them converted.
    pub fn require_native(&self) -> Result<()> {
        let Some(foreign) = &self.foreign else { return Ok(()) };
        let descr = foreign.to_string().chars().take(80).collect();
        let reason = "the file has the other byte order: ask for this machine's, with `native()` or \
                      with `--native` on the command line";
        Err(ErrorKind::InvalidDType { descr, reason: reason.into() }.into())
    }

    /// Shape and order of the elements.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where the first element begins, in bytes from the start of the file.
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// What the file's length must be, in bytes.
    pub(crate) fn file_len(&self) -> u64 {
        // The first is at most a few times 65 536, the second at most isize::MAX.
        self.data_offset + self.layout.nbytes() as u64
    }

    /// Checks the length of the file, in bytes.
    pub(crate) fn check_len(&self, has: u64) -> Result<()> {
        let needs = self.file_len();
        if has < needs {
            return Err(ErrorKind::Truncated { what: "the .npy file", needs, has }.into());
        }
        if has > needs {
            let behind = has - needs;
            return Err(corrupt(format!(
                "it has {behind} bytes behind the {needs} that it describes"
            )));
        }
        Ok(())
    }
}

fn decode(text: &[u8], version: u8) -> Result<Cow<'_, str>> {
    match std::str::from_utf8(text) {
        Ok(text) if version == 3 || text.is_ascii() => Ok(text.into()),
        Err(error) if version == 3 => Err(corrupt(error.to_string())),
        _ => Ok(text.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Reads all of `to`, `before` bytes of the header having been read already.
fn fill(from: &mut impl Read, to: &mut [u8], before: usize) -> Result<()> {
    let mut len = 0;
    while len < to.len() {
        match from.read(&mut to[len..]) {
            Ok(0) => {
                let (needs, has) = ((before + to.len()) as u64, (before + len) as u64);
                return Err(ErrorKind::Truncated { what: WHAT, needs, has }.into());
            }
            Ok(more) => len += more,
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            Err(error) => return Err(Error::os("read", WHAT, error)),
        }
    }
    Ok(())
}

//! The header at the start of a segment's file, read and written without a mapping.

use std::mem::MaybeUninit;

use shm_core::{Header, Result};

use crate::file::write_all_at;
use crate::os::{self, BorrowedFile, system_error};

/// Writes a header at the start of a new segment.
///
/// # Errors
/// [`NoSpace`](shm_core::ErrorKind::NoSpace), [`Os`](shm_core::ErrorKind::Os).
pub fn write_header(file: BorrowedFile<'_>, header: &Header) -> Result<()> {
    let (mut short, mut long) = ([0; Header::FIRST_READ], Vec::new());
    let len = header.encoded_len();
    let bytes = if len <= short.len() {
        &mut short[..len]
    } else {
        long.resize(len, 0);
        &mut long
    };
    header.encode_to(bytes);
    write_all_at(file, bytes, 0, header.segment_len())
}

/// Reads and checks the header of a segment of `actual_len` bytes.
///
/// # Errors
/// Those of [`Header::decode`]; [`Os`](shm_core::ErrorKind::Os).
pub fn read_header(file: BorrowedFile<'_>, actual_len: u64) -> Result<Header> {
    let mut space = [MaybeUninit::uninit(); Header::FIRST_READ];
    let mut needs = Header::MAX_LEN;
    if let Some(first) = os::read_start(file, &mut space) {
        let header = Header::decode(first, actual_len);
        if header.is_ok() {
            return header;
        }
        needs = Header::needed(first)?;
        if needs <= first.len() {
            return header;
        }
    }
    let mut all = vec![0; needs];
    let has = read_from_start(file, &mut all)?;
    Header::decode(&all[..has], actual_len)
}

/// Reads until `bytes` is full or the file ends, and tells how many bytes there were.
fn read_from_start(file: BorrowedFile<'_>, bytes: &mut [u8]) -> Result<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let count = os::read_at(file, &mut bytes[at..], at as u64)
            .map_err(|error| system_error("pread", "the header of a segment", error))?;
        if count == 0 {
            break;
        }
        at += count;
    }
    Ok(at)
}

//! Where the first contents of a new array go, in the order of memory.
#![allow(unsafe_code)] // writes to a mapping that nobody else has

use std::os::fd::BorrowedFd;

use rustix::fs::{SeekFrom, seek, sendfile};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use shm_core::{Error, ErrorKind, Header, Region, Result, Sink};

use crate::file::file_error;
use crate::{Mapping, system_error};

/// What is copied at once, in bytes, where the kernel does not do it by itself: it stays in the
/// processor's cache.
const PIECE: usize = 256 << 10;

/// The data of a new segment's file.
#[derive(Debug)]
pub(crate) struct FileSink<'a> {
    fd: BorrowedFd<'a>,
    at: u64,
    end: u64,
    sends: bool,
}

impl<'a> FileSink<'a> {
    pub(crate) fn new(fd: BorrowedFd<'a>, header: &Header) -> Self {
        Self { fd, at: header.data_offset(), end: header.segment_len(), sends: true }
    }

    /// Distance from the segment's start of what is written next, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }
}

impl Sink for FileSink<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        check_room_for(bytes.len(), self.end - self.at)?;
        while !bytes.is_empty() {
            let written = retry_on_intr(|| pwrite(self.fd, bytes, self.at))
                .map_err(|errno| file_error("pwrite", self.fd, self.end, errno))?;
            bytes = &bytes[written..];
            self.at += written as u64;
        }
        Ok(())
    }

    /// By `sendfile(2)`, which copies within the kernel.
    fn copy_from(&mut self, file: BorrowedFd<'_>, offset: u64, len: usize) -> Result<usize> {
        check_room_for(len, self.end - self.at)?;
        if self.sends {
            seek(self.fd, SeekFrom::Start(self.at))
                .map_err(|errno| system_error("lseek", "a new segment", errno))?;
            let mut from = offset;
            match retry_on_intr(|| sendfile(self.fd, file, Some(&mut from), len)) {
                Ok(count) => {
                    self.at += count as u64;
                    return Ok(count);
                }
                // sendfile(2): "Applications may wish to fall back to read and write".
                Err(Errno::INVAL | Errno::NOSYS) => self.sends = false,
                Err(errno) => return Err(file_error("sendfile", self.fd, self.end, errno)),
            }
        }
        let mut piece = vec![0; len.min(PIECE)];
        let count = read_at(file, &mut piece, offset)?;
        self.write(&piece[..count])?;
        Ok(count)
    }
}

/// The data of a new mapping without a file.
#[derive(Debug)]
pub(crate) struct MemorySink<'a> {
    mapping: &'a Mapping,
    at: usize,
}

impl<'a> MemorySink<'a> {
    pub(crate) fn new(mapping: &'a Mapping, header: &Header) -> Self {
        let at = usize::try_from(header.data_offset()).unwrap_or(usize::MAX).min(mapping.len());
        Self { mapping, at }
    }

    /// The next bytes of the mapping, so many of them.
    fn next(&mut self, len: usize) -> Result<&mut [u8]> {
        check_room_for(len, (self.mapping.len() - self.at) as u64)?;
        // SAFETY: `at` is within the mapping.
        let start = unsafe { self.mapping.start().add(self.at) };
        // SAFETY: so many bytes from there are in the mapping, as checked right above, and are
        // initialised, being zeros of the kernel; nobody else has them yet.
        Ok(unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) })
    }
}

impl Sink for MemorySink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        check_room_for(bytes.len(), (self.mapping.len() - self.at) as u64)?;
        for piece in bytes.chunks(PIECE) {
            self.next(piece.len())?.copy_from_slice(piece);
            self.at += piece.len();
        }
        Ok(())
    }

    fn copy_from(&mut self, file: BorrowedFd<'_>, offset: u64, len: usize) -> Result<usize> {
        let count = read_at(file, self.next(len)?, offset)?;
        self.at += count;
        Ok(count)
    }
}

fn check_room_for(more: usize, room: u64) -> Result<()> {
    if more as u64 <= room {
        return Ok(());
    }
    let (expected, found) = (format!("at most {room} more"), more.to_string());
    Err(ErrorKind::SegmentMismatch { what: "size of the contents in bytes", expected, found }
        .into())
}

fn read_at(file: BorrowedFd<'_>, to: &mut [u8], offset: u64) -> Result<usize> {
    retry_on_intr(|| pread(file, &mut *to, offset)).map_err(|errno| match errno {
        // The kernel found no page for the destination: a first touch would have been SIGBUS.
        Errno::FAULT => {
            let (needs, place) = (to.len() as u64, "the new array".into());
            ErrorKind::NoSpace { needs, has: None, place }.into()
        }
        _ => Error::os("pread", "a file", errno.into()),
    })
}

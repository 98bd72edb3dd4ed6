//! Where the first contents of a new array go, in the order of memory.
#![allow(unsafe_code)] // writes to a mapping that nobody else has

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shm_core::{Error, ErrorKind, Header, Region, Result, Sink};

use crate::file::{file_error, write_all_at};
use crate::mapping::Mapping;
use crate::os::{self, BorrowedFile};
use crate::pages::PagePlan;
use crate::populate::{self, PIECE, in_pieces};

/// What is read at once, in bytes, where the kernel does not copy by itself: it stays in the
/// processor's cache.
const STAGE: usize = 256 << 10;

/// The data of a new segment's file.
#[derive(Debug)]
pub(crate) struct FileSink<'a> {
    fd: BorrowedFile<'a>,
    at: u64,
    end: u64,
    sends: bool,
}

impl<'a> FileSink<'a> {
    pub(crate) fn new(fd: BorrowedFile<'a>, header: &Header) -> Self {
        Self { fd, at: header.data_offset(), end: header.segment_len(), sends: true }
    }

    /// Distance from the segment's start of what is written next, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }
}

impl Sink for FileSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        check_room_for(bytes.len(), self.end - self.at)?;
        write_all_at(self.fd, bytes, self.at, self.end)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Copies within the kernel where that can.
    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize> {
        check_room_for(len, self.end - self.at)?;
        if self.sends {
            let sent = os::send(self.fd, self.at, file, offset, len)
                .map_err(|error| file_error("sendfile", self.fd, self.end, error))?;
            if let Some(count) = sent {
                self.at += count as u64;
                return Ok(count);
            }
            self.sends = false;
        }
        let mut piece = vec![0; len.min(STAGE)];
        let count = read_at(file, &mut piece, offset)?;
        self.write(&piece[..count])?;
        Ok(count)
    }
}

/// The data of a new mapping, piece by piece. Each piece is populated first: that costs less than page
/// faults, and running out is an error. Several threads do so for what is long.
#[derive(Debug)]
pub(crate) struct MappedSink<'a> {
    mapping: &'a Mapping,
    file: Option<BorrowedFile<'a>>,
    at: usize,
    /// So many bytes from the start are populated.
    ready: usize,
    /// Whether writing to the file allocates huge pages as well.
    file_is_huge: bool,
    /// Whether a touch cannot fail, so that a kernel that does not populate will do.
    is_promised: bool,
}

impl<'a> MappedSink<'a> {
    pub(crate) fn new(
        mapping: &'a Mapping,
        file: Option<BorrowedFile<'a>>,
        header: &Header,
        plan: &PagePlan,
    ) -> Self {
        let at = usize::try_from(header.data_offset()).unwrap_or(usize::MAX).min(mapping.len());
        let file_is_huge = plan.is_huge() && !plan.is_hugetlb() && !plan.needs_advice();
        let is_promised = file.is_none() || plan.is_hugetlb();
        Self { mapping, file, at, ready: 0, file_is_huge, is_promised }
    }

    /// Distance from the segment's start of what is written next, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Populates a part of a piece, up to the end of the piece.
    fn prepare(&self, part: &Range<usize>) -> Result<()> {
        if part.end <= self.ready {
            return Ok(());
        }
        let begin = part.start.max(self.ready);
        match self.mapping.populate_part(begin..part.end.next_multiple_of(PIECE)) {
            Err(error) if self.is_promised && os::is_unsupported(&error) => Ok(()),
            result => result.map_err(|error| self.mapping.populate_error(self.file, error)),
        }
    }

    fn advance(&mut self, count: usize) {
        self.at += count;
        self.ready = self.ready.max(self.at.next_multiple_of(PIECE));
    }

    fn room(&self) -> u64 {
        (self.mapping.len() - self.at) as u64
    }
}

impl Sink for MappedSink<'_> {
    /// Two threads through the mapping are as fast as one that writes whole huge pages to the file,
    /// which the kernel does not fill with zeros before; so that is for one thread.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        check_room_for(bytes.len(), self.room())?;
        let (start, end) = (self.at, self.at + bytes.len());
        match self.file {
            Some(file)
                if self.file_is_huge
                    && populate::size(bytes.len()) == 1
                    && bytes.len() >= PIECE =>
            {
                write_all_at(file, bytes, start as u64, self.mapping.len() as u64)?;
                // Where no huge page was left, the rest of the last piece has nothing yet.
                self.at = end;
                self.ready = self.ready.max(end);
            }
            _ => {
                in_pieces(start..end, |part| -> Result<()> {
                    self.prepare(&part)?;
                    put(self.mapping, part.start, &bytes[part.start - start..part.end - start])
                })?;
                self.advance(bytes.len());
            }
        }
        Ok(())
    }

    fn write_repeated(&mut self, bytes: &[u8], len: usize) -> Result<()> {
        check_room_for(len, self.room())?;
        if bytes.is_empty() {
            return Ok(());
        }
        let start = self.at;
        in_pieces(start..start + len, |part| -> Result<()> {
            self.prepare(&part)?;
            let mut at = part.start;
            while at < part.end {
                let from = (at - start) % bytes.len();
                let more = (bytes.len() - from).min(part.end - at);
                put(self.mapping, at, &bytes[from..from + more])?;
                at += more;
            }
            Ok(())
        })?;
        self.advance(len);
        Ok(())
    }

    /// Enough for several threads.
    fn best_piece(&self) -> usize {
        64 << 20
    }

    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize> {
        check_room_for(len, self.room())?;
        let start = self.at;
        let end = AtomicUsize::new(start + len); // of the file, if it is shorter
        in_pieces(start..start + len, |part| -> Result<()> {
            self.prepare(&part)?;
            let mut at = part.start;
            while at < part.end {
                // SAFETY: this piece of the new mapping is only this thread's.
                let to = unsafe { bytes_of(self.mapping, at..part.end) };
                match read_at(file, to, offset + (at - start) as u64)? {
                    0 => {
                        end.fetch_min(at, Relaxed);
                        break;
                    }
                    count => at += count,
                }
            }
            Ok(())
        })?;
        let count = end.into_inner() - start;
        self.advance(count);
        Ok(count)
    }
}

/// Copies bytes into a new mapping, which nobody else writes to, at byte `at`.
pub(crate) fn put(mapping: &Mapping, at: usize, bytes: &[u8]) -> Result<()> {
    check_room_for(bytes.len(), (mapping.len() - at.min(mapping.len())) as u64)?;
    // SAFETY: checked right above; as the caller says, it is only this thread's.
    unsafe { bytes_of(mapping, at..at + bytes.len()) }.copy_from_slice(bytes);
    Ok(())
}

/// # Safety
/// The range lies within the mapping, which is new, and nobody else has these bytes.
#[allow(clippy::mut_from_ref)] // a mapping is shared by its nature
unsafe fn bytes_of(mapping: &Mapping, range: Range<usize>) -> &mut [u8] {
    // SAFETY: the caller's word.
    let start = unsafe { mapping.start().add(range.start) };
    // SAFETY: so many bytes from there are in the mapping, and are initialised, being zeros of the
    // kernel; the caller says that nobody else has them.
    unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), range.len()) }
}

fn check_room_for(more: usize, room: u64) -> Result<()> {
    if more as u64 <= room {
        return Ok(());
    }
    let what = "what is written to the rest of a new array";
    Err(ErrorKind::Oversized { what, max: room, has: more as u64 }.into())
}

fn read_at(file: &File, to: &mut [u8], offset: u64) -> Result<usize> {
    os::read_at(file, to, offset).map_err(|error| {
        if os::is_page_refused(&error) {
            let (needs, place) = (to.len() as u64, "the new array".into());
            ErrorKind::NoSpace { needs, has: None, place }.into()
        } else {
            Error::os("pread", "a file", error)
        }
    })
}

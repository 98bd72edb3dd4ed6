//! A new segment's size, header and contents, and the memory behind them.

use std::os::fd::BorrowedFd;

use shm_core::{Access, Commit, Fill, Header, Result};

use crate::file::{check_room, reserve_within};
use crate::sink::{FileSink, MemorySink};
use crate::{Mapping, commit, reserve, set_len, write_header};

/// Makes a new, empty file a segment: gives it its size, its header and its contents, maps it, and
/// sets memory aside as asked.
///
/// What is written in order is written to the file, which finds pages for it more cheaply than the
/// page faults of a mapping: running out is an error of the write. Only what nothing was written to
/// is set aside beside it.
///
/// # Errors
/// Those of [`commit`](crate::commit()) and of `fill`.
pub fn establish(
    fd: BorrowedFd<'_>,
    header: &Header,
    strategy: Commit,
    fill: Option<Fill<'_>>,
) -> Result<Mapping> {
    let len = header.mapped_len();
    let fill = match fill {
        Some(Fill::InOrder(fill)) => {
            set_len(fd, header.segment_len())?;
            check_room(Some(fd), header.segment_len())?;
            fill
        }
        Some(Fill::Once(fill, begun)) => {
            match strategy {
                Commit::Lazy => set_len(fd, header.segment_len())?,
                _ => reserve(fd, header.segment_len())?,
            }
            begun.set(true);
            fill
        }
        other => {
            let mapping = commit(fd, len, strategy)?;
            write_header(fd, header)?;
            if let Some(Fill::InPlace(fill)) = other {
                fill(header, &mapping)?;
            }
            return Ok(mapping);
        }
    };
    write_header(fd, header)?;
    let mut sink = FileSink::new(fd, header);
    fill(&mut sink)?;
    let written = sink.position();
    if strategy != Commit::Lazy {
        reserve_within(fd, 0..header.data_offset())?;
        reserve_within(fd, written..header.segment_len())?;
    }
    let mapping = Mapping::file(fd, len, Access::ReadWrite)?;
    if strategy == Commit::Populate {
        crate::commit::populate(&mapping, fd)?;
    }
    Ok(mapping)
}

/// Gives a new mapping without a file its contents.
///
/// # Errors
/// That of `fill`.
pub fn fill_in_memory(mapping: &Mapping, header: &Header, fill: Fill<'_>) -> Result<()> {
    match fill {
        Fill::InPlace(fill) => fill(header, mapping),
        Fill::InOrder(fill) => fill(&mut MemorySink::new(mapping, header)),
        Fill::Once(fill, begun) => {
            begun.set(true);
            fill(&mut MemorySink::new(mapping, header))
        }
    }
}

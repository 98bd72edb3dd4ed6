//! A new segment's size, header and contents, and the memory behind them.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use shm_core::{Access, Commit, Fill, Header, Result};

use crate::commit::populate;
use crate::file::{check_room, reserve_within};
use crate::populate::PIECE;
use crate::sink::{FileSink, MappedSink, put};
use crate::{Mapping, PagePlan, commit, reserve, set_len, write_header};

/// Makes a new, empty file a segment: gives it its size, its header and its contents, maps it in the
/// pages of a plan, and reserves memory as asked.
///
/// What is written in order is written to the file, which finds ordinary pages for it more cheaply than
/// the page faults of a mapping: running out is an error of the write. Huge pages are found through
/// the mapping. Only what nothing was written to is reserved beside it.
///
/// # Errors
/// Those of [`commit`](crate::commit()) and of `fill`. [`NoSpace`](shm_core::ErrorKind::NoSpace)
/// before `fill` is called where the pool has fewer pages than the plan counts on.
pub fn establish(
    fd: BorrowedFd<'_>,
    header: &Header,
    plan: &PagePlan,
    strategy: Commit,
    fill: Option<Fill<'_>>,
) -> Result<Mapping> {
    if plan.is_huge() {
        return in_huge_pages(fd, header, plan, strategy, fill);
    }
    let len = header.mapped_len();
    let (fill, reserves_rest) = match fill {
        Some(Fill::InOrder(fill)) => {
            set_len(fd, header.segment_len())?;
            check_room(Some(fd), header.segment_len())?;
            (fill, strategy != Commit::Lazy)
        }
        Some(Fill::Once(fill, begun)) => {
            match strategy {
                Commit::Lazy => set_len(fd, header.segment_len())?,
                _ => reserve(fd, header.segment_len())?,
            }
            begun.set(true);
            (fill, false)
        }
        other => {
            let mapping = commit(fd, len, strategy)?.with_paging(plan.paging());
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
    if reserves_rest {
        reserve_within(fd, 0..header.data_offset())?;
        reserve_within(fd, written..header.segment_len())?;
    }
    let mapping = Mapping::in_pages(fd, len, Access::ReadWrite, plan)?.with_pages();
    if strategy == Commit::Populate {
        populate(&mapping, fd)?;
    }
    Ok(mapping)
}

/// The file is mapped before anything is written or reserved: the first page would be an ordinary
/// one, and so would all that `fallocate(2)` finds where the mapping must ask for huge ones.
fn in_huge_pages(
    fd: BorrowedFd<'_>,
    header: &Header,
    plan: &PagePlan,
    strategy: Commit,
    fill: Option<Fill<'_>>,
) -> Result<Mapping> {
    let len = header.mapped_len();
    set_len(fd, plan.rounded(len) as u64)?;
    if !plan.is_pooled() && (strategy != Commit::Lazy || fill.is_some()) {
        check_room(Some(fd), header.segment_len())?;
    }
    let mapping = Mapping::in_pages(fd, len, Access::ReadWrite, plan)?;
    match mapping.populate_part(0..PIECE) {
        Err(Errno::INVAL) if !plan.is_pooled() => {
            drop(mapping);
            let plan = PagePlan::ordinary("the kernel cannot populate them (before Linux 5.14)");
            return establish(fd, header, &plan, strategy, fill);
        }
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(mapping.populate_error(Some(fd), errno)),
    }
    if plan.is_pooled() {
        put(&mapping, 0, &header.encode())?; // write(2) does not reach them
    } else {
        write_header(fd, header)?;
    }
    match fill {
        Some(Fill::InOrder(fill)) => {
            let mut sink = MappedSink::new(&mapping, Some(fd), header, plan);
            fill(&mut sink)?;
            let written = sink.position();
            if strategy != Commit::Lazy && written < len {
                populate(&mapping, fd)?;
            }
        }
        Some(Fill::Once(fill, begun)) => {
            match strategy {
                Commit::Lazy => {}
                _ => populate(&mapping, fd)?,
            }
            begun.set(true);
            fill(&mut MappedSink::new(&mapping, Some(fd), header, plan))?;
        }
        other => {
            match strategy {
                Commit::Populate => populate(&mapping, fd)?,
                // They were, when they were mapped.
                Commit::Auto | Commit::Reserve if plan.is_pooled() => {}
                Commit::Auto | Commit::Reserve if plan.needs_advice() => {
                    mapping.populate(Some(fd))?;
                }
                Commit::Auto | Commit::Reserve => reserve_within(fd, 0..header.segment_len())?,
                Commit::Lazy => {}
            }
            if let Some(Fill::InPlace(fill)) = other {
                fill(header, &mapping)?;
            }
        }
    }
    Ok(mapping)
}

/// Gives a new mapping without a file its contents.
///
/// # Errors
/// That of `fill`.
pub fn fill_in_memory(
    mapping: &Mapping,
    header: &Header,
    plan: &PagePlan,
    fill: Fill<'_>,
) -> Result<()> {
    match fill {
        Fill::InPlace(fill) => fill(header, mapping),
        Fill::InOrder(fill) => fill(&mut MappedSink::new(mapping, None, header, plan)),
        Fill::Once(fill, begun) => {
            begun.set(true);
            fill(&mut MappedSink::new(mapping, None, header, plan))
        }
    }
}

//! A new segment's size, header and contents, and the memory behind them.

use std::ops::Range;

use shm_core::{Access, Commit, Fill, Header, Result, Sink};

use crate::commit::populate;
use crate::file::set_len;
use crate::header::write_header;
use crate::mapping::Mapping;
use crate::os::{self, BorrowedFile};
use crate::pages::PagePlan;
use crate::populate::PIECE;
use crate::reserve::{reserve, reserve_within};
use crate::sink::{FileSink, MappedSink, put};
use crate::space::check_room;

/// Makes a new, empty file a segment in three steps: gives it its size and maps it, in the pages of a
/// plan; writes its header and its contents; reserves the memory that nothing was written to, as asked.
///
/// For contents that are not written in order, or that must not be asked for twice, memory is
/// reserved before they are written.
///
/// Contents in order are written to the file, for which the kernel allocates ordinary pages more
/// cheaply than in page faults: running out is an error of the write. Huge pages are populated through
/// the mapping.
///
/// # Errors
/// Those of [`commit`](crate::commit()) and of `fill`. [`NoSpace`](shm_core::ErrorKind::NoSpace)
/// before `fill` is called where fewer hugetlb pages are free than the plan counts on.
pub fn establish(
    file: BorrowedFile<'_>,
    header: &Header,
    plan: &PagePlan,
    strategy: Commit,
    fill: Option<Fill<'_>>,
) -> Result<Mapping> {
    let is_in_order = matches!(fill, Some(Fill::InOrder(_)));
    let mut new = NewFile { file, header, plan: *plan, strategy, is_reserved: false };
    let mut mapping = new.size(fill.is_some(), is_in_order)?;
    if !is_in_order {
        new.reserve_all_but(&mapping, 0..0)?;
    }
    let written = new.write(&mut mapping, fill)?;
    if is_in_order {
        new.reserve_all_but(&mapping, written)?;
    }
    Ok(mapping)
}

/// A new file, and what it is to become.
struct NewFile<'a> {
    file: BorrowedFile<'a>,
    header: &'a Header,
    plan: PagePlan,
    strategy: Commit,
    /// Memory was reserved along with the size.
    is_reserved: bool,
}

impl NewFile<'_> {
    /// The first step. The file is mapped before anything is written or reserved: the first page
    /// would be an ordinary one, and so would all that `fallocate(2)` allocates where only a mapping
    /// gets huge ones.
    fn size(&mut self, has_fill: bool, is_in_order: bool) -> Result<Mapping> {
        let Self { file, header, plan, strategy, .. } = *self;
        let (len, is_huge) = (header.mapped_len(), plan.is_huge());
        self.is_reserved =
            !is_huge && !is_in_order && matches!(strategy, Commit::Auto | Commit::Reserve);
        if self.is_reserved {
            reserve(file, header.segment_len())?;
        } else {
            set_len(file, plan.rounded(len) as u64)?;
        }
        let is_found_piecewise = has_fill || is_huge && strategy != Commit::Lazy;
        if is_found_piecewise && !self.is_reserved && !plan.is_hugetlb() {
            check_room(Some(file), header.segment_len())?;
        }
        let mapping = Mapping::in_pages(file, len, Access::ReadWrite, &plan)?;
        if is_huge {
            match mapping.populate_part(0..PIECE) {
                Err(error) if os::is_unsupported(&error) && !plan.is_hugetlb() => {
                    let reason = "the kernel cannot populate them (before Linux 5.14)";
                    self.plan = PagePlan::ordinary(reason);
                    return self.size(has_fill, is_in_order);
                }
                Err(error) if !os::is_unsupported(&error) => {
                    return Err(mapping.populate_error(Some(file), error));
                }
                _ => {}
            }
        }
        Ok(mapping)
    }

    /// The second step: the header and the contents. Tells which bytes were written in order.
    fn write(&self, mapping: &mut Mapping, fill: Option<Fill<'_>>) -> Result<Range<u64>> {
        let Self { file, header, plan, .. } = *self;
        if plan.is_hugetlb() {
            put(mapping, 0, &header.encode())?; // write(2) does not reach them
        } else {
            write_header(file, header)?;
        }
        let fill: &mut dyn FnMut(&mut dyn Sink) -> Result<()> = match fill {
            None => return Ok(0..0),
            Some(Fill::InPlace(fill)) => {
                fill(header, mapping)?;
                return Ok(0..0);
            }
            Some(Fill::InOrder(fill)) => fill,
            Some(Fill::InOrderOnce(fill, begun)) => {
                begun.set(true);
                fill
            }
        };
        let end = if plan.is_huge() {
            let mut sink = MappedSink::new(mapping, Some(file), header, &plan);
            fill(&mut sink)?;
            sink.position() as u64
        } else {
            let mut sink = FileSink::new(file, header);
            fill(&mut sink)?;
            mapping.set_populated();
            sink.position()
        };
        Ok(header.data_offset()..end)
    }

    /// The third step: memory for all bytes but those that were written.
    fn reserve_all_but(&self, mapping: &Mapping, written: Range<u64>) -> Result<()> {
        let Self { file, header, plan, strategy, .. } = *self;
        let len = header.segment_len();
        if self.is_reserved || plan.is_huge() && written.end == len {
            return Ok(());
        }
        match strategy {
            Commit::Lazy => Ok(()),
            Commit::Populate => populate(mapping, file),
            // The kernel promised them when they were mapped.
            Commit::Auto | Commit::Reserve if plan.is_hugetlb() => Ok(()),
            Commit::Auto | Commit::Reserve if plan.needs_advice() => mapping.populate(Some(file)),
            Commit::Auto | Commit::Reserve => {
                reserve_within(file, 0..written.start)?;
                reserve_within(file, written.end..len)
            }
        }
    }
}

/// Gives a new mapping without a file its contents.
///
/// # Errors
/// [`NoSpace`](shm_core::ErrorKind::NoSpace) before `fill` is called, if memory is too short; that of
/// `fill`.
pub fn fill_in_memory(
    mapping: &Mapping,
    header: &Header,
    plan: &PagePlan,
    fill: Fill<'_>,
) -> Result<()> {
    mapping.check_memory()?;
    match fill {
        Fill::InPlace(fill) => fill(header, mapping),
        Fill::InOrder(fill) => fill(&mut MappedSink::new(mapping, None, header, plan)),
        Fill::InOrderOnce(fill, begun) => {
            begun.set(true);
            fill(&mut MappedSink::new(mapping, None, header, plan))
        }
    }
}

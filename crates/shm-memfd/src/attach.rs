//! Attaching to a segment that came by descriptor.

use std::fs::File;

use shm_core::{Access, Attached, ErrorKind, Result};
use shm_map::{Mapping, PagePlan, read_header};
use shm_presence::join;
use shm_presence::os::reopen;

use crate::FdOrOrigin;
use crate::os::{self, Seals};
use crate::segment::MemfdSegment;

pub(crate) fn attach(source: FdOrOrigin, access: Access) -> Result<Attached<MemfdSegment>> {
    // Seals are for good: what has them keeps them.
    let (file, seals) = match source {
        FdOrOrigin::Origin(origin) => {
            let file = os::open_origin(origin, access)?;
            let seals = Seals::of(&file)?;
            (file, seals)
        }
        FdOrOrigin::Fd(file) => {
            let seals = Seals::of(&file)?; // before anything else is opened through it
            (own_description(file, access)?, seals)
        }
    };
    if let Some(missing) = seals.missing_for_size() {
        return Err(ErrorKind::NotSealed { missing }.into());
    }
    let frozen = seals.are_frozen();
    if seals.refuse_writers() && access == Access::ReadWrite {
        let object = format!("{} (frozen)", os::shown(&file));
        return Err(ErrorKind::AccessDenied { object, access }.into());
    }
    join(&file)?;
    let stat = os::stat(&file)?;
    let header = read_header(&file, stat.len)?;
    let len = header.mapped_len();
    let plan = PagePlan::of_segment(&stat, &header);
    let mapping = Mapping::in_pages(&file, len, access, &plan)?;
    tracing::debug!(name = %header.name(), bytes = len, %access, frozen, "attached on memfd");
    Ok(MemfdSegment::new(header, file, access, plan, frozen).attached(mapping))
}

/// A description of one's own, unless the segment belongs to another user: then its sender has
/// made one for this process.
fn own_description(file: File, access: Access) -> Result<File> {
    match reopen(&file, access) {
        Err(error) if matches!(error.kind(), ErrorKind::AccessDenied { .. }) => Ok(file),
        result => result,
    }
}

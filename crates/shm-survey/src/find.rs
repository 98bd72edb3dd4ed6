//! Finds one segment by what a user calls it.

use shm_core::{BackendKind, ErrorKind, Result};

use crate::listing::list;
use crate::locator::Locator;
use crate::segment_info::SegmentInfo;

/// Finds a segment by what a user may call it: an entry of `/dev/shm`, `PID:FD`, or the name of a
/// memfd array, if only one has it.
///
/// # Errors
/// [`ErrorKind::InvalidName`] for a text that is none of the three; [`ErrorKind::NotFound`];
/// [`ErrorKind::Ambiguous`] if several memfd arrays have the name. If the name leads to anything but a
/// segment: [`ErrorKind::NotASegment`], [`ErrorKind::WrongOwner`], [`ErrorKind::AccessDenied`], and
/// the errors of reading its header. [`ErrorKind::LimitReached`], [`ErrorKind::Os`].
pub fn find(name: &str) -> Result<SegmentInfo> {
    match find_entry(name) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => {}
        found => return found,
    }
    match name.parse()? {
        descriptor @ Locator::Descriptor { .. } => SegmentInfo::open(descriptor),
        Locator::Entry(_) => by_name(name),
    }
}

/// Finds the segment at that entry of `/dev/shm`.
///
/// # Errors
/// Those of [`find`], but for [`ErrorKind::Ambiguous`].
pub fn find_entry(name: &str) -> Result<SegmentInfo> {
    SegmentInfo::open(Locator::entry(name)?)
}

fn by_name(name: &str) -> Result<SegmentInfo> {
    let is_meant = |segment: &SegmentInfo| {
        segment.backend() == BackendKind::Memfd && segment.header().name().as_str() == name
    };
    let mut found: Vec<_> = list()?.segments.into_iter().filter(is_meant).collect();
    if found.len() > 1 {
        let places: Vec<_> = found.iter().map(|segment| segment.locator().to_string()).collect();
        let (name, places) = (name.into(), places.join(", "));
        return Err(ErrorKind::Ambiguous { name, places }.into());
    }
    found.pop().ok_or_else(|| {
        ErrorKind::NotFound {
            name: name.into(),
            backend: BackendKind::Shm,
            hint: "no memfd array of a process that this user may look into has the name, either",
        }
        .into()
    })
}

//! One segment, by what a user calls it.

use shm_core::{BackendKind, ErrorKind, Result};

use crate::opened::Opened;
use crate::{Locator, SegmentInfo, list};

/// Finds a segment by what a user may call it: an entry of `/dev/shm`, `PID:FD`, or the name of a
/// memfd array, if only one has it.
///
/// # Errors
/// [`ErrorKind::InvalidName`] for what none of them can be; [`ErrorKind::NotFound`];
/// [`ErrorKind::Ambiguous`] if several memfd arrays have the name. Where something is there but no
/// segment: [`ErrorKind::NotASegment`], [`ErrorKind::WrongOwner`], [`ErrorKind::AccessDenied`], and
/// what reading its header yields. [`ErrorKind::LimitReached`], [`ErrorKind::Os`].
pub fn find(name: &str) -> Result<SegmentInfo> {
    match find_entry(name) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => {}
        found => return found,
    }
    match name.parse()? {
        descriptor @ Locator::Descriptor { .. } => at(&descriptor),
        Locator::Entry(_) => by_name(name),
    }
}

/// The segment at that entry of `/dev/shm`.
///
/// # Errors
/// Those of [`find`], but for [`ErrorKind::Ambiguous`].
pub fn find_entry(name: &str) -> Result<SegmentInfo> {
    at(&Locator::entry(name)?)
}

fn at(place: &Locator) -> Result<SegmentInfo> {
    SegmentInfo::read(place.clone(), Opened::at(place)?, true)
}

fn by_name(name: &str) -> Result<SegmentInfo> {
    let is_meant = |specimen: &SegmentInfo| {
        specimen.backend() == BackendKind::Memfd && specimen.header().name().as_str() == name
    };
    let mut found: Vec<_> = list()?.segments.into_iter().filter(is_meant).collect();
    if found.len() > 1 {
        let places: Vec<_> = found.iter().map(|specimen| specimen.place().to_string()).collect();
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

//! Segments to look at, and what others see of them.

use std::path::PathBuf;

use shm_conformance::{bytes, private, spec};
use shm_core::{Attached, Backend, Fill, Header, Name, Region, Result};
use shm_memfd::{Memfd, MemfdSegment};
use shm_posix::{Posix, PosixSegment};
use shm_survey::{Listing, SegmentInfo, list};

pub(crate) fn path(entry: &str) -> PathBuf {
    format!("/dev/shm/{entry}").into()
}

/// An array on backend `shm`, its 800 bytes of data full of that value.
pub(crate) fn named(name: &Name, value: u8) -> Attached<PosixSegment> {
    let mut fill = fill_with(value);
    Posix::default().create(&spec(name, 100), Some(Fill::InPlace(&mut fill))).unwrap()
}

/// The same on backend `memfd`.
pub(crate) fn memfd(name: &Name, value: u8) -> Attached<MemfdSegment> {
    let mut fill = fill_with(value);
    Memfd.create(&spec(name, 100), Some(Fill::InPlace(&mut fill))).unwrap()
}

fn fill_with(value: u8) -> impl FnMut(&Header, &dyn Region) -> Result<()> {
    move |header, region| {
        bytes::fill(header, region, value);
        Ok(())
    }
}

/// The bytes of a whole segment of that name that nobody has.
pub(crate) fn whole(name: &Name) -> Vec<u8> {
    let _segment = named(name, 1);
    std::fs::read(path(name.as_str())).unwrap()
}

/// The data of an array of 100 `u64`.
pub(crate) fn data(segment: &SegmentInfo) -> Vec<u8> {
    let mut data = vec![0; 800];
    segment.read_at(&mut data, 0).unwrap();
    data
}

/// What is listed under that name.
pub(crate) fn listed(listing: Listing, name: &Name) -> Vec<SegmentInfo> {
    listing.segments.into_iter().filter(|found| found.header().name() == name).collect()
}

/// The one that is listed under that name.
pub(crate) fn only(name: &Name) -> SegmentInfo {
    let mut found = listed(list().unwrap(), name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

/// Whether this process has a `/dev/shm` of its own; says so if not.
pub(crate) fn is_alone() -> bool {
    if !private::is_private() {
        println!("skipped: needs a /dev/shm of its own");
    }
    private::is_private()
}

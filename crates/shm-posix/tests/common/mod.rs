//! Arrays whose contents tell whether they are whole.

use std::os::unix::fs::MetadataExt;

use shm_conformance::{bytes, spec};
use shm_core::{
    Access, Attached, Backend, Fill, Handover, Header, Name, Region, Result, Segment, Spec,
};
use shm_posix::{NameOrFd, Posix, PosixSegment, Publish};

pub(crate) type Array = Attached<PosixSegment>;

/// Creates an array full of that value.
pub(crate) fn create(publish: Publish, name: &Name, value: u8, force: bool) -> Array {
    try_create(publish, name, value, force).unwrap()
}

pub(crate) fn try_create(publish: Publish, name: &Name, value: u8, force: bool) -> Result<Array> {
    let spec = Spec { force, ..spec(name, 100) };
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, value);
        Ok(())
    };
    Posix::with_publish(publish).create(&spec, Some(Fill::InPlace(&mut fill)))
}

pub(crate) fn attach(name: &Name, access: Access) -> Result<Array> {
    Posix::default().attach(NameOrFd::Name(name.clone()), access)
}

/// Fails unless the array is whole and full of that value.
pub(crate) fn assert_all(array: &Array, value: u8) {
    assert_eq!(bytes::data(array.segment.header(), &array.region), [value; 800]);
}

/// Whether the array's name leads to it.
pub(crate) fn holds(array: &Array) -> bool {
    let name = array.segment.header().name();
    let Ok(entry) = std::fs::symlink_metadata(format!("/dev/shm/{name}")) else { return false };
    let file = rustix::fs::fstat(array.segment.file()).unwrap();
    (entry.dev(), entry.ino()) == (file.st_dev, file.st_ino)
}

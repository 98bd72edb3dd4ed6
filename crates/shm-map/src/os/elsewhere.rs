//! A system on which no segment can be made or mapped yet: each call is refused.
#![allow(unsafe_code)] // functions that are unsafe on other systems

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use memmap2::MmapRaw;
use shm_core::{Access, Error, Result};

use super::BorrowedFile;
use crate::cgroup::Cgroup;
use crate::huge::{Home, HugeFacts, HugeSystem, Setting};

/// What messages call the place of named shared memory.
pub const SHM_DIRECTORY: &str = "named shared memory";

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Holds an open file description: never made here.
#[derive(Debug)]
pub struct Anchor(std::convert::Infallible);

impl Anchor {
    /// Takes over the description.
    ///
    /// # Errors
    /// [`Os`](shm_core::ErrorKind::Os): not on this system.
    pub fn new(_: File) -> Result<Self> {
        unsupported().map_err(|error| system_error("mmap", "the page of an identity", error))
    }
}

/// The memory limit of this process's control group: this system has none.
pub fn cgroup() -> Option<Cgroup> {
    None
}

/// An error for a failed system call.
#[cold]
pub fn system_error(
    call: &'static str,
    object: impl Into<String>,
    error: impl Into<io::Error>,
) -> Error {
    Error::os(call, object, error.into())
}

/// Creates a file without a name in memory.
///
/// # Errors
/// Not on this system.
pub fn unnamed_file(_: &[u8], _: Option<usize>) -> io::Result<File> {
    unsupported()
}

pub(crate) fn set_len(_: BorrowedFile<'_>, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn allocate(_: BorrowedFile<'_>, _: u64, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn read_at(_: BorrowedFile<'_>, _: &mut [u8], _: u64) -> io::Result<usize> {
    unsupported()
}

pub(crate) fn read_start<'a>(
    _: BorrowedFile<'_>,
    _: &'a mut [MaybeUninit<u8>],
) -> Option<&'a [u8]> {
    None
}

pub(crate) fn write_at(_: BorrowedFile<'_>, _: &[u8], _: u64) -> io::Result<usize> {
    unsupported()
}

pub(crate) fn send(
    _: BorrowedFile<'_>,
    _: u64,
    _: BorrowedFile<'_>,
    _: u64,
    _: usize,
) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn allocated(_: BorrowedFile<'_>) -> u64 {
    0
}

pub(crate) fn file_system_free(_: BorrowedFile<'_>) -> Option<u64> {
    None
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::OutOfMemory)
}

pub(crate) fn is_quota(_: &io::Error) -> bool {
    false
}

pub(crate) fn is_missing(error: &io::Error) -> bool {
    is_unsupported(error)
}

pub(crate) fn len(_: BorrowedFile<'_>) -> io::Result<u64> {
    unsupported()
}

pub(crate) fn is_page_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

pub(crate) fn file_size_limit() -> Option<u64> {
    None
}

pub(crate) fn is_address_space_limited() -> bool {
    false
}

pub(crate) fn memory_available() -> Option<u64> {
    None
}

pub(crate) fn memory_total() -> Option<u64> {
    None
}

pub(crate) fn page_size() -> Option<usize> {
    None
}

/// This machine, which says nothing about huge pages.
pub(crate) struct Machine;

impl HugeSystem for Machine {
    fn ruling(&self, _: Home, _: usize) -> Setting {
        Setting::Unknown
    }

    fn free_pages(&self, _: usize) -> u64 {
        0
    }
}

impl HugeFacts {
    /// Asks the system. What cannot be read is unknown, or none.
    pub fn read() -> Self {
        Self { size: None, shmem: Setting::Unknown, mount: Setting::Unknown, free: 0 }
    }
}

pub(crate) fn map_file(_: BorrowedFile<'_>, _: usize, _: Access) -> io::Result<MmapRaw> {
    unsupported()
}

pub(crate) fn map_anonymous(_: usize) -> io::Result<NonNull<u8>> {
    unsupported()
}

pub(crate) fn map_aligned(
    _: Option<BorrowedFile<'_>>,
    _: usize,
    _: Access,
    _: usize,
) -> io::Result<NonNull<u8>> {
    unsupported()
}

/// # Safety
/// None is needed here.
pub(crate) unsafe fn second_mapping(
    _: NonNull<u8>,
    _: usize,
    _: Option<&File>,
) -> io::Result<NonNull<u8>> {
    unsupported()
}

/// # Safety
/// None is needed here.
pub(crate) unsafe fn advise_huge(_: NonNull<u8>, _: usize) {}

/// # Safety
/// None is needed here.
pub(crate) unsafe fn advise_done(_: NonNull<u8>, _: usize) {}

/// # Safety
/// None is needed here.
pub(crate) unsafe fn populate(_: NonNull<u8>, _: usize) -> io::Result<()> {
    unsupported()
}

/// # Safety
/// None is needed here.
pub(crate) unsafe fn unmap(_: NonNull<u8>, _: usize) -> io::Result<()> {
    unsupported()
}

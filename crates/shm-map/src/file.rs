//! The file behind a mapping: its size, the memory reserved for it, and its header.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::fs::{FallocateFlags, fallocate, fstat, fstatvfs, ftruncate};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use rustix::process::{Resource, getrlimit};
use shm_core::{Error, ErrorKind, Header, Result};

use crate::system_error;

/// What is reserved at once: a long `fallocate` is undone by each signal and would never end.
const CHUNK: u64 = 16 << 20;

/// Gives a file its size in bytes, without reserving memory. See ftruncate(2).
///
/// # Errors
/// [`ErrorKind::LimitReached`] beyond `RLIMIT_FSIZE`, [`ErrorKind::NoSpace`],
/// [`ErrorKind::Os`].
pub fn set_len(fd: BorrowedFd<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    retry_on_intr(|| ftruncate(fd, len)).map_err(|errno| file_error("ftruncate", fd, len, errno))
}

/// Gives a file its size in bytes and reserves the memory. See fallocate(2).
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free; [`ErrorKind::LimitReached`]
/// beyond `RLIMIT_FSIZE`; [`ErrorKind::Os`].
pub fn reserve(fd: BorrowedFd<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    reserve_within(fd, 0..len)
}

/// Reserves the memory of some of the bytes that a file has.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free; [`ErrorKind::Os`].
pub fn reserve_within(fd: BorrowedFd<'_>, mut part: Range<u64>) -> Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    check_room(Some(fd), part.end)?;
    while !part.is_empty() {
        let chunk = CHUNK.min(part.end - part.start);
        retry_on_intr(|| fallocate(fd, FallocateFlags::empty(), part.start, chunk))
            .map_err(|errno| file_error("fallocate", fd, part.end, errno))?;
        part.start += chunk;
    }
    Ok(())
}

/// Beyond `RLIMIT_FSIZE` the kernel sends SIGXFSZ, which kills: so it is not asked.
pub(crate) fn check_file_size(len: u64) -> Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(most) if most < len => Err(system_error("ftruncate", "", Errno::FBIG)),
        _ => Ok(()),
    }
}

/// Writes a header at the start of a new segment.
///
/// # Errors
/// [`ErrorKind::NoSpace`], [`ErrorKind::Os`].
pub fn write_header(fd: BorrowedFd<'_>, header: &Header) -> Result<()> {
    let (mut short, mut long) = ([0; Header::FIRST_READ], Vec::new());
    let len = header.encoded_len();
    let bytes = if len <= short.len() {
        &mut short[..len]
    } else {
        long.resize(len, 0);
        &mut long
    };
    header.encode_to(bytes);
    let mut at = 0;
    while at < bytes.len() {
        at += retry_on_intr(|| pwrite(fd, &bytes[at..], at as u64))
            .map_err(|errno| file_error("pwrite", fd, header.segment_len(), errno))?;
    }
    Ok(())
}

/// Reads and checks the header of a segment of `actual_len` bytes.
///
/// # Errors
/// Those of [`Header::decode`]; [`ErrorKind::Os`].
pub fn read_header(fd: BorrowedFd<'_>, actual_len: u64) -> Result<Header> {
    let mut space = [MaybeUninit::uninit(); Header::FIRST_READ];
    let mut needs = Header::MAX_LEN;
    if let Ok((first, [])) = pread(fd, &mut space, 0) {
        let header = Header::decode(first, actual_len);
        if header.is_ok() {
            return header;
        }
        needs = Header::needed(first)?;
        if needs <= first.len() {
            return header;
        }
    }
    let mut all = vec![0; needs];
    let has = read_at_start(fd, &mut all)?;
    Header::decode(&all[..has], actual_len)
}

fn read_at_start(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match retry_on_intr(|| pread(fd, &mut bytes[at..], at as u64)) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(errno) => return Err(system_error("pread", "the header of a segment", errno)),
        }
    }
    Ok(at)
}

pub(crate) fn file_error(
    call: &'static str,
    fd: BorrowedFd<'_>,
    needs: u64,
    errno: Errno,
) -> Error {
    match errno {
        Errno::NOSPC | Errno::NOMEM | Errno::DQUOT => no_space(Some(fd), needs),
        _ => system_error(call, format!("a segment of {needs} bytes"), errno),
    }
}

/// Where memory would run out first, and how many bytes there are.
struct Free {
    bytes: u64,
    place: &'static str,
}

/// The smaller of what the file's file system and the machine have left for it, where they tell:
/// that is what is free, and what was reserved before the rest was refused.
fn free_space(fd: Option<BorrowedFd<'_>>) -> Option<Free> {
    let own =
        fd.and_then(|fd| fstat(fd).ok()).map_or(0, |file| file.st_blocks.cast_unsigned() * 512);
    let file_system = fd
        .and_then(|fd| fstatvfs(fd).ok())
        .filter(|fs| fs.f_blocks > 0) // zero blocks: no limit of its own
        .map(|fs| Free {
            bytes: fs.f_bavail.saturating_mul(fs.f_frsize).saturating_add(own),
            place: "the shared-memory file system",
        });
    let machine = available_memory()
        .map(|bytes| Free { bytes: bytes.saturating_add(own), place: "this machine" });
    [file_system, machine].into_iter().flatten().min_by_key(|free| free.bytes)
}

/// `MemAvailable` and `SwapFree`, in bytes.
fn available_memory() -> Option<u64> {
    memory(["MemAvailable:", "SwapFree:"])
}

/// The sum of two lines of `/proc/meminfo`, in bytes. See proc(5).
fn memory(keys: [&str; 2]) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let [ram, swap] = keys.map(|key| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    });
    Some(ram?.saturating_add(swap.unwrap_or(0)).saturating_mul(1024))
}

/// Refuses what this machine could not hold even if it had nothing else to do, where nothing is
/// reserved in advance. Asks the system once.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what the machine has.
pub fn check_machine(needs: u64) -> Result<()> {
    static TOTAL: AtomicU64 = AtomicU64::new(0); // not asked yet
    let mut total = TOTAL.load(Relaxed);
    if total == 0 {
        total = memory(["MemTotal:", "SwapTotal:"]).unwrap_or(u64::MAX);
        TOTAL.store(total, Relaxed);
    }
    if needs <= total {
        return Ok(());
    }
    let place = "this machine".into();
    Err(ErrorKind::NoSpace { needs, has: Some(total), place }.into())
}

/// Refuses what can never fit before any of it is reserved: the kernel would fill the file system
/// first, and where that has no limit of its own, the machine.
pub(crate) fn check_room(fd: Option<BorrowedFd<'_>>, needs: u64) -> Result<()> {
    let fits = needs <= CHUNK || free_space(fd).is_none_or(|free| needs <= free.bytes);
    if fits { Ok(()) } else { Err(no_space(fd, needs)) }
}

/// No space, with what is free where that can be told.
pub(crate) fn no_space(fd: Option<BorrowedFd<'_>>, needs: u64) -> Error {
    let free = free_space(fd);
    let place = free.as_ref().map_or("this machine", |free| free.place).into();
    ErrorKind::NoSpace { needs, has: free.map(|free| free.bytes), place }.into()
}

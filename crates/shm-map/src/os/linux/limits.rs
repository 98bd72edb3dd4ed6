//! The system's limits and figures, and its refusals as errors that name the limit.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use shm_core::{Error, ErrorKind};

/// An error for a failed system call: [`ErrorKind::LimitReached`] where a limit explains it
/// (`RLIMIT_NOFILE`, `fs.file-max`, `vm.max_map_count`, `RLIMIT_AS`, `RLIMIT_FSIZE`), otherwise
/// [`ErrorKind::Os`].
#[cold]
pub fn system_error(
    call: &'static str,
    object: impl Into<String>,
    error: impl Into<io::Error>,
) -> Error {
    let error = error.into();
    let reached = |limit, value, hint| ErrorKind::LimitReached { limit, value, hint }.into();
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE) => reached(
            "RLIMIT_NOFILE",
            getrlimit(Resource::Nofile).current,
            "drop arrays, or raise it with `ulimit -n`",
        ),
        Some(Errno::NFILE) => {
            reached("fs.file-max", None, "the whole system is out of descriptors")
        }
        Some(Errno::FBIG) => {
            reached("RLIMIT_FSIZE", getrlimit(Resource::Fsize).current, "raise it with `ulimit -f`")
        }
        Some(Errno::NOLCK) => reached("file locks", None, "the kernel is out of memory for locks"),
        Some(Errno::NOMEM) if call == "mmap" => mappings(object.into()),
        _ => Error::os(call, object, error),
    }
}

/// Finds out which limit `mmap(2)` has met: it says ENOMEM for each.
fn mappings(object: String) -> Error {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    let count = count_mappings().unwrap_or(0);
    let address_space = getrlimit(Resource::As).current;
    let (limit, value, hint) = match (most, address_space) {
        // The kernel refuses at the limit, and a mapping may have gone since.
        (Some(most), _) if count + 16 >= most => {
            ("vm.max_map_count", Some(most), "drop arrays, or raise it with `sysctl`")
        }
        (_, Some(bytes)) => ("RLIMIT_AS", Some(bytes), "raise it with `ulimit -v`"),
        _ => return Error::os("mmap", object, io::Error::from(Errno::NOMEM)),
    };
    ErrorKind::LimitReached { limit, value, hint }.into()
}

/// Counts this process's mappings, without memory for the whole text: that would take a mapping.
fn count_mappings() -> io::Result<u64> {
    let mut maps = std::fs::File::open("/proc/self/maps")?;
    let (mut part, mut count) = ([0; 4096], 0);
    loop {
        match io::Read::read(&mut maps, &mut part)? {
            0 => return Ok(count),
            len => count += part[..len].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

/// The most bytes that a file of this process can have, if there is a limit.
pub(crate) fn file_size_limit() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// Whether there is a limit on this process's addresses.
pub(crate) fn is_address_space_limited() -> bool {
    !cfg!(miri) && getrlimit(Resource::As).current.is_some()
}

/// Bytes of memory and swap that are free.
pub(crate) fn memory_available() -> Option<u64> {
    memory(["MemAvailable:", "SwapFree:"])
}

/// Bytes of swap that are free.
pub(super) fn swap_free() -> Option<u64> {
    meminfo("SwapFree:")
}

/// Bytes of memory and swap that the machine has.
pub(crate) fn memory_total() -> Option<u64> {
    memory(["MemTotal:", "SwapTotal:"])
}

/// The sum of two lines of `/proc/meminfo`, in bytes; the second counts as zero if it is not there.
fn memory([ram, swap]: [&str; 2]) -> Option<u64> {
    Some(meminfo(ram)?.saturating_add(meminfo(swap).unwrap_or(0)))
}

/// A line of `/proc/meminfo`, in bytes. See proc(5).
fn meminfo(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

//! A system's refusal as an error that names the limit.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use shm_core::{Error, ErrorKind};

/// An error for a failed system call: [`ErrorKind::LimitReached`] where a limit explains it
/// (`RLIMIT_NOFILE`, `fs.file-max`, `vm.max_map_count`, `RLIMIT_AS`, `RLIMIT_FSIZE`), otherwise
/// [`ErrorKind::Os`].
#[cold]
pub fn system_error(call: &'static str, object: impl Into<String>, errno: Errno) -> Error {
    let reached = |limit, value, hint| ErrorKind::LimitReached { limit, value, hint }.into();
    match errno {
        Errno::MFILE => reached(
            "RLIMIT_NOFILE",
            getrlimit(Resource::Nofile).current,
            "drop arrays, or raise it with `ulimit -n`",
        ),
        Errno::NFILE => reached("fs.file-max", None, "the whole system is out of descriptors"),
        Errno::FBIG => {
            reached("RLIMIT_FSIZE", getrlimit(Resource::Fsize).current, "raise it with `ulimit -f`")
        }
        Errno::NOLCK => reached("file locks", None, "the kernel is out of memory for locks"),
        Errno::NOMEM if call == "mmap" => mappings(object.into()),
        _ => Error::os(call, object, io::Error::from(errno)),
    }
}

/// `mmap(2)` says ENOMEM for each of its limits: looks which one it was.
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

/// How many there are, told without memory for the text: that would take a mapping.
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

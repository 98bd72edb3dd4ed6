//! Linux: memfds and their seals.

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::fs::{Mode, OFlags, SealFlags, fchmod, fcntl_add_seals, fcntl_get_seals, fstat};
use rustix::io::Errno;
use rustix::path::DecInt;
use shm_core::{Access, BackendKind, ErrorKind, Name, Origin, Result};
use shm_map::{FileStat, system_error};
use shm_presence::os::open;

/// What the kernel must enforce from the start.
const FIXED_SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
/// What it must enforce for good once a segment is frozen.
const FROZEN: SealFlags = FIXED_SIZE.union(SealFlags::WRITE).union(SealFlags::SEAL);

/// Creates a file without a name; `unit` is the size of its hugetlb pages in bytes, if it is to have such.
/// Other users who are handed a descriptor for reading cannot open it for writing.
pub(crate) fn unnamed_file(name: &Name, unit: Option<usize>) -> Result<File> {
    let file =
        shm_map::unnamed_file(name.as_bytes(), unit).map_err(
            |error| match Errno::from_io_error(&error) {
                Some(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => ErrorKind::BackendRefused {
                    backend: BackendKind::Memfd,
                    reason: format!("memfd_create: {error}"),
                }
                .into(),
                _ => system_error("memfd_create", name.to_string(), error),
            },
        )?;
    fchmod(&file, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| system_error("fchmod", name.as_str(), errno))?;
    Ok(file)
}

/// From now on the kernel refuses to resize the file.
pub(crate) fn fix_size(file: &File, name: &Name) -> Result<()> {
    fcntl_add_seals(file, FIXED_SIZE).map_err(|errno| system_error("fcntl", name.as_str(), errno))
}

/// From now on the kernel refuses every writer, and any change of that.
///
/// # Errors
/// [`ErrorKind::StillWritable`] if the file is mapped for writing somewhere.
pub(crate) fn freeze(file: &File, name: &Name) -> Result<()> {
    match fcntl_add_seals(file, SealFlags::WRITE | SealFlags::SEAL) {
        Ok(()) => Ok(()),
        Err(Errno::BUSY) => Err(ErrorKind::StillWritable { name: name.to_string() }.into()),
        Err(errno) => Err(system_error("fcntl(F_ADD_SEALS)", name.as_str(), errno)),
    }
}

/// What the kernel enforces on a file, for good.
pub(crate) struct Seals(SealFlags);

impl Seals {
    /// Those of a file that may be no memfd.
    pub(crate) fn of(file: &File) -> Result<Self> {
        let not_a_memfd = |_| {
            let reason = "not a memfd: it cannot be sealed".into();
            ErrorKind::NotASegment { object: shown(file), reason }.into()
        };
        fcntl_get_seals(file).map(Self).map_err(not_a_memfd)
    }

    /// What is missing for a size that nobody can change, in the system's words.
    pub(crate) fn missing_for_size(&self) -> Option<String> {
        (!self.0.contains(FIXED_SIZE)).then(|| format!("{:?}", FIXED_SIZE.difference(self.0)))
    }

    /// Whether nobody can write, neither now nor later.
    pub(crate) fn are_frozen(&self) -> bool {
        self.0.contains(FROZEN)
    }

    /// Whether nobody can begin to write.
    pub(crate) fn refuse_writers(&self) -> bool {
        self.0.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE)
    }
}

/// What messages call the file.
pub(crate) fn shown(file: &File) -> String {
    format!("descriptor {}", file.as_raw_fd())
}

/// What the system says of the file. See fstat(2).
pub(crate) fn stat(file: &File) -> Result<FileStat> {
    let stat = fstat(file).map_err(|errno| system_error("fstat", shown(file), errno))?;
    Ok(FileStat::from(&stat))
}

/// Opens the file that another process has open.
pub(crate) fn open_origin(origin: Origin, access: Access) -> Result<File> {
    let (pid, fd) = (DecInt::new(origin.pid), DecInt::new(origin.fd));
    let object = ["/proc/", pid.as_str(), "/fd/", fd.as_str()].concat();
    open(object.as_str(), access, OFlags::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::SRCH | Errno::NXIO => ErrorKind::NotFound {
            name: object,
            backend: BackendKind::Memfd,
            hint: "its sender has ended or dropped it, or lives in another PID namespace; pass \
                   the descriptor over a socket or across exec",
        }
        .into(),
        Errno::ACCESS | Errno::PERM => ErrorKind::AccessDenied { object, access }.into(),
        _ => system_error("open", object, errno),
    })
}

/// Whether the kernel counts every promise of memory (`vm.overcommit_memory=2`), so that a first touch may
/// fail. See proc(5).
pub(crate) fn is_overcommit_strict() -> bool {
    let setting = std::fs::read_to_string("/proc/sys/vm/overcommit_memory");
    // Unknown (no `/proc`) counts as strict: a small cost is better than SIGBUS.
    setting.map_or(true, |setting| setting.trim() == "2")
}

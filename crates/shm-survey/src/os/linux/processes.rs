//! What `/proc` shows of a process: the files that it has open or mapped and that may be segments. For
//! a process that this user may not look into, see ptrace(2), "Ptrace access mode checking".

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{makedev, stat};
use rustix::io::Errno;
use shm_core::{ErrorKind, Result};
use shm_map::FileId;

use super::entries::{backend_of, unreadable};
use crate::process::{ProcessError, ProcessFd};
use crate::text::printable_bytes;

/// Every process of this PID namespace. This process comes last, as it has every segment open that it
/// looks at.
///
/// # Errors
/// [`ErrorKind::Path`] if `/proc` shows no processes; [`ErrorKind::LimitReached`].
pub(crate) fn processes() -> Result<Vec<u32>> {
    let folders = match std::fs::read_dir("/proc") {
        Ok(folders) => folders.flatten().collect(),
        Err(error) if is_exhausted(&error) => return Err(unreadable("/proc", error)),
        Err(_) => Vec::new(),
    };
    let names = folders.iter().map(std::fs::DirEntry::file_name);
    let mut pids: Vec<u32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    if pids.is_empty() {
        let reason = "it shows no processes, so it is not known what they have open".into();
        return Err(ErrorKind::Path { path: "/proc".into(), reason }.into());
    }
    let me = std::process::id();
    pids.sort_unstable_by_key(|pid| (*pid == me, *pid));
    Ok(pids)
}

/// The file descriptors of a process whose files may be segments.
pub(crate) fn fds(pid: u32) -> Result<Vec<ProcessFd>, ProcessError> {
    let refused = |error| process_error(pid, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let target = match std::fs::read_link(&path) {
            Ok(target) => target,
            Err(error) => match refused(error) {
                ProcessError::Ended => continue, // or closed this file descriptor
                other => return Err(other),
            },
        };
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        if let Some(fd) = number
            && backend_of(target.as_os_str().as_bytes()).is_some()
            && let Ok(file) = stat(&path)
        {
            let (id, has_name) = (FileId::from(&file), file.st_nlink > 0);
            found.push(ProcessFd { fd, id, has_name });
        }
    }
    found.sort_unstable_by_key(|open| open.fd);
    Ok(found)
}

/// The files that a process has mapped and that may be segments, one for each mapping.
pub(crate) fn mappings(pid: u32) -> Result<Vec<FileId>, ProcessError> {
    let refused = |error| process_error(pid, error);
    let maps = File::open(format!("/proc/{pid}/maps")).map_err(refused)?;
    let mut found = Vec::new();
    for line in BufReader::new(maps).split(b'\n') {
        found.extend(mapped_file(&line.map_err(refused)?));
    }
    Ok(found)
}

/// The file of a line of proc(5) `maps`: address, access, offset, device, inode, path.
fn mapped_file(line: &[u8]) -> Option<FileId> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let device = std::str::from_utf8(words.nth(3)?).ok()?;
    let inode = std::str::from_utf8(words.next()?).ok()?;
    backend_of(words.next()?)?;
    let (major, minor) = device.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    let device = makedev(number(major)?, number(minor)?);
    Some(FileId { device, inode: inode.parse().ok()? })
}

/// The name of a process.
pub(crate) fn command(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    printable_bytes(bytes.strip_suffix(b"\n").unwrap_or(&bytes))
}

fn process_error(pid: u32, error: io::Error) -> ProcessError {
    if is_exhausted(&error) {
        return ProcessError::Failed(unreadable(&format!("/proc/{pid}"), error));
    }
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    // The kernel refuses in several ways to show a process that has just ended.
    if is_denied && Path::new(&format!("/proc/{pid}")).exists() && !is_of_the_kernel(pid) {
        ProcessError::Denied
    } else {
        ProcessError::Ended
    }
}

/// Whether this process or the system has no file descriptor or memory left.
fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

/// Whether it is a thread of the kernel, which has no file open. The flags are the 9th field of
/// `/proc/PID/stat`, behind the name in brackets.
fn is_of_the_kernel(pid: u32) -> bool {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let text = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind =
        text.rsplit(|byte| *byte == b')').next().and_then(|rest| str::from_utf8(rest).ok());
    let flags = behind.and_then(|rest| rest.split_whitespace().nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let line = b"7f5c1a000000-7f5c1a021000 rw-s 00000000 00:1a 1234  /dev/shm/a b";
        assert_eq!(mapped_file(line), Some(FileId { device: makedev(0, 0x1a), inode: 1234 }));
        let memfd = b"7f5c1a000000-7f5c1a021000 ---p 00000000 00:01 99 /memfd:x (deleted)";
        assert_eq!(mapped_file(memfd), Some(FileId { device: makedev(0, 1), inode: 99 }));
        let others: [&[u8]; 5] = [
            b"",
            b"7f5c1a000000-7f5c1a021000 rw-p 00000000 00:00 0 ",
            b"7f5c1a000000-7f5c1a021000 r-xp 00000000 fe:00 77 /usr/lib/libc.so.6",
            b"7f5c1a000000-7f5c1a021000 rw-s 00000000 00:1a 1 /dev/shmarray",
            b"7f5c1a000000-7f5c1a021000 rw-s 00000000 001a x /dev/shm/a",
        ];
        assert!(others.iter().all(|line| mapped_file(line).is_none()));
    }

    #[test]
    fn flags_tell_threads_of_the_kernel() {
        assert!(!is_of_the_kernel(std::process::id()));
        assert!(!is_of_the_kernel(u32::MAX));
    }
}

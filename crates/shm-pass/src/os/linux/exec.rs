//! Files that a command's children inherit across `exec`. See execve(2), fcntl(2).
#![allow(unsafe_code)] // pre_exec, and owning a file descriptor that came by inheritance

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::fstat;
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use shm_core::Result;
use shm_map::system_error;
use shm_presence::fork::ForkSafe;

use crate::io::InheritedFile;

/// The least number that an inherited file can have: below are standard input, output and error.
pub(crate) const LEAST_FD: i32 = 3;

/// The numbers taken since this program began. What has one of them now was opened here, and is
/// somebody else's: no number comes by `exec` twice.
static TAKEN: ForkSafe<BTreeSet<i32>> = ForkSafe::new(BTreeSet::new());

/// Gives a copy of the file to the command, which keeps it open, and to the command's children.
///
/// The copy loses its close-on-exec flag only in those children, after the fork.
pub(crate) fn inherit(command: &mut Command, file: &File) -> Result<InheritedFile> {
    let own = fcntl_dupfd_cloexec(file, LEAST_FD)
        .map_err(|errno| system_error("fcntl(F_DUPFD_CLOEXEC)", "an array", errno))?;
    let stat = fstat(&own).map_err(|errno| system_error("fstat", "an array", errno))?;
    let given = InheritedFile { fd: own.as_raw_fd(), device: stat.st_dev, inode: stat.st_ino };
    // SAFETY: between fork and exec this only calls fcntl(2), which is async-signal-safe; it
    // neither allocates nor locks.
    unsafe { command.pre_exec(move || Ok(fcntl_setfd(&own, FdFlags::empty())?)) };
    Ok(given)
}

/// Takes ownership of an inherited file, once. No other thread of this crate, and no fork, comes
/// between looking at it and taking it.
///
/// # Errors
/// Why the file under that number is not the one that was given, in words; it is left alone then.
pub(crate) fn take(given: &InheritedFile) -> Result<File, String> {
    TAKEN.with(|taken| {
        if taken.contains(&given.fd) {
            return Err(format!("descriptor {} was taken already", given.fd));
        }
        // SAFETY: not known to be open yet: fcntl and fstat then say EBADF, and change nothing.
        // It is not -1, as it is at least LEAST_FD.
        let fd = unsafe { BorrowedFd::borrow_raw(given.fd) };
        match fcntl_getfd(fd) {
            Ok(flags) if flags.contains(FdFlags::CLOEXEC) => {
                return Err(format!("descriptor {} did not come from the parent", given.fd));
            }
            Ok(_) => {}
            Err(errno) => return Err(cannot("look at", given.fd, errno)),
        }
        let stat = fstat(fd).map_err(|errno| cannot("look at", given.fd, errno))?;
        if (stat.st_dev, stat.st_ino) != (given.device, given.inode) {
            return Err(format!(
                "descriptor {} is file {}:{}, {}:{} was given",
                given.fd, stat.st_dev, stat.st_ino, given.device, given.inode
            ));
        }
        fcntl_setfd(fd, FdFlags::CLOEXEC).map_err(|errno| cannot("keep", given.fd, errno))?;
        taken.insert(given.fd);
        // SAFETY: it is open, and came by exec for the caller, who has the key: std closes on exec
        // what this process opened itself. It was not taken before, as TAKEN says.
        Ok(unsafe { File::from_raw_fd(given.fd) })
    })
}

fn cannot(what: &str, fd: i32, errno: Errno) -> String {
    format!("cannot {what} descriptor {fd}: {}", std::io::Error::from(errno))
}

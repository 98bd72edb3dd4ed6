//! Arrays across `exec`: a descriptor that one command's children keep, and a variable that says
//! what it is.
//!
//! The variable `SHMARRAY_PASS_<key>` has the form `1:fd:device:inode:payload`: version, numbers
//! in decimal, the payload's bytes in hexadecimal.
#![allow(unsafe_code)] // pre_exec, and owning a descriptor that came by inheritance

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::fstat;
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use shm_core::{Error, ErrorKind, Payload, PayloadRef, Result};
use shm_map::system_error;
use shm_presence::fork::ForkSafe;

use crate::Parcel;
use crate::parcel::check_backend;

const PREFIX: &str = "SHMARRAY_PASS_";
const VERSION: &str = "1";
/// Below are standard input, output and error.
const LEAST_FD: RawFd = 3;

/// The numbers taken since this program began. What has one of them now was opened here, and is
/// somebody else's: no number comes by `exec` twice.
static TAKEN: ForkSafe<BTreeSet<RawFd>> = ForkSafe::new(BTreeSet::new());

/// Gives an array to the children of a command under a key: 1 to 64 of `A-Z a-z 0-9 _ -`.
///
/// No other child of this process gets the descriptor: it loses its close-on-exec flag only in
/// the children of this command, after the fork. The array stays while the command lives, which
/// can be spawned any number of times. (`CommandExt::exec` runs the command in this process: where
/// that fails, the descriptor stays without the flag here.)
///
/// # Errors
/// [`ErrorKind::Transport`] for a bad key, or one that the command has already;
/// [`ErrorKind::BackendCannot`] on backend `mmap`; [`ErrorKind::LimitReached`];
/// [`ErrorKind::Oversized`] for a payload that is too large.
pub fn inherit<'a>(
    command: &mut Command,
    key: &str,
    payload: impl Into<PayloadRef<'a>>,
    fd: BorrowedFd<'_>,
) -> Result<()> {
    let failed = |reason: String| -> Error {
        ErrorKind::Transport { operation: "give an array to a command", reason }.into()
    };
    let payload = payload.into();
    check_backend(payload.backend())?;
    let variable = variable(key).map_err(&failed)?;
    if command.get_envs().any(|(name, value)| name == variable.as_str() && value.is_some()) {
        return Err(failed(format!("it has an array under the key {key:?} already")));
    }
    let own = fcntl_dupfd_cloexec(fd, LEAST_FD)
        .map_err(|errno| system_error("fcntl(F_DUPFD_CLOEXEC)", "an array", errno))?;
    let stat = fstat(&own).map_err(|errno| system_error("fstat", "an array", errno))?;
    let (number, device, inode) = (own.as_raw_fd(), stat.st_dev, stat.st_ino);
    let payload = hex(&payload.to_bytes()?);
    command.env(variable, format!("{VERSION}:{number}:{device}:{inode}:{payload}"));
    // SAFETY: between fork and exec this only calls fcntl(2), which is async-signal-safe; it
    // neither allocates nor locks.
    unsafe { command.pre_exec(move || Ok(fcntl_setfd(&own, FdFlags::empty())?)) };
    tracing::debug!(key, fd = number, "given to a command");
    Ok(())
}

/// Takes an array that the parent gave under a key, once.
///
/// The environment is not trusted: the descriptor must not have been taken before, must be open,
/// must have come by `exec` (it is not closed on exec yet) and must be the file that was given.
/// Otherwise it is left alone: the number may be somebody else's by now.
///
/// # Errors
/// [`ErrorKind::Transport`] for an unknown key, with those that there are, for a variable that
/// cannot be read, and for an array that was taken already or is not the one that was given;
/// those of [`Payload::from_bytes`].
pub fn take(key: &str) -> Result<Parcel> {
    let failed = |reason: String| -> Error {
        ErrorKind::Transport { operation: "take an array", reason }.into()
    };
    let variable = variable(key).map_err(&failed)?;
    let value = std::env::var(&variable).map_err(|error| match error {
        std::env::VarError::NotPresent => {
            failed(format!("nothing was given under the key {key:?}; there are: {}", given_keys()))
        }
        std::env::VarError::NotUnicode(_) => failed(format!("{variable} is not Unicode")),
    })?;
    let given = Given::parse(&value).ok_or_else(|| {
        let shown: String = value.chars().take(80).collect();
        failed(format!("{variable}={shown:?} is not of the form 1:fd:device:inode:payload"))
    })?;
    let payload = Payload::from_bytes(&given.payload)?;
    check_backend(payload.descriptor.backend)?;
    let fd = own(&given).map_err(failed)?;
    tracing::debug!(key, fd = given.fd, "taken from the parent");
    Ok(Parcel { payload, fd })
}

/// Makes an inherited descriptor ours. No other thread, and no fork, comes between looking at it
/// and taking it.
fn own(given: &Given) -> Result<OwnedFd, String> {
    TAKEN.with(|taken| {
        if taken.contains(&given.fd) {
            return Err(format!("descriptor {} was taken already", given.fd));
        }
        // SAFETY: not known to be open yet: fcntl and fstat then say EBADF, and change nothing.
        // It is not -1.
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
        // SAFETY: it is open, and came by exec for whoever takes it under this key: what this
        // process opened itself, std closes on exec. It was not taken before, as TAKEN says.
        Ok(unsafe { OwnedFd::from_raw_fd(given.fd) })
    })
}

fn cannot(what: &str, fd: RawFd, errno: Errno) -> String {
    format!("cannot {what} descriptor {fd}: {}", std::io::Error::from(errno))
}

/// What the variable says.
struct Given {
    fd: RawFd,
    device: u64,
    inode: u64,
    payload: Vec<u8>,
}

impl Given {
    fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split(':');
        let mut next = || fields.next();
        if next()? != VERSION {
            return None;
        }
        let fd = next()?.parse().ok().filter(|fd| *fd >= LEAST_FD)?;
        let (device, inode) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let payload = unhex(next()?)?;
        next().is_none().then_some(Self { fd, device, inode, payload })
    }
}

fn variable(key: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&key.len()) && key.bytes().all(good) {
        return Ok(format!("{PREFIX}{key}"));
    }
    let shown: String = key.chars().take(80).collect();
    Err(format!("the key {shown:?} is not 1 to 64 of A-Z a-z 0-9 _ -"))
}

fn given_keys() -> String {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut keys: Vec<_> =
        names.filter_map(|name| Some(name.strip_prefix(PREFIX)?.to_owned())).collect();
    keys.retain(|key| variable(key).is_ok());
    keys.sort();
    if keys.is_empty() { "none".into() } else { keys.join(", ") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    rest.is_empty().then(|| bytes.collect())?
}

//! Arrays across `exec`: a file that one command's children inherit, and a variable that describes it.
//!
//! The variable `SHMARRAY_PASS_<key>` has the form `1:fd:device:inode:payload`: version, numbers
//! in decimal, the payload's bytes in hexadecimal.

use std::fs::File;
use std::process::Command;

use shm_core::{Error, ErrorKind, Payload, PayloadRef, Result};

use crate::io::InheritedFile;
use crate::os;
use crate::transfer::{Incoming, check_backend};

const PREFIX: &str = "SHMARRAY_PASS_";
const VERSION: &str = "1";

/// Gives an array to the children of a command under a key: 1 to 64 of `A-Z a-z 0-9 _ -`.
///
/// No other child of this process gets the file: its descriptor loses the close-on-exec flag only in
/// the children of this command, after the fork. The array stays while the command lives, which
/// can be spawned any number of times. (`CommandExt::exec` runs the command in this process: if
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
    file: &File,
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
    let payload = hex(&payload.to_bytes()?);
    let InheritedFile { fd, device, inode } = os::inherit(command, file)?;
    command.env(variable, format!("{VERSION}:{fd}:{device}:{inode}:{payload}"));
    tracing::debug!(key, fd, "given to a command");
    Ok(())
}

/// Takes an array that the parent gave under a key, once.
///
/// It does not trust the environment: the file descriptor must not have been taken before, must be
/// open, must have come by `exec` (it is not closed on exec yet) and must lead to the file that was
/// given. Otherwise it is left alone: another part of this process may use the number by now.
///
/// # Errors
/// [`ErrorKind::Transport`] for an unknown key, with a list of the keys there are, for a variable that
/// cannot be read, and for an array that was taken already or is not the one that was given;
/// those of [`Payload::from_bytes`].
pub fn take(key: &str) -> Result<Incoming> {
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
    let given = Inherited::parse(&value).ok_or_else(|| {
        let shown: String = value.chars().take(80).collect();
        failed(format!("{variable}={shown:?} is not of the form 1:fd:device:inode:payload"))
    })?;
    let payload = Payload::from_bytes(&given.payload)?;
    check_backend(payload.descriptor.backend)?;
    let file = os::take(&given.file).map_err(failed)?;
    tracing::debug!(key, fd = given.file.fd, "taken from the parent");
    Ok(Incoming { payload, file, locks: None })
}

/// The content of the variable.
struct Inherited {
    file: InheritedFile,
    payload: Vec<u8>,
}

impl Inherited {
    fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split(':');
        let mut next = || fields.next();
        if next()? != VERSION {
            return None;
        }
        let fd = next()?.parse().ok().filter(|fd| *fd >= os::LEAST_FD)?;
        let (device, inode) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let payload = unhex(next()?)?;
        let file = InheritedFile { fd, device, inode };
        next().is_none().then_some(Self { file, payload })
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

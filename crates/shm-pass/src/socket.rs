//! Messages with files over a socket.

use std::fs::File;
use std::time::Duration;

#[cfg(doc)]
use shm_core::ErrorKind;
use shm_core::{Error, Result};

use crate::deadline::Deadline;
use crate::frame::{self, MOST, PREAMBLE_LEN};
use crate::io::{Ready, Received, Sent};
use crate::os;
use crate::transfer::{Incoming, Outgoing};

/// Room for a payload, in bytes: most payloads are shorter.
const USUAL_LEN: usize = 256;
/// The body of a message of one or two arrays, in bytes.
const SHORT_LEN: usize = 512;

/// Sends arrays, all in one message; it has several parts if there are more files than the kernel
/// passes at once (253).
///
/// The socket may be blocking or not, and may carry other bytes before and after. To a peer of another
/// user, who may not reopen the files, this sends open file descriptions that nobody else has.
///
/// # Errors
/// [`ErrorKind::Transport`] if the peer has closed, or does not read within `timeout`: the
/// message is incomplete then, and the socket of no further use. [`ErrorKind::LimitReached`] if
/// too many files are in flight already. [`ErrorKind::Oversized`] for a payload that is too
/// large, before anything is sent.
pub fn send<'a>(
    socket: &os::Socket,
    arrays: impl ExactSizeIterator<Item = Result<Outgoing<'a>>>,
    timeout: Duration,
) -> Result<()> {
    Message::new(arrays)?.send(socket, timeout)
}

/// A message that is about to be sent.
struct Message<'a> {
    /// All parts, one behind the other.
    bytes: Vec<u8>,
    /// The files of all parts; each part has [`MOST`] but the last.
    files: Vec<os::FileRef<'a>>,
}

impl<'a> Message<'a> {
    fn new(mut arrays: impl ExactSizeIterator<Item = Result<Outgoing<'a>>>) -> Result<Self> {
        let count = arrays.len();
        let mut bytes = Vec::with_capacity(PREAMBLE_LEN + USUAL_LEN * count);
        let mut files = Vec::with_capacity(count);
        loop {
            let (start, sent) = (bytes.len(), files.len());
            frame::begin(&mut bytes);
            for array in arrays.by_ref().take(MOST) {
                let Outgoing { payload, file } = array?;
                frame::append(&mut bytes, &payload)?;
                files.push(os::file_ref(file));
            }
            let more = arrays.len() > 0;
            frame::end(&mut bytes[start..], files.len() - sent, more);
            if !more {
                return Ok(Self { bytes, files });
            }
        }
    }

    fn send(&self, socket: &os::Socket, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after("send", timeout);
        if os::is_same_user(socket)? {
            self.send_with(socket, &self.files, &deadline)?;
        } else {
            let fresh = reopened(&self.files)?;
            let files: Vec<_> = fresh.iter().map(os::file_ref).collect();
            self.send_with(socket, &files, &deadline)?;
        }
        tracing::debug!(arrays = self.files.len(), "sent over a socket");
        Ok(())
    }

    fn send_with(
        &self,
        socket: &os::Socket,
        mut files: &[os::FileRef<'_>],
        deadline: &Deadline,
    ) -> Result<()> {
        let mut rest = &self.bytes[..];
        while let Some((part, behind)) = frame::split(rest) {
            let (of_part, of_others) = files.split_at(files.len().min(MOST));
            send_part(socket, part, of_part, deadline)?;
            (rest, files) = (behind, of_others);
        }
        Ok(())
    }
}

/// For a peer of another user, who may not reopen the files: a fresh description of each.
#[cold]
fn reopened(files: &[os::FileRef<'_>]) -> Result<Vec<File>> {
    files.iter().map(|file| os::reopen(*file)).collect()
}

fn send_part(
    socket: &os::Socket,
    mut bytes: &[u8],
    mut files: &[os::FileRef<'_>],
    deadline: &Deadline,
) -> Result<()> {
    while !bytes.is_empty() {
        match os::send(socket, bytes, files)? {
            Sent::Bytes(count) => {
                bytes = &bytes[count..];
                files = &[]; // they went with the first byte
            }
            Sent::WouldBlock => deadline.wait(socket, Ready::ToWrite)?,
            Sent::Closed => return Err(deadline.failed("the peer has closed the connection")),
        }
    }
    Ok(())
}

/// Receives the arrays of one message, and not a byte more.
///
/// Every file is closed on exec from the start, and closed if anything is wrong. On Linux the socket
/// may have `SO_PASSCRED`, but not `SO_PASSPIDFD`: the kernel would add an fd to every read, which
/// this crate does not close.
///
/// # Errors
/// [`ErrorKind::Transport`] if the peer has closed before or within a message (the text says
/// which), or the message is not complete within `timeout`; [`ErrorKind::BadMagic`],
/// [`ErrorKind::UnsupportedVersion`], [`ErrorKind::Truncated`], [`ErrorKind::Oversized`],
/// [`ErrorKind::Corrupt`] for its form; [`ErrorKind::LimitReached`] if this process may not have so many
/// open files: the kernel has dropped them, so the peer has to send the arrays of that message again,
/// but the next message comes whole.
pub fn receive(socket: &os::Socket, timeout: Duration) -> Result<Vec<Incoming>> {
    let deadline = Deadline::after("receive", timeout);
    if !timeout.is_zero() {
        deadline.wait(socket, Ready::ToRead)?; // most receivers are there before the message
    }
    let (mut arrays, mut start, mut refused) = (Vec::new(), Start::Message, None);
    loop {
        let mut head = [0; PREAMBLE_LEN];
        let Filled { files, withheld } = fill(socket, &mut head, start, &deadline)?;
        start = Start::Part;
        refused = refused.or(withheld);
        let preamble = frame::preamble(&head)?;
        if refused.is_none() && files.len() != preamble.count {
            let (has, needs) = (files.len(), preamble.count);
            let reason = format!("{has} descriptors came with a message of {needs} arrays");
            return Err(deadline.failed(reason));
        }
        let (mut short, mut long) = ([0; SHORT_LEN], Vec::new());
        let body = if preamble.body_len <= SHORT_LEN {
            &mut short[..preamble.body_len]
        } else {
            long.resize(preamble.body_len, 0);
            &mut long
        };
        fill(socket, body, Start::Body, &deadline)?;
        if refused.is_none() {
            let mut rest = &*body;
            arrays.reserve(files.len());
            for file in files {
                arrays.push(Incoming { payload: frame::payload(&mut rest)?, file });
            }
            frame::check_end(rest)?;
        } else {
            arrays.clear(); // the rest is read, so that the next message begins where it should
        }
        if !preamble.more {
            tracing::debug!(arrays = arrays.len(), "received over a socket");
            return refused.map_or(Ok(arrays), Err);
        }
        deadline.check()?; // parts may follow without end
    }
}

/// Where in a message a read begins. Files may come with the first byte of a part only.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// The first part.
    Message,
    Part,
    Body,
}

/// The files that came with bytes, and why the system withheld others, if it did.
#[derive(Default)]
struct Filled {
    files: Vec<File>,
    withheld: Option<Error>,
}

/// Reads until all of `bytes` are filled.
fn fill(
    socket: &os::Socket,
    bytes: &mut [u8],
    start: Start,
    deadline: &Deadline,
) -> Result<Filled> {
    let (mut at, mut filled) = (0, Filled::default());
    while at < bytes.len() {
        let (count, files, is_cut) = match os::receive(socket, &mut bytes[at..])? {
            Received::Bytes { count, files, is_cut } => (count, files, is_cut),
            Received::WouldBlock => {
                deadline.wait(socket, Ready::ToRead)?;
                continue;
            }
            Received::Reset => return Err(deadline.failed("the peer has ended")),
        };
        let may_bring = at == 0 && start != Start::Body;
        if is_cut {
            let error = withheld(socket, files.len(), deadline);
            if !may_bring || count == 0 {
                return Err(error);
            }
            filled.withheld = Some(error);
        }
        if count == 0 {
            return Err(closed(start, at, bytes.len(), deadline));
        }
        if !files.is_empty() {
            if !may_bring {
                let count = files.len();
                let reason = format!("{count} descriptors came in the middle of a message");
                return Err(deadline.failed(reason));
            }
            filled.files = files;
        }
        at += count;
        if at < bytes.len() {
            deadline.check()?; // bytes may dribble in as fast as they are read
        }
    }
    Ok(filled)
}

/// The error if the peer has closed after `at` of `len` bytes.
#[cold]
fn closed(start: Start, at: usize, len: usize, deadline: &Deadline) -> Error {
    if start == Start::Message && at == 0 {
        return deadline.failed("the peer has closed the connection before a message");
    }
    deadline.failed(format!(
        "the peer has closed the connection within a message ({at} of the next {len} bytes came)"
    ))
}

/// The error if the system gave only `came` of the files, which the caller still holds. There was room
/// for as many as it passes at once: so this process may have no more, or something forbids them.
#[cold]
fn withheld(socket: &os::Socket, came: usize, deadline: &Deadline) -> Error {
    os::check_file_limit(socket).err().unwrap_or_else(|| {
        deadline.failed(format!(
            "the system withheld descriptors after the first {came}: a security module, or a \
             limit that was reached for a moment"
        ))
    })
}

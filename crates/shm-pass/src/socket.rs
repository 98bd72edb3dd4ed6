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
/// The socket may be blocking or not, and may carry other bytes before and after. To a peer that may be
/// another user's, and may not reopen the files, this sends open file descriptions that nobody else
/// has: two of each file that is open for writing, one of them for locks. Whoever connected as the
/// superuser may have become another user since.
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
    let deadline = Deadline::after("send", timeout);
    Message::new(arrays, os::is_same_user(socket)?)?.send(socket, &deadline)
}

/// A message that is about to be sent.
struct Message<'a> {
    /// All parts, one behind the other.
    bytes: Vec<u8>,
    /// The files of all parts. One that is followed by a file for locks is there twice.
    files: Vec<os::FileRef<'a>>,
    /// For a peer who may not reopen the files: which of these are sent as fresh descriptions.
    fresh: Vec<bool>,
}

impl<'a> Message<'a> {
    fn new(
        arrays: impl ExactSizeIterator<Item = Result<Outgoing<'a>>>,
        is_same_user: bool,
    ) -> Result<Self> {
        let count = arrays.len();
        let bytes = Vec::with_capacity(PREAMBLE_LEN + USUAL_LEN * count);
        let mut message = Self { bytes, files: Vec::with_capacity(count), fresh: Vec::new() };
        let (mut start, mut sent, mut in_part) = (0, 0, 0);
        frame::begin(&mut message.bytes);
        for array in arrays {
            let Outgoing { payload, file } = array?;
            let file = os::file_ref(file);
            let is_fresh = !is_same_user && os::may_reopen(file)?;
            let fds = if is_fresh && os::is_writable(file)? { 2 } else { 1 };
            if message.files.len() - sent + fds > MOST {
                frame::end(&mut message.bytes[start..], in_part, message.files.len() - sent, true);
                (start, sent, in_part) = (message.bytes.len(), message.files.len(), 0);
                frame::begin(&mut message.bytes);
            }
            frame::append(&mut message.bytes, &payload, fds == 2)?;
            message.files.extend(std::iter::repeat_n(file, fds));
            if !is_same_user {
                message.fresh.extend(std::iter::repeat_n(is_fresh, fds));
            }
            in_part += 1;
        }
        frame::end(&mut message.bytes[start..], in_part, message.files.len() - sent, false);
        Ok(message)
    }

    fn send(&self, socket: &os::Socket, deadline: &Deadline) -> Result<()> {
        let (mut bytes, mut sent) = (&self.bytes[..], 0);
        while let Some((part, fds, behind)) = frame::split(bytes) {
            let of_part = sent..sent + fds;
            let files = &self.files[of_part.clone()];
            match self.fresh.get(of_part) {
                Some(fresh) if fds > 0 => send_reopened(socket, part, files, fresh, deadline)?,
                _ => send_part(socket, part, files, deadline)?,
            }
            (bytes, sent) = (behind, sent + fds);
        }
        tracing::debug!(descriptors = sent, "sent over a socket");
        Ok(())
    }
}

/// Sends those of the files as fresh descriptions, which this process then closes.
#[cold]
fn send_reopened(
    socket: &os::Socket,
    part: &[u8],
    files: &[os::FileRef<'_>],
    fresh: &[bool],
    deadline: &Deadline,
) -> Result<()> {
    let own = files.iter().zip(fresh);
    let own = own.map(|(file, fresh)| fresh.then(|| os::reopen(*file)).transpose());
    let own = own.collect::<Result<Vec<_>>>()?;
    let sent = files.iter().zip(&own).map(|(file, own)| own.as_ref().map_or(*file, os::file_ref));
    send_part(socket, part, &sent.collect::<Vec<_>>(), deadline)
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
        if refused.is_none() && files.len() != preamble.fds {
            let (has, needs, count) = (files.len(), preamble.fds, preamble.count);
            let reason = format!(
                "{has} descriptors came with a message of {needs} descriptors of {count} arrays"
            );
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
            let mut files = files.into_iter();
            arrays.reserve(preamble.count);
            for _ in 0..preamble.count {
                let (payload, has_locks) = frame::payload(&mut rest)?;
                let Some(file) = files.next() else { return frame::miscounted() };
                let locks = if has_locks { files.next() } else { None };
                if has_locks && locks.is_none() {
                    return frame::miscounted();
                }
                let is_needed = has_locks && !os::may_reopen(os::file_ref(&file))?;
                let locks = locks.filter(|_| is_needed);
                arrays.push(Incoming { payload, file, locks });
            }
            if files.next().is_some() {
                return frame::miscounted();
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

//! Messages with fds over a Unix socket.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::geteuid;
use shm_core::{Access, Error, ErrorKind, Result};
use shm_map::system_error;
use shm_presence::reopen;

use crate::deadline::Deadline;
use crate::frame::{self, MOST, PREAMBLE_LEN};
use crate::{Outgoing, Parcel};

/// Room for the fds that are sent with a part, in bytes.
const SEND_LEN: usize = rustix::cmsg_space!(ScmRights(MOST));
/// Room for those that come, in bytes: a socket with `SO_PASSCRED` puts the peer's credentials before
/// them.
const RECEIVE_LEN: usize = rustix::cmsg_space!(ScmRights(MOST), ScmCredentials(1));
/// Room for a payload, in bytes: most have fewer.
const USUAL_LEN: usize = 256;
/// The body of a message of one or two arrays, in bytes.
const SHORT_LEN: usize = 512;

/// Sends arrays, all in one message; it is split where there are more fds than the kernel passes at
/// once (253).
///
/// The socket may be blocking or not, and may carry other bytes before and after. A peer of another
/// user, who may not reopen what he gets, is sent a description of his own.
///
/// # Errors
/// [`ErrorKind::Transport`] if the peer has closed, or does not read within `timeout`: the
/// message is incomplete then, and the socket of no further use. [`ErrorKind::LimitReached`] if
/// too many fds are in flight already. [`ErrorKind::Oversized`] for a payload that is too
/// large, before anything is sent.
pub fn send<'a>(
    socket: &UnixStream,
    parcels: impl ExactSizeIterator<Item = Result<Outgoing<'a>>>,
    timeout: Duration,
) -> Result<()> {
    Message::new(parcels)?.send(socket, timeout)
}

/// A message that is about to be sent.
struct Message<'a> {
    /// Of all parts, one behind the other.
    bytes: Vec<u8>,
    /// Of all parts, each of which has [`MOST`] but the last.
    fds: Vec<BorrowedFd<'a>>,
}

impl<'a> Message<'a> {
    fn new(mut parcels: impl ExactSizeIterator<Item = Result<Outgoing<'a>>>) -> Result<Self> {
        let count = parcels.len();
        let mut bytes = Vec::with_capacity(PREAMBLE_LEN + USUAL_LEN * count);
        let mut fds = Vec::with_capacity(count);
        loop {
            let (start, sent) = (bytes.len(), fds.len());
            frame::begin(&mut bytes);
            for parcel in parcels.by_ref().take(MOST) {
                let Outgoing { payload, fd } = parcel?;
                frame::append(&mut bytes, &payload)?;
                fds.push(fd);
            }
            let more = parcels.len() > 0;
            frame::end(&mut bytes[start..], fds.len() - sent, more);
            if !more {
                return Ok(Self { bytes, fds });
            }
        }
    }

    fn send(&self, socket: &UnixStream, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after("send", timeout);
        let peer = socket_peercred(socket)
            .map_err(|errno| system_error("getsockopt(SO_PEERCRED)", "a socket", errno))?;
        if peer.uid == geteuid() {
            self.send_with(socket, &self.fds, &deadline)?;
        } else {
            let own = own_descriptions(&self.fds)?;
            let fds: Vec<_> = own.iter().map(AsFd::as_fd).collect();
            self.send_with(socket, &fds, &deadline)?;
        }
        tracing::debug!(arrays = self.fds.len(), "sent over a socket");
        Ok(())
    }

    fn send_with(
        &self,
        socket: &UnixStream,
        mut fds: &[BorrowedFd<'_>],
        deadline: &Deadline,
    ) -> Result<()> {
        let mut rest = &self.bytes[..];
        while let Some((part, behind)) = frame::split(rest) {
            let (of_part, of_others) = fds.split_at(fds.len().min(MOST));
            send_part(socket.as_fd(), part, of_part, deadline)?;
            (rest, fds) = (behind, of_others);
        }
        Ok(())
    }
}

/// For a peer of another user, who may not reopen what he gets: a description of his own for each.
#[cold]
fn own_descriptions(fds: &[BorrowedFd<'_>]) -> Result<Vec<OwnedFd>> {
    let own = |fd: &BorrowedFd<'_>| {
        let mode = fcntl_getfl(fd).map_err(|errno| system_error("fcntl", "an array", errno))?;
        let writable = mode.contains(OFlags::RDWR);
        reopen(*fd, if writable { Access::ReadWrite } else { Access::ReadOnly })
    };
    fds.iter().map(own).collect()
}

fn send_part(
    socket: BorrowedFd<'_>,
    mut bytes: &[u8],
    mut fds: &[BorrowedFd<'_>],
    deadline: &Deadline,
) -> Result<()> {
    while !bytes.is_empty() {
        let mut space = [MaybeUninit::uninit(); SEND_LEN];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds)); // there is room for MOST
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags) {
            Ok(count) => {
                bytes = &bytes[count..];
                fds = &[]; // they went with the first byte
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => deadline.wait(socket, PollFlags::OUT)?,
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => {
                return Err(deadline.failed("the peer has closed the connection"));
            }
            Err(Errno::TOOMANYREFS) => {
                let (limit, hint) = ("descriptors in flight", "let the peer receive some first");
                return Err(ErrorKind::LimitReached { limit, value: None, hint }.into());
            }
            Err(errno) => return Err(system_error("sendmsg", "a socket", errno)),
        }
    }
    Ok(())
}

/// Receives the arrays of one message, and not a byte more.
///
/// Every fd is closed on exec from the start, and closed if anything is wrong. The socket
/// may have `SO_PASSCRED`, but not `SO_PASSPIDFD`: the kernel would add an fd to every read,
/// which nobody here owns.
///
/// # Errors
/// [`ErrorKind::Transport`] if the peer has closed before or within a message (the text says
/// which), or the message is not complete within `timeout`; [`ErrorKind::BadMagic`],
/// [`ErrorKind::UnsupportedVersion`], [`ErrorKind::Truncated`], [`ErrorKind::Oversized`],
/// [`ErrorKind::Corrupt`] for its form; [`ErrorKind::LimitReached`] if this process may not have so many
/// fds: the kernel has dropped them, so the arrays of that message have to be sent again, but
/// the next message comes whole.
pub fn receive(socket: &UnixStream, timeout: Duration) -> Result<Vec<Parcel>> {
    let deadline = Deadline::after("receive", timeout);
    if !timeout.is_zero() {
        deadline.wait(socket.as_fd(), PollFlags::IN)?; // most who receive are there before it
    }
    let (mut parcels, mut start, mut refused) = (Vec::new(), Start::Message, None);
    loop {
        let mut head = [0; PREAMBLE_LEN];
        let Came { fds, withheld } = fill(socket.as_fd(), &mut head, start, &deadline)?;
        start = Start::Part;
        refused = refused.or(withheld);
        let preamble = frame::preamble(&head)?;
        if refused.is_none() && fds.len() != preamble.count {
            let (has, needs) = (fds.len(), preamble.count);
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
        fill(socket.as_fd(), body, Start::Body, &deadline)?;
        if refused.is_none() {
            let mut rest = &*body;
            parcels.reserve(fds.len());
            for fd in fds {
                parcels.push(Parcel { payload: frame::payload(&mut rest)?, fd });
            }
            frame::check_end(rest)?;
        } else {
            parcels.clear(); // the rest is read, so that the next message begins where it should
        }
        if !preamble.more {
            tracing::debug!(arrays = parcels.len(), "received over a socket");
            return refused.map_or(Ok(parcels), Err);
        }
        deadline.check()?; // parts may follow without end
    }
}

/// What a read begins with. Fds may come with the first byte of a part.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// The first part.
    Message,
    Part,
    Body,
}

/// The fds that came, and why the kernel withheld others, if it did.
#[derive(Default)]
struct Came {
    fds: Vec<OwnedFd>,
    withheld: Option<Error>,
}

/// Reads so many bytes.
fn fill(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    start: Start,
    deadline: &Deadline,
) -> Result<Came> {
    let (mut at, mut came) = (0, Came::default());
    while at < bytes.len() {
        let mut space = [MaybeUninit::uninit(); RECEIVE_LEN];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes[at..])];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = match recvmsg(socket, &mut parts, &mut control, flags) {
            Ok(received) => received,
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                deadline.wait(socket, PollFlags::IN)?;
                continue;
            }
            Err(Errno::CONNRESET) => return Err(deadline.failed("the peer has ended")),
            Err(errno) => return Err(system_error("recvmsg", "a socket", errno)),
        };
        // Owned at once, so that whatever follows closes them.
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(owned) = message {
                fds.extend(owned);
            }
        }
        let may_bring = at == 0 && start != Start::Body;
        if received.flags.contains(ReturnFlags::CTRUNC) {
            let error = withheld(socket, fds.len(), deadline);
            if !may_bring || received.bytes == 0 {
                return Err(error);
            }
            came.withheld = Some(error);
        }
        if received.bytes == 0 {
            return Err(closed(start, at, bytes.len(), deadline));
        }
        if !fds.is_empty() {
            if !may_bring {
                let count = fds.len();
                let reason = format!("{count} descriptors came in the middle of a message");
                return Err(deadline.failed(reason));
            }
            came.fds = fds;
        }
        at += received.bytes;
        if at < bytes.len() {
            deadline.check()?; // bytes may dribble in as fast as they are read
        }
    }
    Ok(came)
}

/// The peer has closed after `at` of `len` bytes.
#[cold]
fn closed(start: Start, at: usize, len: usize, deadline: &Deadline) -> Error {
    if start == Start::Message && at == 0 {
        return deadline.failed("the peer has closed the connection before a message");
    }
    deadline.failed(format!(
        "the peer has closed the connection within a message ({at} of the next {len} bytes came)"
    ))
}

/// Why the kernel gave only `came` of the fds, which the caller still holds. There was
/// room for as many as it passes: so this process may have no more, or something forbids them.
#[cold]
fn withheld(socket: BorrowedFd<'_>, came: usize, deadline: &Deadline) -> Error {
    match fcntl_dupfd_cloexec(socket, 0) {
        Err(errno) => system_error("recvmsg", "a socket", errno),
        Ok(_) => deadline.failed(format!(
            "the system withheld descriptors after the first {came}: a security module, or a \
             limit that was reached for a moment"
        )),
    }
}

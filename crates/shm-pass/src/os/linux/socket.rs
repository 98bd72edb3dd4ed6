//! Bytes and files over a Unix socket, one system call at a time. See unix(7), `SCM_RIGHTS`.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::geteuid;
use shm_core::{Access, ErrorKind, Result};
use shm_map::system_error;

use crate::frame::MOST;
use crate::io::{Ready, Received, Sent};

/// A socket that arrays can be sent over, blocking or not.
pub type Socket = std::os::unix::net::UnixStream;

/// A file that is about to be sent.
pub(crate) type FileRef<'a> = BorrowedFd<'a>;

/// Room for the fds that are sent with a part, in bytes.
const SEND_LEN: usize = rustix::cmsg_space!(ScmRights(MOST));
/// Room for the fds that come with a part, in bytes: a socket with `SO_PASSCRED` puts the peer's
/// credentials before them.
const RECEIVE_LEN: usize = rustix::cmsg_space!(ScmRights(MOST), ScmCredentials(1));

pub(crate) fn file_ref(file: &File) -> FileRef<'_> {
    file.as_fd()
}

/// Waits until the socket is ready, at most so long; it may return before. See poll(2).
pub(crate) fn wait(socket: &Socket, ready: Ready, timeout: Option<Duration>) -> Result<()> {
    let events = match ready {
        Ready::ToRead => PollFlags::IN,
        Ready::ToWrite => PollFlags::OUT,
    };
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut [PollFd::new(socket, events)], timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(system_error("poll", "a socket", errno)),
    }
}

/// Whether the peer surely runs as the user of this process. `SO_PEERCRED` tells who it was when the
/// sockets were connected: the superuser may be anybody since. See unix(7).
pub(crate) fn is_same_user(socket: &Socket) -> Result<bool> {
    let me = geteuid();
    if me.is_root() {
        return Ok(false);
    }
    let peer = socket_peercred(socket)
        .map_err(|errno| system_error("getsockopt(SO_PEERCRED)", "a socket", errno))?;
    Ok(peer.uid == me)
}

/// Whether a file is open for reading and writing.
pub(crate) fn is_writable(file: FileRef<'_>) -> Result<bool> {
    let mode = fcntl_getfl(file).map_err(|errno| system_error("fcntl", "an array", errno))?;
    Ok(mode.contains(OFlags::RDWR))
}

/// A fresh open file description of the same file, with the same access.
pub(crate) fn reopen(file: FileRef<'_>) -> Result<File> {
    let access = if is_writable(file)? { Access::ReadWrite } else { Access::ReadOnly };
    shm_presence::os::reopen(file, access)
}

/// Whether this process may open a file afresh with the same access.
pub(crate) fn may_reopen(file: FileRef<'_>) -> Result<bool> {
    match reopen(file) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::AccessDenied { .. } | ErrorKind::Path { .. } => Ok(false),
            _ => Err(error),
        },
    }
}

/// Sends some of the bytes, and all files (at most [`MOST`]) with the first, without waiting.
pub(crate) fn send(socket: &Socket, bytes: &[u8], files: &[FileRef<'_>]) -> Result<Sent> {
    let mut space = [MaybeUninit::uninit(); SEND_LEN];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(files)); // there is room for MOST
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    loop {
        return match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags) {
            Ok(count) => Ok(Sent::Bytes(count)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Sent::WouldBlock),
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Ok(Sent::Closed),
            Err(Errno::TOOMANYREFS) => {
                let (limit, hint) = ("descriptors in flight", "let the peer receive some first");
                Err(ErrorKind::LimitReached { limit, value: None, hint }.into())
            }
            Err(errno) => Err(system_error("sendmsg", "a socket", errno)),
        };
    }
}

/// Receives some bytes, and the files that come with them, without waiting.
pub(crate) fn receive(socket: &Socket, bytes: &mut [u8]) -> Result<Received> {
    let mut space = [MaybeUninit::uninit(); RECEIVE_LEN];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, flags) {
            Ok(received) => break received,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Received::WouldBlock),
            Err(Errno::CONNRESET) => return Ok(Received::Reset),
            Err(errno) => return Err(system_error("recvmsg", "a socket", errno)),
        }
    };
    // The files are owned from here on, so that they are closed whatever follows.
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            files.extend(fds.map(File::from));
        }
    }
    let is_cut = received.flags.contains(ReturnFlags::CTRUNC);
    Ok(Received::Bytes { count: received.bytes, files, is_cut })
}

/// Whether this process can have one more file descriptor.
///
/// # Errors
/// [`ErrorKind::LimitReached`] if it cannot.
pub(crate) fn check_file_limit(socket: &Socket) -> Result<()> {
    match fcntl_dupfd_cloexec(socket, 0) {
        Ok(_) => Ok(()),
        Err(errno) => Err(system_error("recvmsg", "a socket", errno)),
    }
}

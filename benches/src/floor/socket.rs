//! A descriptor handed over a socket, with a message of a payload's length.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, sendmsg,
};
use rustix::process::geteuid;

/// What tells how long the rest is.
const START_LEN: usize = 16;
const REST_LEN: usize = 112;

/// Sends it to a process of this user: another one could not open what it gets.
pub(crate) fn send(socket: &UnixStream, fd: BorrowedFd<'_>, bytes: usize) {
    assert_eq!(socket_peercred(socket).unwrap().uid, geteuid());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let mut message = [0; START_LEN + REST_LEN];
    message[..8].copy_from_slice(&bytes.to_ne_bytes());
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(&message)], &mut control, flags).unwrap();
}

/// Receives it, not a byte more of what the socket carries, and waits no longer than an hour. `None`
/// once the socket is closed.
pub(crate) fn receive(socket: &UnixStream) -> Option<(OwnedFd, usize)> {
    let hour = Timespec { tv_sec: 3600, tv_nsec: 0 };
    poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&hour)).unwrap();
    let mut start = [0; START_LEN];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut start)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    if recvmsg(socket, &mut parts, &mut control, flags).unwrap().bytes == 0 {
        return None;
    }
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let (rest, _) = recv(socket, &mut [0; REST_LEN], RecvFlags::DONTWAIT).unwrap();
    assert_eq!(rest, REST_LEN);
    Some((fd.unwrap(), usize::from_ne_bytes(std::array::from_fn(|i| start[i]))))
}

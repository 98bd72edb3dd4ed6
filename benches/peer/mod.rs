//! A forked process that answers: to arrays with the library, to bare descriptors without it.
#![allow(unsafe_code, clippy::unwrap_used)] // fork; a bench that fails shall stop

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use shmarray::pass;
use shmarray::prelude::*;

use super::floor;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The other process.
pub(crate) struct Peer {
    ours: UnixStream,
    floor: UnixStream,
}

impl Peer {
    /// Forks two processes that answer until this one ends.
    pub(crate) fn fork() -> Self {
        Self { ours: spawn(answer_ours), floor: spawn(answer_floor) }
    }

    /// Hands over an array, and waits until the peer has attached to it and read an element.
    pub(crate) fn ours(&self, array: &SharedArray<u8, Ix1>) {
        pass::send(&self.ours, &[array], TIMEOUT).unwrap();
        (&self.ours).read_exact(&mut [0]).unwrap();
    }

    /// The same with the bare system calls: one message of a payload's length.
    pub(crate) fn floor(&self, fd: BorrowedFd<'_>, bytes: usize) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [fd];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let mut message = [0; 128];
        message[..8].copy_from_slice(&bytes.to_ne_bytes());
        let parts = [IoSlice::new(&message)];
        sendmsg(&self.floor, &parts, &mut control, SendFlags::NOSIGNAL).unwrap();
        (&self.floor).read_exact(&mut [0]).unwrap();
    }
}

fn spawn(answer: fn(&UnixStream)) -> UnixStream {
    let (here, there) = UnixStream::pair().unwrap();
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        drop(here);
        answer(&there);
        // SAFETY: the child has nothing to clean up.
        unsafe { libc::_exit(0) };
    }
    here
}

fn answer_ours(socket: &UnixStream) {
    while let Ok(received) = pass::receive(socket, Duration::from_secs(3600)) {
        for array in received {
            let array: SharedArray<u8, Ix1> = array.typed().unwrap();
            let mut socket = socket;
            socket.write_all(&[array.get(0).unwrap()]).unwrap();
        }
    }
}

fn answer_floor(socket: &UnixStream) {
    loop {
        let mut message = [0; 128];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut message)];
        let received = recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC);
        if received.unwrap().bytes == 0 {
            return;
        }
        let fds: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            })
            .flatten()
            .collect();
        let bytes = usize::from_ne_bytes(std::array::from_fn(|i| message[i]));
        let (map, _own) = floor::attach_memfd(fds[0].as_fd(), bytes);
        let mut socket = socket;
        socket.write_all(&[map.first()]).unwrap();
    }
}

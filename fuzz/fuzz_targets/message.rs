//! Any bytes and descriptors from a peer, in pieces: an error, or what a plain reading of them
//! says; what follows the message stays, and no descriptor is left behind.
#![no_main]

use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, fstat, memfd_create};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, ioctl_fionread};
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shm_core::{BackendKind, Payload};
use shm_pass::{Incoming, Outgoing, receive, send};
use shmarray_fuzz::steps::{self, CREDENTIALS, MOST, NON_BLOCKING, SLOWLY, Step};
use shmarray_fuzz::{check_error, memory};

/// Bytes that a socket takes without a reader.
const STREAM_LEN: usize = 1 << 15;
/// Bytes: the largest part of a message, which is made before its body comes.
const LARGEST: usize = 1 << 23;
/// The peer closes its end, so the receiver needs no deadline: if it still waits then, it hangs.
const NEVER: Duration = Duration::MAX;

fuzz_target!(
    init: {
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    },
    |input: &[u8]| {
        let Some((flags, rest)) = input.split_first() else {
            return;
        };
        let _ = given(0);
        let before = least_free();
        exchange(*flags, &steps::expand(rest, STREAM_LEN));
        assert_eq!(least_free(), before, "a descriptor is left behind");
    }
);

/// Files to send, which can be told apart.
fn given(number: usize) -> BorrowedFd<'static> {
    static FILES: OnceLock<[OwnedFd; 4]> = OnceLock::new();
    let make = || std::array::from_fn(|_| memfd_create("given", MemfdFlags::CLOEXEC).unwrap());
    FILES.get_or_init(make)[number % 4].as_fd()
}

/// The least number that no descriptor has: more if one was left open.
fn least_free() -> i32 {
    fcntl_dupfd_cloexec(given(0), 0).unwrap().as_raw_fd()
}

fn exchange(flags: u8, steps: &[Step]) {
    let (here, there) = UnixStream::pair().unwrap();
    there.set_nonblocking(flags & NON_BLOCKING != 0).unwrap();
    set_socket_passcred(&there, flags & CREDENTIALS != 0).unwrap();
    let ended = AtomicBool::new(false);
    let (sent, received) = if flags & SLOWLY != SLOWLY {
        let sent = peer(&here, steps, || ());
        (sent, memory::at_most(LARGEST, || receive(&there, NEVER)))
    } else {
        let read = || {
            while !ended.load(Relaxed) && ioctl_fionread(&there).is_ok_and(|left| left > 0) {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            let peer = scope.spawn(|| peer(&here, steps, &read));
            let received = receive(&there, NEVER);
            ended.store(true, Relaxed);
            (peer.join().unwrap(), received)
        })
    };
    let expected = sent.message();
    match (received, expected) {
        (Ok(arrays), Some((payloads, end))) => {
            check(&arrays, &payloads);
            there.set_nonblocking(false).unwrap();
            let mut left = Vec::new();
            (&there).read_to_end(&mut left).unwrap();
            assert!(left == sent.bytes[end..], "what follows the message is not untouched");
            check_round_trip(&arrays);
        }
        (Err(error), None) => check_error(&error),
        (Ok(arrays), None) => panic!("{} arrays of a message that is none", arrays.len()),
        (Err(error), Some(_)) => panic!("a message that is whole: {error}"),
    }
}

/// The bytes and descriptors that went into the socket.
#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
    /// Where descriptors were sent, and how many.
    fds: Vec<(usize, usize)>,
}

/// Does all steps, and closes.
fn peer(socket: &UnixStream, steps: &[Step], between: impl Fn()) -> Sent {
    let mut sent = Sent::default();
    for step in steps {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let before: usize = sent.fds.iter().map(|(_, count)| count).sum();
        let fds: Vec<_> = (before..before + step.fds).map(given).collect();
        if step.fds > 0 {
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(socket, &[IoSlice::new(&step.bytes)], &mut control, flags) {
            Ok(len) => {
                if step.fds > 0 {
                    sent.fds.push((sent.bytes.len(), step.fds));
                }
                sent.bytes.extend(&step.bytes[..len]);
                if len < step.bytes.len() {
                    break;
                }
            }
            Err(Errno::AGAIN | Errno::TOOMANYREFS) => break,
            Err(errno) => panic!("sendmsg: {errno}"),
        }
        between();
    }
    socket.shutdown(Shutdown::Write).unwrap();
    sent
}

impl Sent {
    /// The arrays of the message at the beginning, and where it ends; `None` if it is none.
    fn message(&self) -> Option<(Vec<Payload>, usize)> {
        let (mut at, mut payloads) = (0, Vec::new());
        loop {
            let start = at;
            let head: &[u8; 16] = self.bytes.get(at..)?.first_chunk()?;
            let [b'S', b'H', b'M', b'P', 2, more @ (0 | 1), c0, c1, l0, l1, l2, l3, f0, f1, 0, 0] =
                *head
            else {
                return None;
            };
            let count = usize::from(u16::from_le_bytes([c0, c1]));
            let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let fds = usize::from(u16::from_le_bytes([f0, f1]));
            if count > MOST || fds > MOST || more == 1 && fds < MOST - 1 {
                return None;
            }
            at += head.len();
            let mut body = self.bytes.get(at..at.checked_add(len)?)?;
            at += len;
            let mut of_arrays = 0;
            for _ in 0..count {
                let ([fds @ (1 | 2), l0, l1], rest) = body.split_first_chunk::<3>()? else {
                    return None;
                };
                of_arrays += usize::from(*fds);
                let len = u16::from_le_bytes([*l0, *l1]).into();
                let (payload, rest) = rest.split_at_checked(len)?;
                let payload = Payload::from_bytes(payload).ok()?;
                if payload.descriptor.backend == BackendKind::Mmap {
                    return None;
                }
                payloads.push(payload);
                body = rest;
            }
            let within = self.fds.iter().filter(|(place, _)| (start..at).contains(place));
            let within: Vec<_> = within.copied().collect();
            let right = if fds == 0 { vec![] } else { vec![(start, fds)] };
            if !body.is_empty() || of_arrays != fds || within != right {
                return None;
            }
            if more == 0 {
                return Some((payloads, at));
            }
        }
    }
}

fn check(arrays: &[Incoming], payloads: &[Payload]) {
    assert!(arrays.iter().map(|array| &array.payload).eq(payloads));
    for (number, Incoming { file, .. }) in arrays.iter().enumerate() {
        assert!(fcntl_getfd(file).unwrap().contains(FdFlags::CLOEXEC));
        assert_eq!(fstat(file).unwrap().st_ino, fstat(given(number)).unwrap().st_ino);
    }
}

/// What was received can be sent on.
fn check_round_trip(arrays: &[Incoming]) {
    if arrays.len() > 8 {
        return; // it may be more than a socket takes
    }
    let (here, there) = UnixStream::pair().unwrap();
    send(&here, arrays.iter().map(outgoing), NEVER).unwrap();
    let payloads: Vec<_> = arrays.iter().map(|array| array.payload.clone()).collect();
    check(&receive(&there, NEVER).unwrap(), &payloads);
}

fn outgoing(Incoming { payload, file, .. }: &Incoming) -> shm_core::Result<Outgoing<'_>> {
    Outgoing::new(payload, file)
}

//! Messages over a real socket: whole, split, foreign, broken off, and with the wrong descriptors.
//! One test at a time, as they count descriptors.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, dead_code)] // a failed step fails

mod support;

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shm_core::{BackendKind, ErrorKind, Payload, Result};
use shm_pass::{Outgoing, Parcel, receive, send};
use support::{memfd, number, open_fds, payload};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(30);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: [(&str, fn()); 9] = [
        ("arrays_arrive_in_order_and_close_on_exec", arrays_arrive),
        ("bytes_before_and_after_stay", bytes_around_stay),
        ("mmap_is_refused_before_anything_is_sent", mmap_is_refused),
        ("a_peer_that_closes_is_told", closed_peer),
        ("a_silent_or_dribbling_peer_does_not_hang", silent_peer),
        ("foreign_and_broken_messages_close_their_descriptors", foreign_messages),
        ("descriptors_at_the_wrong_place_are_closed", misplaced_descriptors),
        ("too_few_or_too_many_descriptors_are_closed", miscounted_descriptors),
        ("a_limit_on_descriptors_is_named_and_leaks_nothing", descriptor_limit),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            let before = open_fds();
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))?;
            let after = open_fds();
            if before == after {
                return Ok(());
            }
            Err(Failed::from(format!("{before} descriptors before, {after} after")))
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit();
}

/// Sends so many arrays from another thread, as a message may be larger than a socket's buffer.
fn round_trip(count: usize) -> Vec<Parcel> {
    let (here, there) = UnixStream::pair().unwrap();
    let fds: Vec<_> = (0..count).map(memfd).collect();
    let payloads: Vec<_> = (0..count).map(|i| payload(BackendKind::Memfd, i)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| send(&here, &outgoing(&payloads, &fds), SOON).unwrap());
        receive(&there, SOON).unwrap()
    })
}

fn outgoing<'a>(payloads: &'a [Payload], fds: &'a [OwnedFd]) -> Vec<Outgoing<'a>> {
    let pairs = payloads.iter().zip(fds);
    pairs.map(|(payload, fd)| Outgoing::new(payload, fd.as_fd()).unwrap()).collect()
}

fn arrays_arrive() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    for count in [0, 1, 3, 253, 254, 600] {
        let parcels = round_trip(count);
        assert_eq!(parcels.len(), count);
        for (i, parcel) in parcels.iter().enumerate() {
            assert_eq!(parcel.payload, payload(BackendKind::Memfd, i));
            assert_eq!(number(&parcel.fd), i);
            assert!(fcntl_getfd(&parcel.fd).unwrap().contains(FdFlags::CLOEXEC));
        }
    }
}

fn bytes_around_stay() {
    let (mut here, mut there) = UnixStream::pair().unwrap();
    there.set_nonblocking(true).unwrap();
    let (fds, payloads) = ([memfd(5)], [payload(BackendKind::Shm, 5)]);
    here.write_all(b"before").unwrap();
    send(&here, &outgoing(&payloads, &fds), SOON).unwrap();
    here.write_all(b"after").unwrap();
    let mut word = [0; 6];
    there.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"before");
    assert_eq!(receive(&there, SOON).unwrap().len(), 1);
    there.read_exact(&mut word[..5]).unwrap();
    assert_eq!(&word[..5], b"after");
}

fn mmap_is_refused() {
    let (fd, payload) = (memfd(0), payload(BackendKind::Mmap, 1));
    let error = Outgoing::new(&payload, fd.as_fd()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoHandle { .. }), "{error}");
    assert!(error.to_string().contains("shm or memfd"), "{error}");
}

fn transport(result: Result<impl Sized>, words: &str) {
    let Err(error) = result else { panic!("no error, but {words}") };
    assert!(matches!(error.kind(), ErrorKind::Transport { .. }), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

fn closed_peer() {
    let (here, there) = UnixStream::pair().unwrap();
    drop(here);
    transport(receive(&there, SOON), "closed");
    let (fds, payloads) = ([memfd(0)], [payload(BackendKind::Memfd, 0)]);
    transport(send(&there, &outgoing(&payloads, &fds), SOON), "closed");
}

fn silent_peer() {
    let (mut here, there) = UnixStream::pair().unwrap();
    transport(receive(&there, AT_ONCE), "did nothing");
    here.write_all(b"SHMP\x01").unwrap();
    transport(receive(&there, AT_ONCE), "did nothing");
    // A peer that never reads: the socket's buffer fills up.
    let (here, _there) = UnixStream::pair().unwrap();
    let fd = memfd(0);
    let payloads: Vec<_> = (0..20_000).map(|i| payload(BackendKind::Memfd, i)).collect();
    let parcels: Vec<_> =
        payloads.iter().map(|payload| Outgoing::new(payload, fd.as_fd()).unwrap()).collect();
    assert!(send(&here, &parcels, AT_ONCE).is_err());
}

/// The bytes of a message of one array, without its descriptor.
fn message() -> Vec<u8> {
    let (here, mut there) = UnixStream::pair().unwrap();
    let (fds, payloads) = ([memfd(0)], [payload(BackendKind::Memfd, 1)]);
    send(&here, &outgoing(&payloads, &fds), SOON).unwrap();
    drop(here);
    let mut bytes = Vec::new();
    there.read_to_end(&mut bytes).unwrap();
    bytes
}

fn send_raw(socket: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    }
    let count = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
    assert_eq!(count, bytes.len());
}

/// Sends bytes and descriptors, closes, and gives what receiving them says.
fn receive_raw(bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Vec<Parcel>> {
    let (here, there) = UnixStream::pair().unwrap();
    send_raw(&here, bytes, fds);
    drop(here);
    receive(&there, SOON)
}

fn foreign_messages() {
    let (whole, fd) = (message(), memfd(0));
    assert_eq!(receive_raw(&whole, &[fd.as_fd()]).unwrap().len(), 1);
    for len in 1..whole.len() {
        transport(receive_raw(&whole[..len], &[fd.as_fd()]), "closed");
    }
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let _ = receive_raw(&bytes, &[fd.as_fd()]); // whatever it says: no panic, no leak
        }
    }
    let error = receive_raw(b"GET / HTTP/1.1\r\nHost: x\r\n", &[fd.as_fd()]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadMagic { .. }), "{error}");
}

fn misplaced_descriptors() {
    let (whole, fd) = (message(), memfd(0));
    for split in [1, 8, 16, 20] {
        let (here, there) = UnixStream::pair().unwrap();
        send_raw(&here, &whole[..split], &[fd.as_fd()]);
        send_raw(&here, &whole[split..], &[fd.as_fd(); 7]);
        transport(receive(&there, SOON), "middle of a message");
    }
}

fn miscounted_descriptors() {
    let (whole, fd) = (message(), memfd(0));
    for count in [0, 2, 253] {
        let fds = vec![fd.as_fd(); count];
        transport(receive_raw(&whole, &fds), &format!("{count} descriptors came"));
    }
}

fn descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let fd = memfd(0);
    let payloads: Vec<_> = (0..20).map(|i| payload(BackendKind::Memfd, i)).collect();
    let parcels: Vec<_> =
        payloads.iter().map(|payload| Outgoing::new(payload, fd.as_fd()).unwrap()).collect();
    let (here, there) = UnixStream::pair().unwrap();
    send(&here, &parcels, SOON).unwrap();
    let tight = Some(open_fds() as u64 + 10);
    setrlimit(Resource::Nofile, Rlimit { current: tight, ..limit }).unwrap();
    let error = receive(&there, SOON).unwrap_err();
    setrlimit(Resource::Nofile, limit).unwrap();
    let named = matches!(
        error.kind(),
        ErrorKind::LimitReached { limit: "RLIMIT_NOFILE", value, .. } if *value == tight
    );
    assert!(named, "{error}");
}

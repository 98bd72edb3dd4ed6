//! Messages over a real socket: whole, split, foreign, broken off, and with the wrong descriptors.
//! One test at a time, as they count descriptors.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, dead_code)] // a failed step fails

mod support;

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shm_core::{Access, BackendKind, DType, Element, ErrorKind, Field, Payload, Result};
use shm_pass::{Incoming, Outgoing, receive, send};
use support::{memfd, number, open_fds, payload};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_millis(30);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: [(&str, fn()); 17] = [
        ("arrays_arrive_in_order_and_close_on_exec", arrays_arrive),
        ("bytes_before_and_after_stay", bytes_around_stay),
        ("a_socket_that_also_tells_credentials_carries_as_many", with_credentials),
        ("a_payload_too_large_is_refused_before_anything_is_sent", too_large_payload),
        ("mmap_is_refused_before_anything_is_sent", mmap_is_refused),
        ("a_peer_that_closes_is_told", closed_peer),
        ("a_clean_end_is_told_from_one_within_a_message", ends),
        ("a_silent_or_dribbling_peer_does_not_hang", silent_peer),
        ("the_time_ends_though_parts_keep_coming", endless_parts),
        ("foreign_and_broken_messages_close_their_descriptors", foreign_messages),
        ("descriptors_at_the_wrong_place_are_closed", misplaced_descriptors),
        ("too_few_or_too_many_descriptors_are_closed", miscounted_descriptors),
        ("another_user_gets_a_description_of_his_own", another_user),
        ("another_user_gets_a_file_for_locks_that_nobody_else_has", locks_for_another_user),
        ("files_for_locks_are_as_many_as_the_message_says", miscounted_locks),
        ("a_limit_on_descriptors_is_named_and_leaks_nothing", descriptor_limit),
        ("a_process_without_a_descriptor_left_is_told", no_descriptor_left),
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
fn round_trip(count: usize) -> Vec<Incoming> {
    let (here, there) = UnixStream::pair().unwrap();
    let files: Vec<_> = (0..count).map(memfd).collect();
    let payloads: Vec<_> = (0..count).map(|i| payload(BackendKind::Memfd, i)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| send(&here, outgoing(&payloads, &files), SOON).unwrap());
        receive(&there, SOON).unwrap()
    })
}

fn outgoing<'a>(
    payloads: &'a [Payload],
    files: &'a [File],
) -> impl ExactSizeIterator<Item = Result<Outgoing<'a>>> {
    payloads.iter().zip(files).map(|(payload, file)| Outgoing::new(payload, file))
}

/// All with one descriptor.
fn outgoing_by<'a>(
    payloads: &'a [Payload],
    file: &'a File,
) -> impl ExactSizeIterator<Item = Result<Outgoing<'a>>> {
    payloads.iter().map(|payload| Outgoing::new(payload, file))
}

fn arrays_arrive() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    for count in [0, 1, 3, 253, 254, 600] {
        let arrays = round_trip(count);
        assert_eq!(arrays.len(), count);
        for (i, array) in arrays.iter().enumerate() {
            assert_eq!(array.payload, payload(BackendKind::Memfd, i));
            assert_eq!(number(&array.file), i);
            assert!(fcntl_getfd(&array.file).unwrap().contains(FdFlags::CLOEXEC));
        }
    }
}

fn bytes_around_stay() {
    let (mut here, mut there) = UnixStream::pair().unwrap();
    there.set_nonblocking(true).unwrap();
    let (files, payloads) = ([memfd(5)], [payload(BackendKind::Shm, 5)]);
    here.write_all(b"before").unwrap();
    send(&here, outgoing(&payloads, &files), SOON).unwrap();
    here.write_all(b"after").unwrap();
    let mut word = [0; 6];
    there.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"before");
    assert_eq!(receive(&there, SOON).unwrap().len(), 1);
    there.read_exact(&mut word[..5]).unwrap();
    assert_eq!(&word[..5], b"after");
}

fn mmap_is_refused() {
    let (file, payload) = (memfd(0), payload(BackendKind::Mmap, 1));
    let error = Outgoing::new(&payload, &file).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BackendCannot { .. }), "{error}");
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
    let (files, payloads) = ([memfd(0)], [payload(BackendKind::Memfd, 0)]);
    transport(send(&there, outgoing(&payloads, &files), SOON), "closed");
}

fn silent_peer() {
    let (mut here, there) = UnixStream::pair().unwrap();
    transport(receive(&there, AT_ONCE), "within 30ms");
    here.write_all(b"SHMP\x02").unwrap();
    transport(receive(&there, AT_ONCE), "within 30ms");
    // One that sends as fast as it is read, but too little: bytes are there at each look.
    here.write_all(b"SHMP\x02").unwrap();
    transport(receive(&there, Duration::ZERO), "within 0ns");
    // A peer that never reads: the socket's buffer fills up.
    let (here, _there) = UnixStream::pair().unwrap();
    let file = memfd(0);
    let payloads: Vec<_> = (0..20_000).map(|i| payload(BackendKind::Memfd, i)).collect();
    let error = send(&here, outgoing_by(&payloads, &file), AT_ONCE).unwrap_err();
    let full = matches!(error.kind(), ErrorKind::Transport { .. } | ErrorKind::LimitReached { .. });
    assert!(full, "{error}");
}

/// A file that needs one descriptor, whoever the peer may be: nobody locks through it.
fn read_only() -> File {
    shm_presence::os::reopen(memfd(0), Access::ReadOnly).unwrap()
}

/// The bytes of a message of one array, without its descriptor.
fn message() -> Vec<u8> {
    let (here, mut there) = UnixStream::pair().unwrap();
    let (files, payloads) = ([read_only()], [payload(BackendKind::Memfd, 1)]);
    send(&here, outgoing(&payloads, &files), SOON).unwrap();
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
fn receive_raw(bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<Vec<Incoming>> {
    let (here, there) = UnixStream::pair().unwrap();
    send_raw(&here, bytes, fds);
    drop(here);
    receive(&there, SOON)
}

fn foreign_messages() {
    let (whole, file) = (message(), memfd(0));
    assert_eq!(receive_raw(&whole, &[file.as_fd()]).unwrap().len(), 1);
    for len in 1..whole.len() {
        transport(receive_raw(&whole[..len], &[file.as_fd()]), "closed");
    }
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let _ = receive_raw(&bytes, &[file.as_fd()]); // whatever it says: no panic, no leak
        }
    }
    let (mut longer, len) = (whole.clone(), whole.len() - 16 + 1);
    longer[8..12].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
    longer.push(0);
    let error = receive_raw(&longer, &[file.as_fd()]).unwrap_err();
    assert!(error.to_string().contains("1 bytes are left"), "{error}");
    let error = receive_raw(b"GET / HTTP/1.1\r\nHost: x\r\n", &[file.as_fd()]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadMagic { .. }), "{error}");
}

fn misplaced_descriptors() {
    let (whole, file) = (message(), memfd(0));
    for split in [1, 8, 16, 20] {
        let (here, there) = UnixStream::pair().unwrap();
        send_raw(&here, &whole[..split], &[file.as_fd()]);
        send_raw(&here, &whole[split..], &[file.as_fd(); 7]);
        transport(receive(&there, SOON), "middle of a message");
    }
}

fn miscounted_descriptors() {
    let (whole, file) = (message(), memfd(0));
    for count in [0, 2, 253] {
        let fds = vec![file.as_fd(); count];
        transport(receive_raw(&whole, &fds), &format!("{count} descriptors came"));
    }
}

/// A lock of the sender's description keeps the receiver out: so he has another one.
fn another_user() {
    const NOBODY: libc::uid_t = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can become another user: not tried");
        return;
    }
    let (here, there) = UnixStream::pair().unwrap();
    let file = memfd(3);
    rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    assert!(shm_presence::try_alone(&file).unwrap());
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: it is a child that ends with `_exit`.
        let changed = unsafe { libc::setuid(NOBODY) } == 0;
        let (one, other) = UnixStream::pair().unwrap();
        send_raw(&there, b"x", &[one.as_fd()]); // a socket that is this user's
        let arrays = receive(&other, SOON).unwrap();
        let own = !shm_presence::try_alone(&arrays[0].file).unwrap();
        let whole = number(&arrays[0].file) == 3;
        // SAFETY: the child has nothing to clean up.
        unsafe { libc::_exit(i32::from(!(changed && own && whole))) };
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [std::io::IoSliceMut::new(&mut byte)];
    let flags = rustix::net::RecvFlags::CMSG_CLOEXEC;
    rustix::net::recvmsg(&here, &mut parts, &mut control, flags).unwrap();
    let socket = control.drain().find_map(|message| match message {
        rustix::net::RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let payloads = [payload(BackendKind::Memfd, 3)];
    send(&UnixStream::from(socket.unwrap()), outgoing_by(&payloads, &file), SOON).unwrap();
    let mut status = 0;
    // SAFETY: a child of ours that has not been waited for.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the other user's end");
}

/// Of a socket that the superuser made for a child which then became somebody else: the kernel names
/// the superuser as its peer.
fn locks_for_another_user() {
    const NOBODY: libc::uid_t = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can become another user: not tried");
        return;
    }
    let (here, there) = UnixStream::pair().unwrap();
    let file = memfd(3);
    rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let payloads: Vec<_> = (0..200).map(|i| payload(BackendKind::Memfd, i)).collect();
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: it is a child that ends with `_exit`.
        let changed = unsafe { libc::setuid(NOBODY) } == 0;
        let arrays = receive(&there, SOON).unwrap();
        // None shares a description with another: each can be present, and then nobody is alone.
        let locks: Vec<_> = arrays.iter().filter_map(|array| array.locks.as_ref()).collect();
        let own = shm_presence::try_alone(locks[0]).unwrap();
        let apart = arrays.iter().all(|array| !shm_presence::try_join(&array.file).unwrap())
            && locks[1..].iter().all(|locks| !shm_presence::try_alone(locks).unwrap());
        let whole = arrays.len() == 200 && locks.len() == 200 && number(locks[0]) == 3;
        // SAFETY: the child has nothing to clean up.
        unsafe { libc::_exit(i32::from(!(changed && own && apart && whole))) };
    }
    send(&here, outgoing_by(&payloads, &file), SOON).unwrap();
    let mut status = 0;
    // SAFETY: a child of ours that has not been waited for.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the other user's end");
    assert!(shm_presence::try_alone(&file).unwrap(), "a description was left");
}

fn miscounted_locks() {
    let (one, file) = (message(), memfd(0));
    let with = |of_preamble: u8, of_array: u8, fds: usize| {
        let mut bytes = one.clone();
        (bytes[12], bytes[16]) = (of_preamble, of_array);
        receive_raw(&bytes, &vec![file.as_fd(); fds])
    };
    assert_eq!(with(1, 1, 1).unwrap().len(), 1);
    assert_eq!(with(2, 2, 2).unwrap().len(), 1);
    for (of_preamble, of_array, fds) in [(1, 2, 1), (2, 1, 2), (2, 3, 2), (3, 2, 3), (0, 1, 0)] {
        let error = with(of_preamble, of_array, fds).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
    }
    transport(with(2, 2, 1), "1 descriptors came");
}

/// The message is lost, nothing that came of it stays, and the next one comes whole.
fn descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let file = memfd(0);
    for count in [20, 300] {
        let payloads: Vec<_> = (0..count).map(|i| payload(BackendKind::Memfd, i)).collect();
        let (here, there) = UnixStream::pair().unwrap();
        send(&here, outgoing_by(&payloads, &file), SOON).unwrap();
        send(&here, outgoing_by(&payloads[..3], &file), SOON).unwrap();
        let before = open_fds();
        let tight = Some(before as u64 + 10);
        setrlimit(Resource::Nofile, Rlimit { current: tight, ..limit }).unwrap();
        let error = receive(&there, SOON).unwrap_err();
        let next = receive(&there, SOON);
        setrlimit(Resource::Nofile, limit).unwrap();
        let named = matches!(
            error.kind(),
            ErrorKind::LimitReached { limit: "RLIMIT_NOFILE", value, .. } if *value == tight
        );
        assert!(named, "{error}");
        let next = next.unwrap();
        assert_eq!((next.len(), open_fds()), (3, before + 3));
        drop(next);
        assert_eq!(open_fds(), before);
    }
}

fn with_credentials() {
    let (here, there) = UnixStream::pair().unwrap();
    set_socket_passcred(&there, true).unwrap();
    let file = read_only();
    let payloads: Vec<_> = (0..253).map(|i| payload(BackendKind::Memfd, i)).collect();
    let received = std::thread::scope(|scope| {
        scope.spawn(|| send(&here, outgoing_by(&payloads, &file), SOON).unwrap());
        receive(&there, SOON).unwrap()
    });
    assert_eq!(received.len(), 253);
}

fn too_large_payload() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let file = memfd(0);
    let mut payloads: Vec<_> = (0..300).map(|i| payload(BackendKind::Memfd, i)).collect();
    let fields = (0..2000).map(|i| Field::new(format!("field-{i:08}"), f32::dtype())).collect();
    payloads[299].descriptor.dtype = DType::Struct(fields);
    let error = send(&here, outgoing_by(&payloads, &file), SOON).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Oversized { .. }), "{error}");
    there.set_nonblocking(true).unwrap();
    assert!(there.read(&mut [0]).is_err(), "something was sent");
}

fn ends() {
    let (here, there) = UnixStream::pair().unwrap();
    drop(here);
    transport(receive(&there, SOON), "closed the connection before a message");
    let (whole, file) = (message(), memfd(0));
    for len in [1, 16, 20] {
        transport(receive_raw(&whole[..len], &[file.as_fd()]), "closed the connection within");
    }
}

fn endless_parts() {
    let file = read_only();
    let payloads = vec![payload(BackendKind::Memfd, 0); 254];
    let (here, mut there) = UnixStream::pair().unwrap();
    send(&here, outgoing_by(&payloads, &file), SOON).unwrap();
    let mut part = vec![0; 16]; // the first of two: it says that another follows
    there.read_exact(&mut part).unwrap();
    let len = u32::from_le_bytes(part[8..12].try_into().unwrap()) as usize;
    part.resize(16 + len, 0);
    there.read_exact(&mut part[16..]).unwrap();

    let (here, mut there) = UnixStream::pair().unwrap();
    for _ in 0..2 {
        send_raw(&here, &part, &[file.as_fd(); 253]);
    }
    transport(receive(&there, Duration::ZERO), "within 0ns");
    let mut unread = [0; 4];
    there.read_exact(&mut unread).unwrap();
    assert_eq!(&unread, b"SHMP", "the second part was not begun");
}

fn no_descriptor_left() {
    let limit = getrlimit(Resource::Nofile);
    let (files, payloads) = ([memfd(5)], [payload(BackendKind::Memfd, 5)]);
    let (here, there) = UnixStream::pair().unwrap();
    send(&here, outgoing(&payloads, &files), SOON).unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
    let error = receive(&there, SOON).unwrap_err();
    setrlimit(Resource::Nofile, limit).unwrap();
    let named = matches!(error.kind(), ErrorKind::LimitReached { limit: "RLIMIT_NOFILE", .. });
    assert!(named, "{error}");
}

//! What one more array, or one more participant, costs when there are many.

use std::io::{Read, Write};
use std::ops::Range;
use std::os::fd::AsFd;

use rustix::fs::statvfs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shmarray::prelude::*;

use crate::floor::slot::Slot;
use crate::floor::{anonymous, memfd, named};
use crate::pair::Partner;
use crate::row::{Contender, Goal, Row, Run, anywhere, each, each_with};

const BYTES: usize = 4096;
/// Bytes of a small array with its header and slots.
const SEGMENT: u64 = 4 * 4096;
/// Descriptors that a process has beside those of its arrays.
const SPARE: u64 = 64;
/// Other arrays that are alive, in one process.
const OTHERS: [usize; 3] = [1, 1_000, 30_000];
/// Likewise, where each takes a descriptor and few may have so many.
const OTHERS_WITH_DESCRIPTORS: [usize; 4] = [1, 1_000, 15_000, 30_000];
/// Other processes that have a slot in the array.
const PARTICIPANTS: [usize; 3] = [1, 8, 64];

type Bytes = GuardedArray<u8, Ix1>;

pub(crate) fn rows() -> Vec<Row> {
    let among = BackendKind::ALL.into_iter().flat_map(|backend| {
        let others = match backend {
            BackendKind::Mmap => &OTHERS[..],
            _ => &OTHERS_WITH_DESCRIPTORS,
        };
        others.iter().flat_map(move |others| [create(backend, *others), attach(backend, *others)])
    });
    let among = among.chain(OTHERS.into_iter().map(is_shared));
    among.chain(PARTICIPANTS.into_iter().flat_map(participants)).collect()
}

/// `30000` as `30 000`.
fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        2..1000 => format!("{number} {what}s"),
        _ => format!("{} {:03} {what}s", number / 1000, number % 1000),
    }
}

/// Whether this process may have so many arrays at a time, with the resources that each backend needs.
fn room(backend: BackendKind, others: usize) -> fn() -> Result<(), String> {
    match (backend, others) {
        (BackendKind::Mmap, _) => anywhere,
        (BackendKind::Shm, 30_000) => || space(30_000).and_then(|()| descriptors(30_000)),
        (BackendKind::Shm, 15_000) => || space(15_000).and_then(|()| descriptors(15_000)),
        (BackendKind::Shm, _) => || space(1_000).and_then(|()| descriptors(1_000)),
        (_, 30_000) => || descriptors(30_000),
        (_, 15_000) => || descriptors(15_000),
        _ => || descriptors(1_000),
    }
}

fn descriptors(arrays: u64) -> Result<(), String> {
    let needs = arrays + SPARE;
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < needs => {
            Err(format!("needs RLIMIT_NOFILE {needs}; the hard limit is {most}"))
        }
        _ => Ok(()),
    }
}

/// In `/dev/shm`, where each array has its memory from the start.
fn space(arrays: u64) -> Result<(), String> {
    let needs = (arrays + 1) * SEGMENT;
    let room = statvfs("/dev/shm").map_err(|error| format!("/dev/shm: {error}"))?;
    let has = room.f_bavail * room.f_frsize;
    if has < needs {
        Err(format!("needs {needs} bytes in /dev/shm, which has {has}"))
    } else {
        Ok(())
    }
}

/// As many descriptors as this process may have.
fn raise_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn array(backend: BackendKind, name: &str) -> Bytes {
    Bytes::builder(BYTES).name(name).backend(backend).zeros().unwrap()
}

fn fresh_name() -> String {
    shmarray::names::unique_name("bench").unwrap().to_string()
}

/// Arrays that stay.
fn arrays(backend: BackendKind, count: usize) -> Vec<Bytes> {
    raise_limit();
    (0..count).map(|_| array(backend, &fresh_name())).collect()
}

/// The bare system calls beside as many bare segments.
struct Bare {
    named: Vec<(String, Option<named::Named>)>,
    memfds: Vec<(crate::floor::file::Map, std::os::fd::OwnedFd)>,
    anonymous: Vec<crate::floor::file::Map>,
}

impl Bare {
    fn new(backend: BackendKind, count: usize) -> Self {
        raise_limit();
        let mut bare = Self { named: Vec::new(), memfds: Vec::new(), anonymous: Vec::new() };
        for _ in 0..count {
            match backend {
                BackendKind::Shm => {
                    let path = path();
                    let made = named::create(&path, BYTES);
                    bare.named.push((path, Some(made)));
                }
                BackendKind::Memfd => bare.memfds.push(memfd::create(BYTES)),
                _ => bare.anonymous.push(anonymous::create(BYTES)),
            }
        }
        bare
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for (path, made) in &mut self.named {
            made.take().unwrap().leave(path);
        }
    }
}

fn path() -> String {
    format!("/dev/shm/{}", fresh_name())
}

fn create(backend: BackendKind, others: usize) -> Row {
    Row {
        key: format!("scale/create/{backend}/{others}"),
        title: format!("create+drop beside {}, {backend}, 4 KiB", counted(others, "other")),
        floor: "the same system calls made bare, beside as many bare segments",
        bytes: None,
        goal: Some(Goal::OfFloor(1.15)),
        ready: room(backend, others),
        contenders: vec![
            Contender::ours(move || {
                let (others, name) = (arrays(backend, others), fresh_name());
                each(move || {
                    let _others = &others;
                    array(backend, &name)
                })
            }),
            Contender::floor(move || {
                let (others, path) = (Bare::new(backend, others), path());
                each(move || {
                    let _others = &others;
                    match backend {
                        BackendKind::Shm => named::create(&path, BYTES).leave(&path),
                        BackendKind::Memfd => drop(memfd::create(BYTES)),
                        _ => drop(anonymous::create(BYTES)),
                    }
                })
            }),
        ],
    }
}

fn attach(backend: BackendKind, others: usize) -> Row {
    let mut contenders = vec![Contender::ours(move || {
        let others = arrays(backend, others);
        let array = &others[others.len() / 2];
        if backend == BackendKind::Memfd {
            let payload = array.payload().unwrap();
            return each(move || {
                let _others = &others;
                Bytes::from_payload(&payload).unwrap()
            });
        }
        let name = array.name().to_string();
        each(move || {
            let _others = &others;
            Bytes::attach(&name).unwrap()
        })
    })];
    if backend != BackendKind::Mmap {
        contenders.push(Contender::floor(move || {
            let others = Bare::new(backend, others);
            each(move || match backend {
                BackendKind::Shm => {
                    let (path, _) = &others.named[others.named.len() / 2];
                    named::attach(path, BYTES).leave(path);
                }
                _ => {
                    let (_, fd) = &others.memfds[others.memfds.len() / 2];
                    drop(memfd::attach(fd.as_fd(), BYTES));
                }
            })
        }));
    }
    let (floor, goal) = match backend {
        BackendKind::Mmap => ("none: it makes no system call", None),
        _ => (
            "the same system calls made bare, beside as many bare segments",
            Some(Goal::OfFloor(1.15)),
        ),
    };
    Row {
        key: format!("scale/attach/{backend}/{others}"),
        title: format!("attach+drop beside {}, {backend}, 4 KiB", counted(others, "other")),
        floor,
        bytes: None,
        goal,
        ready: room(backend, others),
        contenders,
    }
}

/// An operation on one array after the other, in an order that no cache can foresee.
fn is_shared(others: usize) -> Row {
    let prepare = move || -> Run {
        let others = arrays(BackendKind::Mmap, others);
        let range = |array: &Bytes| -> Range<*const u8> {
            let guard = array.read().unwrap();
            guard.as_slice().unwrap().as_ptr_range()
        };
        let ranges: Vec<_> = others.iter().map(range).collect();
        let mut random = 1_u64;
        each(move || {
            let _others = &others;
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(random >> 33).unwrap() % ranges.len();
            assert!(shmarray::memory::is_shared(&ranges[at]));
        })
    };
    Row {
        key: format!("scale/is_shared/{others}"),
        title: format!("is_shared among {}", counted(others, "array")),
        floor: "none: it makes no system call",
        bytes: None,
        goal: None,
        ready: anywhere,
        contenders: vec![Contender::ours(prepare)],
    }
}

/// Forked processes that have done `work` and live on.
fn processes(count: usize, work: impl Fn()) -> Vec<Partner> {
    let one = |_| {
        let partner = Partner::fork(|mut socket| {
            work();
            socket.write_all(b"!").unwrap();
            let _ = socket.read(&mut [0]); // until this process is done
        });
        partner.socket().read_exact(&mut [0]).unwrap();
        partner
    };
    let mut all: Vec<_> = (0..count).map(one).collect();
    all.reverse(); // the last one ends first, as it has the sockets of all others
    all
}

fn participants(others: usize) -> [Row; 3] {
    let start = move || {
        let array = array(BackendKind::Memfd, &fresh_name());
        let payload = array.payload().unwrap();
        let others = processes(others, || std::mem::forget(array.write().map(drop)));
        (array, payload, others)
    };
    let row = |what: &str, title: &str, floor, contenders| Row {
        key: format!("scale/{what}/{others}"),
        title: format!("{title}, {}", counted(others, "other participant")),
        floor,
        bytes: None,
        goal: None,
        ready: anywhere,
        contenders,
    };
    let slot = Contender::ours(move || {
        let (array, payload, others) = start();
        let attach = move || {
            let _others = (&array, &others);
            Bytes::from_payload(&payload).unwrap()
        };
        each_with(attach, |array| {
            drop(array.write().unwrap());
            array
        })
    });
    let bare = Contender::floor(move || {
        let segment = memfd::create(BYTES);
        let take = || std::mem::forget(Slot::take(segment.1.as_fd()));
        let others = processes(others, take);
        let attach = move || {
            let _others = &others;
            memfd::attach(segment.1.as_fd(), BYTES)
        };
        each_with(attach, |(map, fd)| {
            map.touch_slots();
            (Slot::take(fd.as_fd()), map, fd)
        })
    });
    let write = Contender::ours(move || {
        let (array, _, others) = start();
        each(move || {
            let _others = &others;
            drop(array.write().unwrap());
        })
    });
    let read = Contender::ours(move || {
        let (array, _, others) = start();
        each(move || {
            let _others = &others;
            drop(array.read().unwrap());
        })
    });
    let none = "none here: the rows of locks have one";
    [
        row(
            "slot",
            "first lock of an attachment",
            "the slot's system calls made bare",
            vec![slot, bare],
        ),
        row("write", "write lock+unlock", none, vec![write]),
        row("read", "read lock+unlock", none, vec![read]),
    ]
}

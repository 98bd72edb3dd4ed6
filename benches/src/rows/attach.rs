//! Attaching to an array, reading one element, and detaching.

use std::os::fd::AsFd;

use shmarray::prelude::*;

use super::arrays::{GIB, SIZES, array, entry, fresh_name};
use crate::floor::{memfd, named};
use crate::peer;
use crate::row::{Contender, Goal, Row, Run, anywhere, each};

/// Far more than there is, and nothing behind it.
const SPARSE: usize = 64 << 30;

pub(crate) fn rows() -> Vec<Row> {
    let sizes = SIZES.into_iter().chain([("64 GiB sparse", SPARSE)]);
    let mut rows: Vec<Row> = sizes
        .flat_map(|(size, bytes)| {
            [BackendKind::Shm, BackendKind::Memfd].map(|b| row(b, size, bytes))
        })
        .collect();
    rows.sort_by_key(|row| !row.key.starts_with("attach/shm")); // one backend after the other
    rows.push(in_this_process());
    rows
}

fn row(backend: BackendKind, size: &str, bytes: usize) -> Row {
    let named = backend == BackendKind::Shm;
    let mut contenders = vec![
        Contender::ours(move || if named { by_name(backend, bytes) } else { by_payload(bytes) }),
        Contender::floor(move || if named { floor_named(bytes) } else { floor_memfd(bytes) }),
    ];
    if named && bytes < GIB {
        contenders.extend(peer::attach(bytes)); // some touch all that they make
    }
    Row {
        key: format!("attach/{backend}/{}", size.replace(' ', "")),
        title: format!("attach+read+detach, {backend}, {size}"),
        floor: if named {
            "open, presence, type and owner, header, mmap; then whether anybody is left"
        } else {
            "open in /proc, seals, presence, size, header, mmap; then munmap, close"
        },
        bytes: None,
        goal: Some(Goal::OfFloor(1.15)),
        ready: if bytes == SPARSE { sparse } else { anywhere },
        contenders,
    }
}

/// On `mmap`, the mapping that is there is shown once more.
fn in_this_process() -> Row {
    Row {
        key: "attach/mmap/4KiB".into(),
        title: "attach+read+detach, mmap, 4 KiB".into(),
        floor: "none: it makes no system call",
        bytes: None,
        goal: None,
        ready: anywhere,
        contenders: vec![Contender::ours(|| by_name(BackendKind::Mmap, 4 << 10))],
    }
}

/// Whether this machine lets a process have so many bytes, none of them touched.
fn sparse() -> Result<(), String> {
    for backend in [BackendKind::Shm, BackendKind::Memfd] {
        let builder = SharedArray::<u8, Ix1>::builder(SPARSE).unique("bench");
        let made = builder.backend(backend).commit(Commit::Lazy).zeros();
        made.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn by_name(backend: BackendKind, bytes: usize) -> Run {
    let name = fresh_name();
    let made = array(&name, backend, bytes, Commit::Lazy);
    each(move || {
        let _made = &made;
        SharedArray::<u8, Ix1>::attach(&name).unwrap().get(0)
    })
}

fn by_payload(bytes: usize) -> Run {
    let made = array(&fresh_name(), BackendKind::Memfd, bytes, Commit::Lazy);
    let payload = made.payload().unwrap();
    each(move || {
        let _ = &made; // keeps what the payload leads to
        SharedArray::<u8, Ix1>::from_payload(&payload).unwrap().get(0)
    })
}

/// A segment of the floor that somebody stays attached to.
struct Held {
    named: Option<named::Named>,
    path: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(named) = self.named.take() {
            named.leave(&self.path);
        }
    }
}

fn floor_named(bytes: usize) -> Run {
    let path = entry(&fresh_name());
    let held = Held { named: Some(named::create_lazy(&path, bytes)), path };
    each(move || {
        let found = named::attach(&held.path, bytes);
        let first = found.map().first();
        found.leave(&held.path);
        first
    })
}

fn floor_memfd(bytes: usize) -> Run {
    let (_, fd) = memfd::create(bytes);
    each(move || memfd::attach(fd.as_fd(), bytes).0.first())
}

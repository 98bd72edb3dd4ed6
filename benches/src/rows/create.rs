//! Making an array, mapped, and destroying it.

use rustix::fs::statvfs;
use shmarray::prelude::*;

use super::arrays::{GIB, SIZES, array, entry, fresh_name};
use crate::floor::{anonymous, memfd, named};
use crate::peer;
use crate::row::{Contender, Goal, Row, Run, anywhere, each};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for backend in BackendKind::ALL {
        for (size, bytes) in SIZES {
            rows.push(row(backend, size, bytes, Commit::Auto));
        }
    }
    rows.push(row(BackendKind::Shm, "1 GiB untouched", GIB, Commit::Lazy));
    rows
}

/// Names are made outside the time, as the floor does not need new ones either.
fn row(backend: BackendKind, size: &str, bytes: usize, commit: Commit) -> Row {
    let reserved = backend == BackendKind::Shm && commit == Commit::Auto;
    let mut contenders = vec![
        Contender::ours(move || {
            let name = fresh_name();
            each(move || array(&name, backend, bytes, commit))
        }),
        Contender::floor(move || floor(backend, bytes, reserved)),
    ];
    contenders.extend(if bytes < GIB {
        peer::create(bytes)
    } else if reserved {
        Vec::new() // nobody else reserves memory
    } else {
        peer::create_untouched(bytes)
    });
    Row {
        key: format!("create/{backend}/{}", size.replace(' ', "")),
        title: format!("create+map+destroy, {backend}, {size}"),
        floor: match backend {
            BackendKind::Shm if reserved => {
                "O_TMPFILE, its mode, presence, fallocate, mmap, header, linkat; then both locks, unlink"
            }
            BackendKind::Shm => {
                "O_TMPFILE, its mode, presence, ftruncate, mmap, header, linkat; then both locks, unlink"
            }
            BackendKind::Mmap => "mmap and munmap",
            _ => "memfd_create, mode, presence, ftruncate, mmap, header, seals; then munmap, close",
        },
        bytes: None,
        goal: Some(Goal::OfFloor(1.15)),
        ready: if reserved && bytes >= GIB { room } else { anywhere },
        contenders,
    }
}

/// Whether `/dev/shm` has room for the largest.
fn room() -> Result<(), String> {
    let fs = statvfs("/dev/shm").map_err(|error| format!("/dev/shm: {error}"))?;
    let (needs, has) = (2 * GIB as u64, fs.f_bavail.saturating_mul(fs.f_frsize));
    let fits = fs.f_blocks == 0 || needs <= has; // zero blocks: no limit of its own
    if fits { Ok(()) } else { Err(format!("needs {needs} bytes in /dev/shm, which has {has}")) }
}

fn floor(backend: BackendKind, bytes: usize, reserved: bool) -> Run {
    match backend {
        BackendKind::Shm => {
            let path = entry(&fresh_name());
            let create = if reserved { named::create } else { named::create_lazy };
            each(move || create(&path, bytes).leave(&path))
        }
        BackendKind::Mmap => each(move || anonymous::create(bytes)),
        _ => each(move || memfd::create(bytes)),
    }
}

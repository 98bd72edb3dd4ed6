//! Fresh arrays that are filled, populated, or never touched; and freeing full ones.

use ndarray::ArrayView1;
use shmarray::prelude::*;

use super::pages::{Kind, NEAR};
use crate::floor::large::Fresh;
use crate::floor::{anonymous, memfd};
use crate::peer;
use crate::row::{Contender, Goal, Row, anywhere, calm, each, each_with};

/// Bytes.
const LEN: usize = 1 << 30;

pub(crate) fn rows() -> Vec<Row> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.push(beside_peers(kind));
        for backend in BackendKind::ALL {
            all.extend([fill(backend, kind), populate(backend, kind), free(backend, kind)]);
        }
    }
    all.extend([BackendKind::Memfd, BackendKind::Mmap].map(untouched));
    all
}

fn row(what: &str, title: &str, backend: BackendKind, kind: Kind) -> Row {
    Row {
        key: format!("{what}/{backend}/1GiB{}", kind.suffix()),
        title: format!("{title}, {backend}, 1 GiB, {kind} pages"),
        floor: "",
        bytes: Some(LEN as u64),
        goal: NEAR,
        ready: kind.ready(backend),
        contenders: Vec::new(),
    }
}

fn array(backend: BackendKind, kind: Kind, from: &[u8]) -> SharedArray<u8, Ix1> {
    let builder = SharedArray::builder(from.len()).unique("bench").backend(backend);
    builder.pages(kind.pages()).copy_of(&ArrayView1::from(from)).unwrap()
}

fn populated(backend: BackendKind, kind: Kind) -> SharedArray<u8, Ix1> {
    let builder = SharedArray::builder(LEN).unique("bench").backend(backend);
    builder.pages(kind.pages()).commit(Commit::Populate).zeros().unwrap()
}

fn warm() -> Vec<u8> {
    vec![1; LEN]
}

fn ours(backend: BackendKind, kind: Kind) -> Contender {
    Contender::ours(move || {
        let from = warm();
        calm(each_with(|| (), move |()| array(backend, kind, &from)))
    })
}

/// Of pwrite, a copy through the mapping without and with `MADV_POPULATE_WRITE` before, all at once and
/// in pieces, by one thread and two, these were the fastest.
fn floor(backend: BackendKind, kind: Kind) -> Contender {
    Contender::floor(move || {
        let from = warm();
        calm(each_with(
            || (),
            move |()| {
                let fresh = kind.fresh(backend, LEN);
                if kind.writes(backend) { fresh.written(&from) } else { fresh.copied(&from) }
            },
        ))
    })
}

/// What that is, for readers.
fn told(backend: BackendKind, kind: Kind) -> &'static str {
    if kind.writes(backend) {
        "pwrite, by one thread"
    } else {
        "the same pages found (MADV_POPULATE_WRITE) and copied to by pieces of 2 MiB, by one thread for \
         each processor"
    }
}

fn fill(backend: BackendKind, kind: Kind) -> Row {
    Row {
        floor: told(backend, kind),
        contenders: vec![ours(backend, kind), floor(backend, kind)],
        ..row("fill", "make and fill from a warm buffer", backend, kind)
    }
}

fn beside_peers(kind: Kind) -> Row {
    let backend = BackendKind::Memfd;
    let mut contenders = vec![ours(backend, kind), floor(backend, kind)];
    contenders.extend(peer::fill(LEN));
    Row {
        floor: told(backend, kind),
        goal: Some(Goal::OfPeer(match kind {
            Kind::Ordinary => 1.5,
            Kind::Huge => 3.0,
        })),
        contenders,
        ..row("fill-beside-others", "make and fill, beside others", backend, kind)
    }
}

fn populate(backend: BackendKind, kind: Kind) -> Row {
    Row {
        floor: "MADV_POPULATE_WRITE by pieces of 2 MiB, by one thread for each processor",
        contenders: vec![
            Contender::ours(move || calm(each_with(|| (), move |()| populated(backend, kind)))),
            Contender::floor(move || {
                calm(each_with(|| (), move |()| kind.fresh(backend, LEN).populated()))
            }),
        ],
        ..row("populate", "make with all pages found", backend, kind)
    }
}

fn free(backend: BackendKind, kind: Kind) -> Row {
    Row {
        // Also tried: close first, MADV_REMOVE, ftruncate, or FALLOC_FL_PUNCH_HOLE by two threads.
        floor: "MADV_SEQUENTIAL, munmap and close",
        contenders: vec![
            Contender::ours(move || calm(each_with(move || populated(backend, kind), drop))),
            Contender::floor(move || {
                calm(each_with(move || kind.fresh(backend, LEN).populated(), Fresh::freed))
            }),
        ],
        ..row("free", "free a full one", backend, kind)
    }
}

fn untouched(backend: BackendKind) -> Row {
    let mut contenders = vec![
        Contender::ours(move || {
            each(move || {
                let builder = SharedArray::<u8, _>::builder(LEN).unique("bench");
                builder.backend(backend).zeros().unwrap()
            })
        }),
        match backend {
            BackendKind::Memfd => Contender::floor(|| each(|| memfd::create(LEN))),
            _ => Contender::floor(|| each(|| anonymous::create(LEN))),
        },
    ];
    contenders.extend(peer::create_untouched(LEN));
    Row {
        key: format!("untouched/{backend}/1GiB"),
        title: format!("make and free, untouched, {backend}, 1 GiB"),
        floor: "the system calls of create and of closing it",
        bytes: None,
        goal: Some(Goal::OfFloor(1.15)),
        ready: anywhere,
        contenders,
    }
}

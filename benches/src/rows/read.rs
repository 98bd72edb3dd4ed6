//! Filling a fresh array, and reading all of it once: a file that was written is mapped only at the first
//! read.
#![allow(unsafe_code)] // a view of memory that others could write to

use ndarray::ArrayView1;
use shmarray::prelude::*;

use super::pages::{Kind, NEAR};
use crate::peer;
use crate::row::{Contender, Row, calm, each_with};

/// Bytes.
const LEN: usize = 1 << 30;

pub(crate) fn rows() -> Vec<Row> {
    let ordinary = BackendKind::ALL.map(|backend| row(backend, Kind::Ordinary));
    ordinary.into_iter().chain([row(BackendKind::Memfd, Kind::Huge)]).collect()
}

fn row(backend: BackendKind, kind: Kind) -> Row {
    let writes = kind.writes(backend);
    let mut contenders = vec![
        Contender::ours(move || {
            let from = vec![1_u64; LEN / size_of::<u64>()];
            calm(each_with(
                || (),
                move |()| {
                    let builder = SharedArray::builder(from.len()).unique("bench").backend(backend);
                    let array = builder.pages(kind.pages()).copy_of(&ArrayView1::from(&from));
                    let array = array.unwrap();
                    // SAFETY: no other thread or process has the array.
                    let sum = unsafe { array.view() }.sum();
                    assert_eq!(sum, from.len() as u64);
                    array
                },
            ))
        }),
        Contender::floor(move || {
            let from = vec![1; LEN];
            calm(each_with(
                || (),
                move |()| {
                    let fresh = kind.fresh(backend, LEN);
                    let filled = if writes { fresh.written(&from) } else { fresh.copied(&from) };
                    std::hint::black_box(filled.sum());
                    filled
                },
            ))
        }),
    ];
    if (backend, kind) == (BackendKind::Memfd, Kind::Ordinary) {
        contenders.extend(peer::fill_and_read(LEN));
    }
    Row {
        key: format!("read/{backend}/1GiB{}", kind.suffix()),
        title: format!("make, fill from a warm buffer, sum once, {backend}, 1 GiB, {kind} pages"),
        // Also tried after pwrite, and slower: MADV_POPULATE_READ by one thread or two.
        floor: if writes {
            "pwrite, then the sum, for which the kernel maps 16 pages at each fault"
        } else {
            "pages found and copied to by pieces of 2 MiB, by one thread for each processor; then the sum"
        },
        bytes: Some(LEN as u64),
        goal: NEAR,
        ready: kind.ready(backend),
        contenders,
    }
}

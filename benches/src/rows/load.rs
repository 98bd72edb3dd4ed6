//! A `.npy` file into a fresh array.

use std::fs::File;
use std::path::PathBuf;

use shmarray::prelude::*;

use super::pages::{Kind, NEAR};
use crate::peer;
use crate::row::{Contender, Row, calm, each_with};

/// Bytes of elements.
const LEN: usize = 1 << 30;

pub(crate) fn rows() -> Vec<Row> {
    let rows = Kind::ALL
        .into_iter()
        .flat_map(|kind| BackendKind::ALL.into_iter().map(move |backend| row(backend, kind)));
    rows.collect()
}

/// The file, in the page cache, beside this program: made by the first who asks for it.
fn file() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("bench-1GiB.npy");
    if !path.exists() {
        let builder = SharedArray::<f32, _>::builder(LEN / size_of::<f32>());
        builder.unique("bench").full(1.5).unwrap().save(&path).unwrap();
    }
    std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    path
}

fn row(backend: BackendKind, kind: Kind) -> Row {
    let sends = kind.writes(backend);
    let mut contenders = vec![
        Contender::ours(move || {
            let path = file();
            calm(each_with(
                || (),
                move |()| {
                    let load = SharedArray::<f32, Ix1>::load(&path).unique("bench");
                    load.backend(backend).pages(kind.pages()).create().unwrap()
                },
            ))
        }),
        Contender::floor(move || {
            let path = file();
            calm(each_with(
                || (),
                move |()| {
                    let file = File::open(&path).unwrap();
                    let offset = file.metadata().unwrap().len() - LEN as u64;
                    let fresh = kind.fresh(backend, LEN);
                    if sends { fresh.sent(&file, offset) } else { fresh.read(&file, offset) }
                },
            ))
        }),
    ];
    if backend == BackendKind::Shm {
        contenders.extend(peer::load(file, LEN)); // theirs have names too, and one row for them is enough
    }
    Row {
        key: format!("load/{backend}/1GiB{}", kind.suffix()),
        title: format!("1 GiB .npy from the page cache, {backend}, {kind} pages"),
        // Also tried: two threads that write or read through the mapping (ordinary pages, not faster),
        // sendfile to a file in huge pages, and a read without MADV_POPULATE_WRITE before it.
        floor: if sends {
            "sendfile, a mebibyte at a time"
        } else {
            "pages found (MADV_POPULATE_WRITE) and read to by pieces of 2 MiB, by one thread for each \
             processor"
        },
        bytes: Some(LEN as u64),
        goal: NEAR,
        ready: kind.ready(backend),
        contenders,
    }
}

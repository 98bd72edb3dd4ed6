//! Paths that programs take often, each by one thread of one process: `cargo xtask bench --instructions`
//! counts their instructions, without those of the kernel.

use std::hint::black_box;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ndarray::{Array1, Axis};
use shmarray::prelude::*;
use shmarray::{Payload, memory::is_shared, transfer};

use crate::row::{Run, each};

/// A path: its name in `instructions.toml`, and what makes ready to take it so many times.
pub type HotPath = (&'static str, fn() -> Run);

/// All of them, in the order in which they are listed.
pub const HOT_PATHS: [HotPath; 19] = [
    ("create+drop/shm", || create(BackendKind::Shm)),
    ("create+drop/mmap", || create(BackendKind::Mmap)),
    ("create+drop/memfd", || create(BackendKind::Memfd)),
    ("attach+get+drop/shm", || attach(BackendKind::Shm)),
    ("attach+get+drop/mmap", || attach(BackendKind::Mmap)),
    ("attach+get+drop/memfd", attach_memfd),
    ("pass+attach+drop", pass_and_attach),
    ("payload encode", encode),
    ("payload decode", decode),
    ("first write lock", first_lock),
    ("write lock+unlock", write),
    ("read lock+unlock", read),
    ("barrier of one", barrier),
    ("claim+done", claim),
    ("get+set", get_and_set),
    ("copy in 16 KiB", copy_in),
    ("copy out 16 KiB", copy_out),
    ("view", view),
    ("is_shared", shared),
];

/// 16 KiB.
const LEN: usize = 4096;

fn fresh_name() -> String {
    shmarray::names::unique_name("hot").unwrap().to_string()
}

fn array(backend: BackendKind, name: &str) -> SharedArray<u32, Ix1> {
    SharedArray::builder(LEN).name(name).backend(backend).zeros().unwrap()
}

type Guarded = GuardedArray<u32, Ix1>;

fn guarded(len: usize) -> Guarded {
    Guarded::builder(len).unique("hot").backend(BackendKind::Memfd).zeros().unwrap()
}

/// An array that lives as long as the process, so that guards can borrow it for ever.
fn for_ever(len: usize) -> &'static Guarded {
    Box::leak(Box::new(guarded(len)))
}

fn create(backend: BackendKind) -> Run {
    let name = fresh_name();
    each(move || array(backend, &name))
}

fn attach(backend: BackendKind) -> Run {
    let name = fresh_name();
    let array = array(backend, &name);
    each(move || {
        let _array = &array;
        SharedArray::<u32, Ix1>::attach(&name).unwrap().get(1)
    })
}

fn attach_memfd() -> Run {
    let array = array(BackendKind::Memfd, &fresh_name());
    let payload = array.payload().unwrap();
    each(move || {
        let _array = &array;
        SharedArray::<u32, Ix1>::from_payload(&payload).unwrap().get(1)
    })
}

/// Both ends in one process: it does one after the other what sender and receiver do in a real transfer.
fn pass_and_attach() -> Run {
    let array = array(BackendKind::Memfd, &fresh_name());
    let (here, there) = UnixStream::pair().unwrap();
    let hour = Duration::from_secs(3600);
    each(move || {
        transfer::send(&here, &[&array], hour).unwrap();
        let received = transfer::receive(&there, hour).unwrap().remove(0);
        let array: SharedArray<u32, Ix1> = received.typed().unwrap();
        array.get(1)
    })
}

fn payload() -> Payload {
    array(BackendKind::Shm, &fresh_name()).payload().unwrap()
}

fn encode() -> Run {
    let payload = payload();
    each(move || payload.to_bytes().unwrap())
}

fn decode() -> Run {
    let bytes = payload().to_bytes().unwrap();
    each(move || Payload::from_bytes(&bytes).unwrap())
}

/// Of an attachment, which takes a slot; with the attaching.
fn first_lock() -> Run {
    let array = guarded(LEN);
    let payload = array.payload().unwrap();
    each(move || {
        let _array = &array;
        drop(Guarded::from_payload(&payload).unwrap().write().unwrap());
    })
}

fn write() -> Run {
    let array = guarded(LEN);
    each(move || black_box(array.write().unwrap().as_mut_ptr()))
}

fn read() -> Run {
    let array = guarded(LEN);
    each(move || black_box(array.read().unwrap().as_ptr()))
}

fn barrier() -> Run {
    let array = for_ever(LEN);
    let mut place = array.barrier(1).unwrap();
    each(move || place.wait().unwrap())
}

fn claim() -> Run {
    let array = for_ever(1 << 16);
    let mut round = 0;
    let mut chunks = array.chunks_of_round(round, Axis(0), 1).unwrap();
    each(move || match chunks.next() {
        Some(chunk) => chunk.unwrap().done(),
        None => {
            round += 1;
            chunks = array.chunks_of_round(round, Axis(0), 1).unwrap();
        }
    })
}

fn get_and_set() -> Run {
    let array = array(BackendKind::Memfd, &fresh_name());
    let mut at = 0;
    each(move || {
        at = (at + 1) % LEN;
        array.set(at, array.get(black_box(at)).unwrap() + 1).unwrap();
    })
}

fn copy_in() -> Run {
    let (array, from) = (array(BackendKind::Memfd, &fresh_name()), Array1::ones(LEN));
    each(move || array.copy_from(black_box(&from)).unwrap())
}

fn copy_out() -> Run {
    let (array, mut to) = (array(BackendKind::Memfd, &fresh_name()), Array1::ones(LEN));
    each(move || array.elements().copy_to(black_box(&mut to)).unwrap())
}

fn view() -> Run {
    let array = array(BackendKind::Memfd, &fresh_name());
    each(move || black_box(array.raw_view().as_ptr()))
}

fn shared() -> Run {
    let array = for_ever(LEN);
    let guard = array.read().unwrap();
    each(move || assert!(is_shared(black_box(&guard))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::HOT_PATHS;

    /// `cargo xtask bench --instructions --keep` writes it.
    const KEPT: &str = include_str!("../instructions.toml");

    #[test]
    fn each_path_has_its_figure_and_each_figure_its_path() {
        let kept: toml::Table = KEPT.parse().unwrap();
        let kept = kept["instructions"].as_table().unwrap();
        let figures: BTreeSet<_> = kept.keys().map(String::as_str).collect();
        let paths: BTreeSet<_> = HOT_PATHS.iter().map(|(name, _)| *name).collect();
        assert_eq!(figures, paths, "run `cargo xtask bench --instructions --keep`");
        assert_eq!(paths.len(), HOT_PATHS.len(), "two paths of one name");
    }

    #[test]
    fn each_path_can_be_taken() {
        for (_, prepare) in HOT_PATHS {
            prepare()(2);
        }
    }
}

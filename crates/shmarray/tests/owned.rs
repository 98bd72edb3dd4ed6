//! Guards, chunks, seats and counters that own what they need; waits with a hook; what threads share.
#![cfg(feature = "mmap")]
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use ndarray::Axis;
use shmarray::mode::{Frozen, Guarded, Memfd, ReadOnly, ReadWrite};
use shmarray::prelude::*;
use shmarray::{
    Array, Detached, Error, Manager, Wait,
    erased::{ErasedChunk, ErasedChunks, ErasedReadGuard, ErasedWriteGuard},
    memory::is_shared,
    sync::{
        Barrier, Borrowed, Chunk, Chunks, Flags, OwnedBarrier, OwnedChunk, OwnedChunks,
        OwnedProgress, OwnedReadGuard, OwnedWriteGuard, Progress, ReadGuard, WriteGuard,
    },
};

fn guarded() -> GuardedArray<u32, Ix1> {
    let builder = GuardedArray::builder(8).unique("owned").backend(BackendKind::Mmap);
    builder.copy_of(&ndarray::Array::from_iter(0..8)).unwrap()
}

fn owned<T: 'static>(value: T) -> T {
    value
}

#[test]
fn guards_keep_the_array_attached() {
    let array = guarded();
    let name = array.name().clone();
    let guard = owned(array.read_owned(Timeout::NoWait).unwrap());
    let another = array.read_owned(Duration::ZERO).unwrap();
    drop(array);
    assert!(is_shared(&*guard), "nothing else has the array here");
    assert_eq!(thread::spawn(move || another.sum()).join().unwrap(), 28);

    let again = GuardedArray::<u32, Ix1>::attach(name.as_str()).unwrap();
    assert!(again.try_write().is_err(), "the lock is held still");
    drop(guard);
    let mut guard = owned(again.write_owned(Timeout::NoWait).unwrap());
    guard.fill(1);
    assert!(again.try_read().is_err());
    thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(again.try_read().unwrap().sum(), 8);
    drop(again);
    let gone = GuardedArray::<u32, Ix1>::attach(name.as_str()).unwrap_err();
    assert!(matches!(gone.kind(), ErrorKind::NotFound { .. }), "{gone}");
}

#[test]
fn a_panic_with_an_owned_guard_poisons() {
    let array = guarded();
    let guard = array.write_owned(Timeout::NoWait).unwrap();
    let panics = thread::spawn(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panics.join().is_err());
    for error in [
        array.read_owned(Timeout::NoWait).unwrap_err(),
        array.write_owned(Timeout::NoWait).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }), "{error}");
    }
}

#[test]
fn chunks_keep_the_array_attached() {
    let array = guarded();
    let again = array.clone();
    let chunks = owned(array.chunks_owned(0, Axis(0), 3).unwrap());
    drop(array);
    let workers = [chunks.claim().unwrap().unwrap(), chunks.claim().unwrap().unwrap()].map(owned);
    drop(chunks);
    for mut chunk in workers {
        thread::spawn(move || {
            chunk.fill(100);
            chunk.done();
        })
        .join()
        .unwrap();
    }
    let rest = again.chunks(3).unwrap().within(Duration::ZERO);
    let ranges: Vec<_> = rest
        .map(|chunk| {
            let chunk = chunk.unwrap();
            let range = chunk.range();
            chunk.done();
            range
        })
        .collect();
    assert_eq!(ranges, vec![6..8]);
    assert_eq!(again.read().unwrap().to_vec(), [100, 100, 100, 100, 100, 100, 6, 7]);
}

#[test]
fn seats_and_counters_keep_the_array_attached() {
    let array = SharedArray::<u8, _>::builder(1).unique("owned").backend(BackendKind::Mmap);
    let array = array.zeros().unwrap();
    let mut seats = [(); 2].map(|()| owned(array.barrier_owned(2, Timeout::NoWait).unwrap()));
    let (progress, seen) =
        (owned(array.progress_owned()), array.erased().progress_owned().unwrap());
    drop(array);
    let [one, two] = &mut seats;
    let last = thread::scope(|scope| {
        let one = scope.spawn(|| one.wait().unwrap());
        let two = two.wait_within(Duration::from_secs(60)).unwrap();
        [one.join().unwrap(), two]
    });
    assert!(last[0] != last[1], "one of them is the last");
    let watcher = thread::spawn(move || seen.wait_past(0, Timeout::Forever).unwrap());
    assert_eq!(progress.add(5), 0);
    assert_eq!(watcher.join().unwrap(), 5);
}

/// Waits for what nobody gives, and gives up at the second call of the hook.
fn interrupted<T>(wait: impl FnOnce(Wait<'_>) -> Result<T, Error>) {
    let mut calls = 0;
    let mut hook = || {
        calls += 1;
        if calls < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = wait(Wait::with_hook(Timeout::Forever, &mut hook)).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted { .. }), "{error}");
    assert_eq!(calls, 2);
}

#[test]
fn a_hook_gives_every_wait_up() {
    let array = guarded();
    let erased = array.erased();
    let guard = array.write().unwrap();
    interrupted(|wait| array.read_within(wait));
    interrupted(|wait| array.write_within(wait));
    interrupted(|wait| array.read_owned(wait));
    interrupted(|wait| array.write_owned(wait));
    interrupted(|wait| array.read_poisoned(wait));
    interrupted(|wait| array.write_poisoned(wait));
    interrupted(|wait| erased.read_within(wait));
    interrupted(|wait| erased.write_within(wait));
    interrupted(|wait| erased.chunks_of_round(0, 0, 8)?.claim_within(wait));
    drop(guard);
    let held = array.chunks(8).unwrap().claim().unwrap();
    interrupted(|wait| array.chunks(8)?.claim_within(wait));
    interrupted(|wait| array.chunks(8)?.wait_past(0, wait));
    interrupted(|wait| erased.chunks_of_round(0, 0, 8)?.wait_past(0, wait));
    drop(held);
    interrupted(|wait| array.progress().wait_past(0, wait));
    interrupted(|wait| array.barrier(2)?.wait_within(wait));
    let broken = array.barrier(2).unwrap();
    interrupted(|wait| {
        let (mut other, mut gives_up) = (array.barrier_owned(3, Timeout::NoWait), broken);
        assert!(other.is_err(), "another number of seats");
        other = Ok(erased.barrier_owned(2, Timeout::NoWait)?);
        let waited = gives_up.wait_within(wait);
        drop(other);
        waited
    });
}

/// Arrays, and whatever they give that is not a pointer, may go to another thread and be shared.
#[test]
fn threads_share_what_they_can() {
    const fn sent_and_shared<T: Send + Sync>() {}
    const fn lives_on<T: Send + Sync + 'static>() {}
    const {
        lives_on::<Array<u8, Ix2, ReadWrite>>();
        lives_on::<Array<u8, Ix2, Memfd>>();
        lives_on::<Array<u8, Ix2, ReadOnly>>();
        lives_on::<Array<u8, Ix2, Frozen>>();
        lives_on::<Array<u8, IxDyn, Guarded>>();
        lives_on::<ErasedArray>();
        lives_on::<Detached<ErasedArray>>();
        lives_on::<Manager>();
        sent_and_shared::<ReadGuard<'_, u8, Ix1>>();
        sent_and_shared::<WriteGuard<'_, u8, Ix1>>();
        sent_and_shared::<Chunk<'_, u8, Ix1>>();
        sent_and_shared::<Chunks<'_, u8, Ix1, Borrowed>>();
        sent_and_shared::<Barrier<'_>>();
        sent_and_shared::<Progress<'_>>();
        sent_and_shared::<Flags<'_, Ix1, ReadWrite>>();
        lives_on::<OwnedReadGuard<u8, Ix1>>();
        lives_on::<OwnedWriteGuard<u8, Ix1>>();
        lives_on::<OwnedChunk<u8, Ix1>>();
        lives_on::<OwnedChunks<u8, Ix1>>();
        lives_on::<OwnedBarrier>();
        lives_on::<OwnedProgress>();
        lives_on::<ErasedReadGuard>();
        lives_on::<ErasedWriteGuard>();
        lives_on::<ErasedChunk>();
        lives_on::<ErasedChunks>();
    }
}

//! SIGSTOP: who is stopped is alive, and keeps what it has, however long that takes.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ndarray::Ix1;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use shm_conformance::process::{Child, in_a_child};
use shmarray::Timeout;
use shmarray::prelude::*;

use super::{Array, LEN, create, refusal};
use crate::{again, on_each};

/// A worker that stops itself in the middle of a chunk, and goes on after SIGCONT.
struct Stopped {
    child: Child,
    pid: Pid,
}

impl Stopped {
    fn start(array: &Array) -> Self {
        let builder = SharedArray::<u32, Ix1>::builder(1).backend(BackendKind::Mmap);
        let note = builder.unique("pid").zeros().unwrap();
        let child = Child::fork(|| {
            let array = again(array);
            let chunks = array.chunks(1).unwrap();
            let mut chunk = chunks.claim().unwrap().unwrap();
            chunk.fill(666);
            note.flags().set(0, std::process::id()).unwrap();
            kill_process(getpid(), Signal::STOP).unwrap();
            assert_eq!(chunk[0], 666, "written while its holder was stopped");
            chunk.fill(1);
            chunk.done();
            0
        });
        note.flags().wait_past(0, Timeout::After(Duration::from_secs(30))).unwrap();
        let pid = i32::try_from(note.atomic_view()[0].load(SeqCst)).unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
        Self { child, pid }
    }
}

/// Does all chunks but one, and finds that one held.
fn do_the_others(array: &Array) {
    let chunks = array.chunks(1).unwrap().within(Duration::from_millis(200));
    for _ in 1..LEN {
        let mut chunk = chunks.claim().unwrap().unwrap();
        chunk.fill(1);
        chunk.done();
    }
    assert_eq!(refusal(chunks.claim()), "TimedOut");
    let progress = chunks.progress().unwrap();
    let chunks = u32::try_from(LEN).unwrap();
    assert_eq!((progress.done, progress.held, progress.chunks), (chunks - 1, 1, chunks));
    assert_eq!(refusal(array.read_poisoned(Timeout::NoWait)), "TimedOut");
}

fn assert_all_done(array: &Array) {
    assert_eq!(array.read().unwrap().to_vec(), [1; LEN]);
}

pub(super) fn keeps() {
    on_each(|backend| {
        let array = create(backend);
        let stopped = Stopped::start(&array);
        do_the_others(&array);
        let waits = Child::fork(|| {
            let array = again(&array);
            let got = array.chunks(1).unwrap().count();
            i32::try_from(got).unwrap()
        });
        assert!(!waits.ends_within(Duration::from_millis(100)), "it had to wait");
        kill_process(stopped.pid, Signal::CONT).unwrap();
        assert!(stopped.child.wait().success());
        assert_eq!(waits.wait().code(), Some(0), "chunks that were left for it");
        assert_all_done(&array);
    });
}

pub(super) fn is_killed() {
    on_each(|backend| {
        let array = create(backend);
        let stopped = Stopped::start(&array);
        do_the_others(&array);
        drop(stopped.child); // by SIGKILL
        in_a_child(|| {
            for chunk in again(&array).chunks(1).unwrap() {
                let mut chunk = chunk.unwrap();
                assert_eq!((chunk.is_retry(), chunk[0]), (true, 666));
                chunk.fill(1);
                chunk.done();
            }
        });
        assert_all_done(&array);
    });
}

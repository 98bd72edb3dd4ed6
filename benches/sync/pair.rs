//! The second process, which does the work of a row when the first one does.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::stage::{Stage, Worker};
use crate::{ROWS, Row};

/// Who does the work of a row.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Alone,
    Threads,
    Processes,
}

/// Keeps this thread on that core, if there is one: two workers shall not share one.
pub(crate) fn stay_on(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    let _ = sched_setaffinity(None, &set);
}

/// The other process. It ends when this value is dropped.
pub(crate) struct Partner(UnixStream);

impl Partner {
    pub(crate) fn fork(stage: &Stage) -> Self {
        let (here, there) = UnixStream::pair().unwrap();
        // SAFETY: this process has one thread.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            drop(here);
            serve(&there, stage);
            // SAFETY: the child has nothing to clean up.
            unsafe { libc::_exit(0) };
        }
        Self(here)
    }

    /// Has it meet us, and do that work so many times.
    pub(crate) fn begin(&mut self, row: &Row, count: u64) {
        let at = ROWS.iter().position(|other| std::ptr::eq(row, other)).unwrap();
        self.0.write_all(&at.to_ne_bytes()).unwrap();
        self.0.write_all(&count.to_ne_bytes()).unwrap();
    }

    /// Waits until it has.
    pub(crate) fn finish(&mut self) {
        self.0.read_exact(&mut [0]).unwrap();
    }
}

fn serve(mut socket: &UnixStream, stage: &Stage) {
    stay_on(1);
    let mut worker = Worker::new(stage);
    let (mut at, mut count) = ([0; size_of::<usize>()], [0; 8]);
    while socket.read_exact(&mut at).is_ok() {
        socket.read_exact(&mut count).unwrap();
        stage.meet();
        (ROWS[usize::from_ne_bytes(at)].work)(&mut worker, u64::from_ne_bytes(count));
        socket.write_all(b"!").unwrap();
    }
}

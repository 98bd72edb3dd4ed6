//! A second process, forked: one that answers, or one that works at the same time.
#![allow(unsafe_code)] // fork, waitpid, shared memory

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::row::Run;

/// Keeps this thread on that core.
pub(crate) fn stay_on(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).unwrap();
}

/// For `Row::ready`: whether there are two cores, 0 and 1.
pub(crate) fn two_cores() -> Result<(), String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 { Err("needs two cores".into()) } else { Ok(()) }
}

/// A forked process that lives until this value is dropped.
pub(crate) struct Partner {
    socket: Option<UnixStream>,
    pid: libc::pid_t,
}

impl Partner {
    /// Forks a process that does `serve` with the other end of a socket, and ends. It shall return
    /// once the socket is closed.
    pub(crate) fn fork(serve: impl FnOnce(&UnixStream)) -> Self {
        let (here, there) = UnixStream::pair().unwrap();
        // SAFETY: this process has one thread.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            drop(here);
            set_parent_process_death_signal(Some(Signal::KILL)).unwrap(); // whatever it waits for
            serve(&there);
            // SAFETY: the child has nothing to clean up.
            unsafe { libc::_exit(0) };
        }
        Self { socket: Some(here), pid }
    }

    /// Our end of the socket.
    pub(crate) fn socket(&self) -> &UnixStream {
        self.socket.as_ref().unwrap()
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.socket = None;
        // SAFETY: a child of this process; its status is not asked for.
        unsafe { libc::waitpid(self.pid, null_mut(), 0) };
    }
}

/// A run in which this process does `here` and a forked one `there`, each so many operations, each
/// on its core. They begin at about the same time; the time ends when both are done.
pub(crate) fn together(
    cores: [usize; 2],
    mut here: impl FnMut(u64) + 'static,
    mut there: impl FnMut(u64),
) -> Run {
    let met = shared_counter();
    let partner = Partner::fork(|mut socket| {
        stay_on(cores[1]);
        let mut count = [0; 8];
        while socket.read_exact(&mut count).is_ok() {
            meet(met);
            there(u64::from_ne_bytes(count));
            socket.write_all(b"!").unwrap();
        }
    });
    stay_on(cores[0]);
    Box::new(move |count| {
        let mut socket = partner.socket();
        socket.write_all(&count.to_ne_bytes()).unwrap();
        meet(met);
        let start = Instant::now();
        here(count);
        socket.read_exact(&mut [0]).unwrap();
        start.elapsed()
    })
}

/// The same with two threads of this process, for what processes cannot share. The second is started
/// for each measurement, outside the time.
pub(crate) fn threads(cores: [usize; 2], work: Arc<dyn Fn(u64) + Send + Sync>) -> Run {
    let met = shared_counter();
    stay_on(cores[0]);
    Box::new(move |count| {
        let there = Arc::clone(&work);
        let other = std::thread::spawn(move || {
            stay_on(cores[1]);
            meet(met);
            there(count);
        });
        meet(met);
        let start = Instant::now();
        work(count);
        other.join().unwrap();
        start.elapsed()
    })
}

/// Returns in both processes at about the same time.
fn meet(met: &AtomicU64) {
    let both = (met.fetch_add(1, SeqCst) + 1).next_multiple_of(2);
    while met.load(SeqCst) < both {
        std::thread::yield_now();
    }
}

/// A page of zeros that forked processes share, and that stays.
pub(crate) fn shared_page() -> *mut u8 {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the address.
    let page = unsafe { mmap_anonymous(null_mut(), 4096, access, MapFlags::SHARED) };
    page.unwrap().cast()
}

/// A word that forked processes share, in a page of its own.
pub(crate) fn shared_counter() -> &'static AtomicU64 {
    // SAFETY: an aligned page of zeros that is never unmapped.
    unsafe { &*shared_page().cast() }
}

//! What the rows work on: made before the fork, so that both processes have it.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, Mutex, RwLock};

use raw_sync::locks::{self, LockImpl, LockInit};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use shmarray::prelude::*;

use crate::pthread;

/// Chunks of a pass, which begins anew when they are done.
const CHUNKS: usize = 1 << 16;

/// Everything that is locked, waited at and counted.
pub(crate) struct Stage {
    pub(crate) array: GuardedArray<u64, Ix1>,
    pub(crate) chunks: GuardedArray<u8, Ix1>,
    pub(crate) std_mutex: Mutex<u64>,
    pub(crate) std_rwlock: RwLock<u64>,
    pub(crate) std_barrier: Barrier,
    pub(crate) pthread_mutex: pthread::Mutex,
    pub(crate) pthread_barrier: pthread::Barrier,
    pub(crate) raw_mutex: Raw,
    pub(crate) raw_rwlock: Raw,
    pub(crate) counter: &'static AtomicU64,
    met: &'static AtomicU64,
}

/// A lock of `raw_sync`.
pub(crate) struct Raw(pub(crate) Box<dyn LockImpl>);

// SAFETY: it holds pointers to a pthread lock, made to be used from several threads, and to data
// that nobody uses.
unsafe impl Sync for Raw {}

impl Stage {
    pub(crate) fn new() -> Self {
        // Without a name there is nothing to remove, whoever ends first.
        let memfd = BackendKind::Memfd;
        // SAFETY: memory for it alone, here and below.
        let pthread_mutex = unsafe { pthread::Mutex::new(shared_page().cast()) };
        // SAFETY: as above.
        let pthread_barrier = unsafe { pthread::Barrier::new(shared_page().cast(), 2) };
        // SAFETY: as above; the data are not used.
        let (raw_mutex, _) = unsafe { locks::Mutex::new(shared_page(), null_mut()) }.unwrap();
        // SAFETY: as above.
        let (raw_rwlock, _) = unsafe { locks::RwLock::new(shared_page(), null_mut()) }.unwrap();
        Self {
            array: GuardedArray::builder(8).backend(memfd).zeros().unwrap(),
            chunks: GuardedArray::builder(CHUNKS).backend(memfd).zeros().unwrap(),
            std_mutex: Mutex::new(0),
            std_rwlock: RwLock::new(0),
            std_barrier: Barrier::new(2),
            pthread_mutex,
            pthread_barrier,
            raw_mutex: Raw(raw_mutex),
            raw_rwlock: Raw(raw_rwlock),
            counter: shared_counter(),
            met: shared_counter(),
        }
    }

    /// Returns in both workers at about the same time.
    pub(crate) fn meet(&self) {
        let both = (self.met.fetch_add(1, SeqCst) + 1).next_multiple_of(2);
        while self.met.load(SeqCst) < both {
            std::thread::yield_now();
        }
    }
}

/// Memory of its own that forked processes share, and that stays.
fn shared_page() -> *mut u8 {
    // SAFETY: the kernel chooses the address.
    let page = unsafe {
        mmap_anonymous(null_mut(), 4096, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
    };
    page.unwrap().cast()
}

fn shared_counter() -> &'static AtomicU64 {
    // SAFETY: an aligned page of zeros that is never unmapped.
    unsafe { &*shared_page().cast() }
}

/// Who works on it, with what it keeps between two measurements.
pub(crate) struct Worker<'a> {
    pub(crate) stage: &'a Stage,
    /// Its place at the array's barrier, once it has one.
    pub(crate) seat: Option<shmarray::Barrier<'a>>,
    /// The pass over the chunks that it is in.
    pub(crate) pass: u32,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        Self { stage, seat: None, pass: 0 }
    }
}

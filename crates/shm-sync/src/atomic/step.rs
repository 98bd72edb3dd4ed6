//! Under the model checker: an atomic before each access of which its thread may stop for good, as
//! by SIGKILL.
//!
//! A thread stops by unwinding to [`stops_after`]. The algorithms have nothing that is cleaned up on the
//! way, so the words stay as they were at that step.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loom::sync::atomic::Ordering;

/// What a thread unwinds with that stops.
struct Stopped;

loom::thread_local! {
    /// How many steps this thread has left, if it is one that stops.
    static LEFT: Cell<Option<u32>> = Cell::new(None);
}

/// A step of an algorithm: what lies between two of them is one moment to all other threads.
pub fn step() {
    let left = LEFT.with(Cell::get);
    match left {
        None => {}
        Some(0) => resume_unwind(Box::new(Stopped)),
        Some(left) => LEFT.with(|cell| cell.set(Some(left - 1))),
    }
}

/// Runs this thread until it has taken so many steps. Tells whether that was before its end.
pub fn stops_after(steps: u32, run: impl FnOnce()) -> bool {
    LEFT.with(|cell| cell.set(Some(steps)));
    let end = catch_unwind(AssertUnwindSafe(run));
    LEFT.with(|cell| cell.set(None));
    match end {
        Ok(()) => false,
        Err(payload) if payload.is::<Stopped>() => true,
        Err(payload) => resume_unwind(payload),
    }
}

/// The model checker's atomic, with a [`step`] before each access.
#[derive(Debug)]
pub struct AtomicU64 {
    value: loom::sync::atomic::AtomicU64,
    /// What orders those who wait on this word and those who wake them, in the kernel.
    queue: loom::sync::atomic::AtomicU64,
}

macro_rules! accesses {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl AtomicU64 {
            $(#[allow(missing_docs)] pub fn $name(&self, $($argument: $type),*) -> $result {
                step();
                self.value.$name($($argument),*)
            })*
        }
    };
}

accesses! {
    load(ordering: Ordering) -> u64;
    store(value: u64, ordering: Ordering) -> ();
    swap(value: u64, ordering: Ordering) -> u64;
    fetch_add(value: u64, ordering: Ordering) -> u64;
    fetch_sub(value: u64, ordering: Ordering) -> u64;
    fetch_and(value: u64, ordering: Ordering) -> u64;
    fetch_or(value: u64, ordering: Ordering) -> u64;
    compare_exchange(from: u64, to: u64, success: Ordering, failure: Ordering)
        -> Result<u64, u64>;
}

impl AtomicU64 {
    /// A word with that value.
    pub fn new(value: u64) -> Self {
        let new = loom::sync::atomic::AtomicU64::new;
        Self { value: new(value), queue: new(0) }
    }

    /// A load that is no step: what the kernel does, the thread survives.
    pub fn look(&self) -> u64 {
        self.value.load(Ordering::SeqCst)
    }

    /// What orders its waiters.
    #[cfg(test)]
    pub(crate) fn queue(&self) -> &loom::sync::atomic::AtomicU64 {
        &self.queue
    }
}

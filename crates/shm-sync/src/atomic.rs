//! The atomics that the algorithms are written with: the one place that a model checker replaces.
//!
//! Every word is a `u64`. All accesses whose order matters are `SeqCst`. The model checker treats
//! them as little more than acquire and release, so where a store must be seen before a load, the
//! algorithm says so with [`store_before_load`], which is a fence under the model and nothing
//! otherwise.

#[cfg(loom)]
mod step;

#[cfg(not(loom))]
mod words {
    pub use std::hint::spin_loop;
    pub use std::sync::atomic::{AtomicU64, Ordering};

    /// Nothing to do: the `SeqCst` accesses before and after are in one total order already.
    #[inline]
    pub fn store_before_load() {}
}

#[cfg(loom)]
mod words {
    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::Ordering;

    pub use super::step::AtomicU64;

    /// A store before it is seen by others before a load after it is made.
    pub fn store_before_load() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

#[cfg(loom)]
pub use step::{step, stops_after};
pub use words::{AtomicU64, Ordering, spin_loop, store_before_load};

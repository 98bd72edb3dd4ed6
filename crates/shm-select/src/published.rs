//! A cell that threads read and replace without a lock, so that a fork at any instant leaves it usable.
//!
//! If another thread holds a lock at a fork, or is initialising a `OnceLock`, the child waits for it
//! for ever. Here no thread holds anything: a writer makes the value aside, and one pointer swap
//! publishes it. A replaced value is never freed, as a reader may still use it. So this cell is for
//! values that change a few times in the life of a process.
#![allow(unsafe_code)] // `load` turns the published pointer into a reference.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds nothing, or the value that was published last.
#[derive(Debug)]
pub(crate) struct Published<T: Send + Sync + 'static> {
    /// Invariant: null, or from `Box::leak`, of a value that is never freed nor mutably borrowed.
    value: AtomicPtr<T>,
}

impl<T: Send + Sync + 'static> Published<T> {
    pub(crate) const fn empty() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(crate) fn load(&self) -> Option<&'static T> {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: by the invariant the pointer is null, or valid and aligned for 'static, with no
        // mutable reference to its value; the release that published it comes before this acquire.
        unsafe { value.as_ref() }
    }

    /// Publishes a value in place of the current one.
    pub(crate) fn store(&self, value: T) {
        self.value.store(Box::leak(Box::new(value)), Ordering::Release);
    }

    /// Publishes a value in place of `current`. If the cell holds another value by now, it drops
    /// `value` and returns `None`.
    ///
    /// No published value is ever freed, so no address is used twice: the cell holds `current` exactly
    /// if no thread has published anything since.
    pub(crate) fn compare_exchange(
        &self,
        current: Option<&'static T>,
        value: T,
    ) -> Option<&'static T> {
        let current = current.map_or(ptr::null_mut(), |value| ptr::from_ref(value).cast_mut());
        let value = Box::into_raw(Box::new(value));
        match self.value.compare_exchange(current, value, Ordering::Release, Ordering::Relaxed) {
            // SAFETY: from a box just now, published above, never freed from here on.
            Ok(_) => Some(unsafe { &*value }),
            Err(_) => {
                // SAFETY: from a box just now; no other thread has seen it.
                drop(unsafe { Box::from_raw(value) });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_replaced_meanwhile_is_not_replaced_again() {
        let cell = Published::empty();
        assert_eq!(cell.load(), None);
        let first = cell.compare_exchange(None, 1).unwrap();
        assert_eq!(cell.compare_exchange(None, 2), None);
        cell.store(1); // equal, but not the same
        assert_eq!(cell.compare_exchange(Some(first), 3), None);
        assert_eq!(cell.compare_exchange(cell.load(), 4), Some(&4));
        assert_eq!((*first, cell.load()), (1, Some(&4)));
    }

    #[test]
    fn of_many_threads_each_replacement_counts_once() {
        static CELL: Published<u32> = Published::empty();
        let count_up = || {
            for _ in 0..200 {
                loop {
                    let seen = CELL.load();
                    if CELL.compare_exchange(seen, seen.map_or(1, |count| count + 1)).is_some() {
                        break;
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count_up))));
        assert_eq!(CELL.load(), Some(&800));
    }
}

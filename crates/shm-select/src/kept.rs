//! A cell that is read and replaced without a lock, so that a fork at any instant leaves it usable.
//!
//! A lock, or a `OnceLock` in the middle of its initialisation, that another thread holds at a
//! fork is held in the child for ever. Here there is nothing to hold: a value is made aside, and
//! one pointer swap publishes it. Values that were replaced are never freed, as a reader may still
//! use them; so this is for what changes a few times in the life of a process.
#![allow(unsafe_code)] // `get` turns the published pointer into a reference.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds nothing, or the value that was put there last.
#[derive(Debug)]
pub(crate) struct Kept<T: Send + Sync + 'static> {
    /// Invariant: null, or from `Box::leak`, of a value that is never freed nor mutably borrowed.
    value: AtomicPtr<T>,
}

impl<T: Send + Sync + 'static> Kept<T> {
    pub(crate) const fn empty() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(crate) fn get(&self) -> Option<&'static T> {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: by the invariant the pointer is null, or valid and aligned for 'static, with no
        // mutable reference to its value; the release that published it comes before this acquire.
        unsafe { value.as_ref() }
    }

    /// Puts a value in place of whatever is there.
    pub(crate) fn put(&self, value: T) {
        self.value.store(Box::leak(Box::new(value)), Ordering::Release);
    }

    /// Puts a value in place of `expected`; `None`, and no value kept, if something else is there.
    ///
    /// No published value is ever freed, so its address is never used again: what is there now is
    /// `expected` exactly if nothing was put there since.
    pub(crate) fn replace(&self, expected: Option<&'static T>, value: T) -> Option<&'static T> {
        let expected = expected.map_or(ptr::null_mut(), |value| ptr::from_ref(value).cast_mut());
        let value = Box::into_raw(Box::new(value));
        match self.value.compare_exchange(expected, value, Ordering::Release, Ordering::Relaxed) {
            // SAFETY: from a box just now, published above, never freed from here on.
            Ok(_) => Some(unsafe { &*value }),
            Err(_) => {
                // SAFETY: from a box just now, and nobody else has seen it.
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
    fn what_was_replaced_meanwhile_is_not_replaced_again() {
        let kept = Kept::empty();
        assert_eq!(kept.get(), None);
        let first = kept.replace(None, 1).unwrap();
        assert_eq!(kept.replace(None, 2), None);
        kept.put(1); // equal, but not the same
        assert_eq!(kept.replace(Some(first), 3), None);
        assert_eq!(kept.replace(kept.get(), 4), Some(&4));
        assert_eq!((*first, kept.get()), (1, Some(&4)));
    }

    #[test]
    fn of_many_threads_each_replacement_counts_once() {
        static KEPT: Kept<u32> = Kept::empty();
        let count_up = || {
            for _ in 0..200 {
                loop {
                    let seen = KEPT.get();
                    if KEPT.replace(seen, seen.map_or(1, |count| count + 1)).is_some() {
                        break;
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count_up))));
        assert_eq!(KEPT.get(), Some(&800));
    }
}

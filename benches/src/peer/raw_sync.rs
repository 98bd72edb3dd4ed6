//! The crate `raw_sync`: pthread locks and events in shared memory.
#![allow(unsafe_code)] // they are made in memory that is given to them

use std::hint::black_box;
use std::ptr::null_mut;

use raw_sync::Timeout;
use raw_sync::events::{Event, EventImpl, EventInit, EventState};
use raw_sync::locks::{LockImpl, LockInit, Mutex, RwLock};

use crate::pair::shared_page;

/// Work under a lock of one.
pub(super) fn mutex() -> impl Fn(u64) + Clone + 'static {
    // SAFETY: a page for it alone; the data are not used.
    let (lock, _) = unsafe { Mutex::new(shared_page(), null_mut()) }.unwrap();
    let lock: &'static dyn LockImpl = Box::leak(lock);
    move |count| {
        for _ in 0..count {
            black_box(*lock.lock().unwrap());
        }
    }
}

/// Work under a lock of many.
pub(super) fn read() -> impl Fn(u64) + Clone + 'static {
    // SAFETY: a page for it alone; the data are not used.
    let (lock, _) = unsafe { RwLock::new(shared_page(), null_mut()) }.unwrap();
    let lock: &'static dyn LockImpl = Box::leak(lock);
    move |count| {
        for _ in 0..count {
            black_box(*lock.rlock().unwrap());
        }
    }
}

/// What two do that meet by events, as it has no barrier: one sets the other's and waits for its own,
/// the other waits first, as an event that is set twice is set once.
pub(super) fn events() -> [Box<dyn Fn(u64)>; 2] {
    let [one, other] = [event(), event()];
    let first = move |count| {
        for _ in 0..count {
            other.set(EventState::Signaled).unwrap();
            one.wait(Timeout::Infinite).unwrap();
        }
    };
    let second = move |count| {
        for _ in 0..count {
            other.wait(Timeout::Infinite).unwrap();
            one.set(EventState::Signaled).unwrap();
        }
    };
    [Box::new(first), Box::new(second)]
}

fn event() -> &'static dyn EventImpl {
    // SAFETY: a page for it alone.
    let (event, _) = unsafe { Event::new(shared_page(), true) }.unwrap();
    Box::leak(event)
}

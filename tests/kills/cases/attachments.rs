//! Several attachments in one process, which are participants like any other.

use shmarray::Timeout;
use shmarray::prelude::*;

use super::{create, refusal};
use crate::{again, on_each};

pub(super) fn exclude() {
    on_each(|backend| {
        let first = create(backend);
        let second = again(&first);
        let guard = first.write().unwrap();
        assert_eq!(refusal(second.try_write()), "TimedOut");
        assert_eq!(refusal(second.try_read()), "TimedOut");
        assert_eq!(refusal(second.read_poisoned(Timeout::NoWait)), "TimedOut");
        drop(guard);
        let (one, two) = (first.read().unwrap(), second.read().unwrap());
        assert_eq!(refusal(first.try_write()), "TimedOut");
        drop(one);
        assert_eq!(refusal(first.try_write()), "TimedOut");
        drop(two);
        drop(second.write().unwrap());
        let all = first.participants().unwrap();
        let found: Vec<_> = all.iter().map(|one| (one.slot, one.alive, one.is_me)).collect();
        assert_eq!(found, [(0, true, true), (1, true, false)]);
        drop(second);
        assert!(!first.participants().unwrap()[1].alive);
    });
}

/// An error with its figures for whoever comes too late; a place for it once somebody has left.
pub(super) fn too_many() {
    on_each(|backend| {
        let array = create(backend);
        let mut all: Vec<_> = (0..128).map(|_| again(&array)).collect();
        for array in &all {
            drop(array.read().unwrap());
        }
        let error = array.read().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitReached { .. }), "{error}");
        assert!(error.to_string().contains("128"), "{error}");
        drop(all.swap_remove(77));
        drop(array.write().unwrap());
        let me = array.participants().unwrap().into_iter().find(|one| one.is_me).unwrap();
        assert_eq!((me.slot, me.generation), (77, 2));
    });
}

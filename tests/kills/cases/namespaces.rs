//! Participants in another PID namespace, where each process id means somebody else.

use rustix::process::{Signal, set_parent_process_death_signal};
use shm_conformance::private;
use shm_conformance::process::{Child, in_a_child};
use shmarray::{BackendKind, Timeout};

use super::{Array, create, refusal};
use crate::{again, on_each};

pub(super) fn apart() {
    if !Child::fork(|| i32::from(!private::pids())).wait().success() {
        println!("skipped: the system allows no PID namespaces");
        return;
    }
    on_each(|backend| {
        let array = create(backend);
        // As the process that made it describes it: inside, /proc is still that of outside.
        let payload = (backend == BackendKind::Memfd).then(|| array.payload().unwrap());
        let attach = || {
            payload
                .as_ref()
                .map_or_else(|| again(&array), |payload| Array::from_payload(payload).unwrap())
        };
        // The one behind it is killed with it: it is process 1 of its namespace, and its child.
        let outside = Child::idle(|| {
            assert!(private::pids());
            let inside = Child::idle(|| {
                assert_eq!(std::process::id(), 1);
                let array = attach();
                let mut guard = array.write().unwrap();
                guard[0] = 666;
                std::mem::forget(guard);
                std::mem::forget(array);
                set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
            });
            std::mem::forget(inside);
        });
        assert_eq!(refusal(array.try_write()), "TimedOut");
        let all = array.participants().unwrap();
        assert_eq!((all[0].pid, all[0].alive, all[0].is_me), (1, true, false), "{all:?}");
        drop(outside);
        assert_eq!(refusal(array.write()), "Poisoned");
        let mut guard = array.write_poisoned(Timeout::Forever).unwrap();
        guard.fill(0);
        guard.set_poisoned(false);
        // And the other way round.
        in_a_child(|| {
            assert!(private::pids());
            in_a_child(|| assert_eq!(refusal(attach().try_write()), "TimedOut"));
        });
        drop(guard);
        in_a_child(|| {
            assert!(private::pids());
            in_a_child(|| drop(attach().write().unwrap()));
        });
    });
}

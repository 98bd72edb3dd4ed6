//! The event: every waiter is woken when it happens.

use super::world::{Bytes, World, owner};
use crate::event::Event;
use crate::explore::{explore, explore_deaths};
use crate::wait::Timeout;

type Model = World<Bytes>;

impl Model {
    fn raise(&self) {
        Event(&self.area.progress.count).raise(&self.system, 1);
    }

    fn wait_past(&self, seen: u64) -> u64 {
        let event = Event(&self.area.progress.count);
        event.wait_past(&self.system, seen, Timeout::Forever.into()).unwrap()
    }

    fn wait_for(&self, count: u64) {
        let mut seen = 0;
        while seen < count {
            let now = self.wait_past(seen);
            assert!(now > seen);
            seen = now;
        }
        assert_eq!(seen, count);
    }
}

#[test]
fn no_wake_up_is_lost() {
    explore("event: 2 raise it, 1 waits for both", Some(3), || {
        let model = Model::new(0, Bytes::default());
        model.spawn(Model::raise);
        model.spawn(Model::raise);
        model.wait_for(2);
        model.join();
    });
}

#[test]
fn all_who_wait_are_woken_and_see_what_was_written() {
    explore("event: 1 raises it, 2 wait", Some(4), || {
        let model = Model::new(0, Bytes::default());
        for _ in 0..2 {
            model.spawn(|model| {
                model.wait_for(1);
                model.data.read();
            });
        }
        model.data.write();
        model.raise();
        model.join();
    });
}

#[test]
fn a_dead_waiter_hurts_nobody() {
    explore_deaths("event: 1 raises it twice, 2 wait, 1 of them dies", Some(2), |victim| {
        let model = Model::new(0, Bytes::default());
        model.spawn_victim(victim, owner(0), |model| model.wait_for(2));
        model.spawn(|model| model.wait_for(2));
        model.raise();
        model.raise();
        model.join();
    });
}

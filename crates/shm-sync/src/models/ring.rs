//! A ring: each item goes through each stage once, in one place at a time, and none is lost by a death.

use std::cell::Cell;
use std::rc::Rc;

use super::world::{Bytes, World, owner};
use crate::atomic::Ordering::SeqCst;
use crate::explore::{explore, explore_deaths};
use crate::ring::{Found, Frames, Held, Plan};
use crate::wait::Timeout;
use crate::waiter::Waiter;

#[derive(Default)]
struct Data {
    frames: [Bytes; 2],
    /// How often each item was said to be done, by stage.
    done: [[Cell<u32>; 3]; 3],
    stages: u32,
}

type Model = World<Data>;

impl Model {
    fn empty(stages: u32) -> Rc<Self> {
        let model = Self::new(3, Data { stages, ..Data::default() });
        model.area.ring.plan.store(model.plan().word(), SeqCst);
        model
    }

    fn plan(&self) -> Plan {
        Plan::new(2, self.data.stages).unwrap()
    }

    fn ring(&self) -> Frames<'_> {
        Frames { words: &self.area.ring, lines: &self.lines, plan: self.plan() }
    }

    /// Takes a frame, as a ring hands it out; none at the end.
    fn take(&self, slot: u32, stage: u32, in_order: bool) -> Option<Held> {
        let (me, ring) = (owner(slot), self.ring());
        let event = ring.event(stage).unwrap();
        let mut waiter = Waiter::new(Timeout::Forever.into());
        loop {
            let seen = event.count();
            let found = match stage {
                0 => ring.produce(me),
                _ if in_order => ring.collect(me, &self.system),
                _ => ring.claim(me, stage),
            };
            match found.unwrap() {
                Found::Frame(held) => return Some(held),
                Found::Ended => return None,
                Found::Lost(_) => {}
                Found::Blocked(_) => {
                    if event.sleep(&self.system, &mut waiter, seen).unwrap() {
                        ring.recover(&self.system).unwrap();
                    }
                }
            }
        }
    }

    /// Takes a frame and does its stage; false at the end.
    fn step(&self, slot: u32, stage: u32, in_order: bool) -> bool {
        let Some(held) = self.take(slot, stage, in_order) else { return false };
        self.data.frames[held.frame].write();
        let item = &self.data.done[held.number as usize];
        if stage > 0 {
            assert_eq!(item[stage as usize - 1].get(), 1, "not through the stage before");
        }
        item[stage as usize].set(item[stage as usize].get() + 1);
        self.ring().finish(held, &self.system);
        true
    }

    fn assert_done(&self, items: usize) {
        for item in &self.data.done[..items] {
            assert!(item[..self.data.stages as usize].iter().all(|done| done.get() == 1));
        }
    }
}

#[test]
fn items_flow_in_order() {
    explore("ring: a producer of 3 items in 2 frames, a collector", Some(2), || {
        let model = Model::empty(2);
        model.spawn(|model| {
            for _ in 0..3 {
                assert!(model.step(0, 0, false));
            }
            model.ring().close(&model.system);
        });
        let mut numbers = 0;
        while model.step(1, 1, true) {
            numbers += 1;
            assert_eq!(model.data.done[numbers - 1][1].get(), 1, "out of order");
        }
        assert_eq!(numbers, 3);
        model.join();
        model.assert_done(3);
    });
}

#[test]
fn two_workers_share_the_items() {
    explore("ring: 2 workers at one stage, 1 item, closed meanwhile", Some(2), || {
        let model = Model::empty(2);
        model.spawn(|model| while model.step(1, 1, false) {});
        model.spawn(|model| while model.step(2, 1, false) {});
        assert!(model.step(0, 0, false));
        model.ring().close(&model.system);
        model.join();
        model.assert_done(1);
    });
}

#[test]
fn two_producers_number_the_items() {
    explore("ring: 2 producers of 2 items, a collector", Some(2), || {
        let model = Model::empty(2);
        model.spawn(|model| assert!(model.step(1, 0, false)));
        model.spawn(|model| assert!(model.step(2, 0, false)));
        assert!(model.step(0, 1, true));
        assert!(model.step(0, 1, true));
        model.join();
        model.assert_done(2);
    });
}

#[test]
fn a_frame_goes_through_three_stages() {
    explore("ring: a producer, a worker and a collector of 1 item", Some(2), || {
        let model = Model::empty(3);
        model.spawn(|model| assert!(model.step(1, 1, false)));
        model.spawn(|model| assert!(model.step(2, 2, true)));
        assert!(model.step(0, 0, false));
        model.ring().close(&model.system);
        model.join();
        model.assert_done(1);
    });
}

#[test]
fn the_item_of_a_dead_worker_is_done_by_another() {
    explore_deaths("ring: a worker dies, another does its item", Some(2), |victim| {
        let model = Model::empty(2);
        assert!(model.step(0, 0, false));
        model.ring().close(&model.system);
        model.spawn_victim(victim, owner(1), |model| while take_and_finish(model, 1) {});
        while take_and_finish(&model, 2) {}
        model.join();
        assert!(model.take(0, 1, false).is_none(), "an item is left");
        assert!(model.area.ring.frames[0].look() >> 16 == 1, "it is not free in the next lap");
    });
}

/// As `step`, for one that may die after it has counted: counts nothing.
fn take_and_finish(model: &Model, slot: u32) -> bool {
    let Some(held) = model.take(slot, 1, false) else { return false };
    model.data.frames[held.frame].write();
    model.ring().finish(held, &model.system);
    true
}

#[test]
fn the_item_of_a_dead_producer_is_filled_by_another() {
    explore_deaths("ring: a producer dies, another fills the items", Some(2), |victim| {
        let model = Model::empty(2);
        let produce = |model: &Model, slot| {
            if let Some(held) = model.take(slot, 0, false) {
                model.data.frames[held.frame].write();
                model.ring().finish(held, &model.system);
            }
        };
        model.spawn_victim(victim, owner(1), move |model| produce(model, 1));
        produce(&model, 2);
        model.join();
        model.ring().recover(&model.system).unwrap();
        // Whatever it did, what was begun and not filled is filled first: no item is missing.
        if let Found::Frame(held) = model.ring().produce(owner(2)).unwrap() {
            model.ring().finish(held, &model.system);
        }
        model.ring().close(&model.system);
        let (begun, _) = model.ring().next();
        for number in 0..begun {
            let held = model.take(0, 1, true).unwrap();
            assert_eq!(held.number, number);
            model.ring().finish(held, &model.system);
        }
        assert!(model.take(0, 1, true).is_none());
    });
}

#[test]
fn a_dead_collector_hides_nothing() {
    explore_deaths("ring: a collector dies beside another, 2 items", Some(2), |victim| {
        let model = Model::empty(2);
        assert!(model.step(0, 0, false));
        assert!(model.step(0, 0, false));
        model.ring().close(&model.system);
        let collect = |model: &Model, slot| {
            while let Some(held) = model.take(slot, 1, true) {
                model.data.frames[held.frame].write();
                model.ring().finish(held, &model.system);
            }
        };
        model.spawn_victim(victim, owner(1), move |model| collect(model, 1));
        collect(&model, 2);
        model.join();
        assert!(model.area.ring.frames.iter().all(|frame| frame.look() >> 16 == 1));
    });
}

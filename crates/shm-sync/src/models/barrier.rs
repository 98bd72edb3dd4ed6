//! The barrier: nobody goes through before all have come, and nobody waits for the dead.

use std::cell::Cell;
use std::rc::Rc;

use super::world::{Bytes, World, owner};
use crate::barrier::{Barrier, Blocked, Broken, How, Taken};
use crate::event::Event;
use crate::explore::{explore, explore_deaths};
use crate::wait::Timeout;

/// What each participant writes, for the others to read in the next phase.
#[derive(Default)]
struct Data {
    written: [Bytes; 3],
    /// How often each has come to the barrier.
    came: [Cell<u32>; 3],
}

type Model = World<Data>;

impl Model {
    fn empty(lines: usize) -> Rc<Self> {
        Self::new(lines, Data::default())
    }

    fn barrier(&self, size: u32) -> Barrier<'_> {
        Barrier { words: &self.area.barrier, lines: &self.lines, size }
    }

    fn join_in(&self, slot: u32, size: u32) -> Taken {
        self.barrier(size).join(owner(slot), &self.system, Timeout::Forever.into()).unwrap()
    }

    fn wait(&self, slot: u32, taken: &mut Taken, size: u32) -> Result<bool, Broken> {
        match self.barrier(size).wait(owner(slot), taken, &self.system, Timeout::Forever.into()) {
            Ok(last) => Ok(last),
            Err(Blocked::Broken(broken)) => Err(broken),
            Err(blocked) => panic!("{blocked:?}"),
        }
    }

    fn leave(&self, slot: u32, taken: &Taken, size: u32) {
        self.barrier(size).leave(owner(slot), taken, &self.system);
    }

    /// Writes, waits, and reads what the others wrote: in each phase. It ends where it breaks.
    fn take_part(&self, slot: u32, size: u32, phases: u32) -> Result<(), Broken> {
        let mut taken = self.join_in(slot, size);
        let end = self.phases(slot, &mut taken, size, phases);
        self.leave(slot, &taken, size);
        end
    }

    fn phases(&self, slot: u32, taken: &mut Taken, size: u32, phases: u32) -> Result<(), Broken> {
        for phase in 1..=phases {
            self.data.written[slot as usize].write();
            self.data.came[slot as usize].set(phase);
            self.wait(slot, taken, size)?;
            for other in 0..size as usize {
                assert!(self.data.came[other].get() >= phase, "it let one through too early");
                self.data.written[other].read();
            }
            self.wait(slot, taken, size)?;
        }
        Ok(())
    }

    /// The barrier is as good as new for a participant that comes after all others have left.
    fn end(&self) {
        self.join();
        let mut taken = self.join_in(0, 1);
        assert!(self.wait(0, &mut taken, 1).unwrap());
        self.leave(0, &taken, 1);
    }
}

#[test]
fn two_participants() {
    explore("barrier: 2 participants, 2 phases", Some(3), || {
        let model = Model::empty(2);
        model.spawn(|model| model.take_part(1, 2, 1).unwrap());
        model.take_part(0, 2, 1).unwrap();
        model.end();
    });
}

#[test]
fn three_participants() {
    explore("barrier: 3 participants, 2 phases", Some(1), || {
        let model = Model::empty(3);
        model.spawn(|model| model.take_part(1, 3, 1).unwrap());
        model.spawn(|model| model.take_part(2, 3, 1).unwrap());
        model.take_part(0, 3, 1).unwrap();
        model.end();
    });
}

/// A waiter is told, at once, of a participant that had a seat and leaves. When both have left, the
/// barrier is as good as new: nobody is told of old seats.
#[test]
fn one_leaves() {
    explore("barrier: 2 participants, 1 leaves, then 2 phases of both", Some(2), || {
        let model = Model::empty(2);
        let [other, mut taken] = [1, 0].map(|slot| model.join_in(slot, 2));
        model.spawn(move |model| model.leave(1, &other, 2));
        let broken = model.wait(0, &mut taken, 2).unwrap_err();
        assert_eq!(broken, Broken { slot: 1, how: How::Left });
        model.leave(0, &taken, 2);
        model.join();
        model.spawn(|model| model.take_part(1, 2, 1).unwrap());
        model.take_part(0, 2, 1).unwrap();
        model.join();
    });
}

/// The same for two who take seats at one time, of whom one leaves when both have their seats.
#[test]
fn one_leaves_who_came_with_the_other() {
    explore("barrier: 2 come at one time, then 1 leaves", Some(3), || {
        let model = Model::empty(2);
        model.spawn(|model| {
            let taken = model.join_in(1, 2);
            let both = Event(&model.area.progress.count);
            both.wait_past(&model.system, 0, Timeout::Forever.into()).unwrap();
            model.leave(1, &taken, 2);
        });
        let mut taken = model.join_in(0, 2);
        Event(&model.area.progress.count).raise(&model.system, 1);
        let broken = model.wait(0, &mut taken, 2).unwrap_err();
        assert_eq!(broken, Broken { slot: 1, how: How::Left });
        model.join();
    });
}

/// Each comes again where it was told that the barrier is broken. In the end they meet.
#[test]
fn one_leaves_and_comes_again() {
    explore("barrier: 2 participants, 1 leaves first, both come until they meet", Some(2), || {
        let model = Model::empty(2);
        model.spawn(|model| {
            let taken = model.join_in(1, 2);
            model.leave(1, &taken, 2);
            while model.take_part(1, 2, 1).is_err() {}
        });
        while model.take_part(0, 2, 1).is_err() {}
        model.end();
    });
}

/// The living go through with the dead that had arrived, and are told of the others.
#[test]
fn a_participant_dies() {
    explore_deaths("barrier: 2 participants, 2 phases, 1 dies", Some(3), |victim| {
        let model = Model::empty(2);
        let [mut taken, mut other] = [0, 1].map(|slot| model.join_in(slot, 2));
        model.spawn_victim(victim, owner(1), move |model| {
            model.phases(1, &mut other, 2, 1).unwrap();
            model.leave(1, &other, 2);
        });
        if let Err(broken) = model.phases(0, &mut taken, 2, 1) {
            assert_eq!(broken, Broken { slot: 1, how: How::Died });
        }
        model.leave(0, &taken, 2);
        model.end();
    });
}

#[test]
fn a_participant_dies_and_two_are_told() {
    explore_deaths("barrier: 3 participants, 1 phase, 1 dies", Some(2), |victim| {
        let model = Model::empty(3);
        let [mut first, mut second, mut third] = [0, 1, 2].map(|slot| model.join_in(slot, 3));
        let wait = |model: &Model, slot: u32, taken: &mut Taken| {
            model.data.came[slot as usize].set(1);
            match model.wait(slot, taken, 3) {
                Ok(_) => assert!(model.data.came.iter().all(|came| came.get() == 1)),
                Err(broken) => assert_eq!(broken, Broken { slot: 1, how: How::Died }),
            }
        };
        model.spawn_victim(victim, owner(1), move |model| wait(model, 1, &mut second));
        model.spawn(move |model| wait(model, 2, &mut third));
        wait(&model, 0, &mut first);
        model.join();
    });
}

/// A participant that dies as it joins, gives up or leaves keeps no other from beginning anew.
#[test]
fn one_dies_as_it_comes_and_goes() {
    explore_deaths("barrier: 2 participants who do not wait, 1 dies", Some(2), |victim| {
        let model = Model::empty(2);
        let come_and_go = |model: &Model, slot: u32| {
            let barrier = model.barrier(2);
            if let Ok(mut taken) = barrier.join(owner(slot), &model.system, Timeout::NoWait.into())
            {
                let _ =
                    barrier.wait(owner(slot), &mut taken, &model.system, Timeout::NoWait.into());
                barrier.leave(owner(slot), &taken, &model.system);
            }
        };
        model.spawn_victim(victim, owner(1), move |model| come_and_go(model, 1));
        come_and_go(&model, 0);
        model.end();
    });
}

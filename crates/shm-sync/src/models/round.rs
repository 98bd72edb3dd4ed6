//! A round beside a writer: claims under the lock, as users have them.

use std::rc::Rc;

use shm_presence::Owner;

use super::world::{Bytes, World, owner};
use crate::claims::{Claims, Found, Plan};
use crate::explore::{explore, explore_deaths};
use crate::lock::{Class, Lock};
use crate::wait::Timeout;
use crate::waiter::{Stop, Waiter};

pub(super) type Model = World<[Bytes; 2]>;

impl Model {
    pub(super) fn empty() -> Rc<Self> {
        let model = Self::new(2, Default::default());
        assert!(model.claims().begin(model.plan()).unwrap());
        model
    }

    pub(super) fn lock(&self) -> Lock<'_> {
        Lock { words: &self.area.lock, lines: &self.lines }
    }

    pub(super) fn claims(&self) -> Claims<'_> {
        Claims { words: &self.area.claims, lines: &self.lines, shape: &[2] }
    }

    pub(super) fn plan(&self) -> Plan {
        Plan::new(0, &[2], 0, 1).unwrap()
    }

    /// Takes one chunk and does it, while it shares the lock with other workers. False if all are
    /// done.
    pub(super) fn do_one(&self, slot: u32) -> bool {
        let (me, plan, claims) = (owner(slot), self.plan(), self.claims());
        let mut waiter = Waiter::new(Timeout::Forever.into());
        loop {
            let seen = claims.events().count();
            let (inside, is_over) = (|| claims.holds_any(me), || claims.is_over(plan));
            let (lock, class) = (self.lock(), Class::Claimers);
            match lock.lock_shared(me, class, &self.system, Timeout::Forever, inside, is_over) {
                Ok(_) => {}
                Err(Stop::Needless) => return false,
                Err(stop) => panic!("{stop:?}"),
            }
            let found = claims.find(me, plan, &self.system).unwrap();
            if let Found::Chunk(claim) = found {
                self.data[claim.chunk as usize].write();
                claims.done(me, plan.round, claim, &self.system);
                claims.tell_if_over(plan, &lock, &self.system);
            }
            lock.unlock_shared(me, &self.system);
            match found {
                Found::Chunk(_) => return true,
                Found::Done => return false,
                Found::Held => {
                    claims.events().sleep(&self.system, &mut waiter, seen).unwrap();
                }
            }
        }
    }

    pub(super) fn write(&self, slot: u32) {
        let lock = self.lock();
        let granted = lock.lock_exclusive(owner(slot), &self.system, Timeout::Forever).unwrap();
        for data in &self.data {
            data.write();
        }
        lock.unlock(owner(slot), &self.system, granted);
    }

    fn end(&self) {
        self.join();
        while self.do_one(0) {}
        self.write(0);
        assert_eq!(Owner::in_word(self.area.lock.word.look()), None);
    }
}

#[test]
fn two_threads_of_a_worker_and_a_writer() {
    explore("round: 2 threads of one worker do a chunk each, beside a writer", Some(2), || {
        let model = Model::empty();
        model.spawn(|model| model.write(1));
        model.spawn(|model| assert!(model.do_one(0)));
        assert!(model.do_one(0));
        model.end();
    });
}

#[test]
fn a_worker_dies_beside_a_writer() {
    explore_deaths("round: a worker dies, another thread writes and works", Some(2), |victim| {
        let model = Model::empty();
        model.spawn_victim(victim, owner(1), |model| {
            model.do_one(1);
        });
        model.write(0);
        model.do_one(0);
        model.end();
    });
}

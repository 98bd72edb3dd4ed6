//! Claims: each chunk is had by one at a time until it is done, and none is lost.

use std::cell::Cell;
use std::rc::Rc;

use super::world::{Bytes, World, owner};
use crate::claims::{Claim, Claims, Found, Plan};
use crate::explore::{explore, explore_deaths};
use crate::wait::Timeout;
use crate::waiter::Waiter;

/// What has become of a chunk in a round.
#[derive(Default)]
struct Chunk {
    /// Somebody has begun to work on it.
    touched: Cell<bool>,
    /// How often somebody has begun to say that it is done, and has said it.
    finished: Cell<u32>,
    done: Cell<u32>,
}

struct Data {
    data: Vec<Bytes>,
    /// Of one round after the other.
    chunks: Vec<Chunk>,
    shape: [usize; 1],
    /// How many may die.
    deaths: u32,
}

type Model = World<Data>;

impl Model {
    fn empty(lines: usize, chunks: usize, rounds: usize, deaths: u32) -> Rc<Self> {
        let shape = [chunks];
        let data = (0..chunks).map(|_| Bytes::default()).collect();
        let chunks = (0..chunks * rounds).map(|_| Chunk::default()).collect();
        Self::new(lines, Data { data, chunks, shape, deaths })
    }

    fn claims(&self) -> Claims<'_> {
        Claims { words: &self.area.claims, lines: &self.lines, shape: &self.data.shape }
    }

    fn plan(&self, round: u32) -> Plan {
        Plan::new(round, &self.data.shape, 0, 1).unwrap()
    }

    fn chunk(&self, round: u32, claim: Claim) -> &Chunk {
        &self.data.chunks[round as usize * self.data.data.len() + claim.chunk as usize]
    }

    /// The next chunk, as a round hands it out.
    fn claim(&self, slot: u32, round: u32) -> Option<Claim> {
        let claims = self.claims();
        let mut waiter = Waiter::new(Timeout::Forever.into());
        loop {
            let seen = claims.events().count();
            match claims.find(owner(slot), self.plan(round), &self.system).unwrap() {
                Found::Chunk(claim) => {
                    let chunk = self.chunk(round, claim);
                    assert_eq!(chunk.done.get(), 0, "a chunk that is done is handed out");
                    // One that died may not have touched it yet.
                    assert!(
                        claim.is_retry == chunk.touched.get()
                            || claim.is_retry && self.data.deaths > 0
                    );
                    return Some(claim);
                }
                Found::Done => return None,
                Found::Held => {}
            }
            claims.events().sleep(&self.system, &mut waiter, seen).unwrap();
        }
    }

    /// Writes to a chunk.
    fn work_on(&self, round: u32, claim: Claim) -> &Chunk {
        let chunk = self.chunk(round, claim);
        chunk.touched.set(true);
        self.data.data[claim.chunk as usize].write();
        chunk
    }

    fn finish(&self, slot: u32, round: u32, claim: Claim) {
        let chunk = self.work_on(round, claim);
        chunk.finished.set(chunk.finished.get() + 1);
        self.claims().done(owner(slot), self.plan(round).round, claim, &self.system);
        chunk.done.set(chunk.done.get() + 1);
    }

    /// Works until all chunks of a round are done, by this worker or others.
    fn work(&self, slot: u32, round: u32) {
        while let Some(claim) = self.claim(slot, round) {
            self.finish(slot, round, claim);
        }
    }

    /// That, and sees what all have done.
    fn work_and_look(&self, slot: u32, round: u32) {
        self.work(slot, round);
        for data in &self.data.data {
            data.read();
        }
    }

    /// Takes a chunk, and gives it back.
    fn give_back(&self, slot: u32, round: u32) {
        if let Some(claim) = self.claim(slot, round) {
            self.work_on(round, claim);
            let plan = self.plan(round);
            self.claims().give_back(owner(slot), plan.round, claim, &self.system);
        }
    }

    fn begin(&self, round: u32) {
        assert!(self.claims().begin(self.plan(round)).unwrap());
    }

    /// In the end every chunk is done, and once, unless its worker died while it said so.
    fn end(&self) {
        self.join();
        let counts = self.claims().count().unwrap();
        assert_eq!((counts.held, counts.done), (0, counts.chunks));
        let mut twice = 0;
        for chunk in &self.data.chunks {
            assert!(chunk.finished.get() >= 1 && chunk.done.get() <= 1);
            twice += chunk.finished.get() - 1;
        }
        assert!(twice <= self.data.deaths, "done {twice} times too often");
    }
}

#[test]
fn two_workers() {
    explore("claims: 2 workers, 2 chunks", Some(3), || {
        let model = Model::empty(2, 2, 1, 0);
        model.spawn(|model| {
            model.begin(0);
            model.work(1, 0);
        });
        model.begin(0);
        model.work_and_look(0, 0);
        model.end();
    });
}

#[test]
fn three_workers() {
    explore("claims: 3 workers, 3 chunks", Some(2), || {
        let model = Model::empty(3, 3, 1, 0);
        model.begin(0);
        model.spawn(|model| model.work(1, 0));
        model.spawn(|model| model.work(2, 0));
        model.work_and_look(0, 0);
        model.end();
    });
}

/// Two threads have one owner, and one line: one of them takes the other line.
#[test]
fn two_threads_of_one_worker() {
    explore("claims: 2 threads of one worker, 2 lines, 2 chunks", Some(3), || {
        let model = Model::empty(2, 2, 1, 0);
        model.begin(0);
        model.spawn(|model| model.work(0, 0));
        model.work_and_look(0, 0);
        model.end();
    });
}

#[test]
fn fewer_entries_than_workers() {
    explore("claims: 2 threads of one worker, 1 line, 2 chunks", Some(3), || {
        let model = Model::empty(1, 2, 1, 0);
        model.begin(0);
        model.spawn(|model| model.work(0, 0));
        model.work_and_look(0, 0);
        model.end();
    });
}

#[test]
fn a_chunk_is_given_back() {
    explore("claims: 2 workers, 2 chunks, 1 gives back and goes", Some(3), || {
        let model = Model::empty(2, 2, 1, 0);
        model.begin(0);
        model.spawn(|model| model.give_back(1, 0));
        model.work_and_look(0, 0);
        model.end();
    });
}

/// A worker of the round before comes late, and finds nothing to do.
#[test]
fn the_next_round_begins_beside_a_late_worker() {
    explore("claims: 2 rounds of 1 chunk, 1 worker of both, 1 late of the first", Some(3), || {
        let model = Model::empty(2, 1, 2, 0);
        model.begin(0);
        model.spawn(|model| model.work(1, 0));
        model.work(0, 0);
        model.begin(1);
        model.work_and_look(0, 1);
        model.end();
    });
}

#[test]
fn a_worker_dies() {
    explore_deaths("claims: 2 workers, 2 chunks, 1 dies", Some(2), |victim| {
        let model = Model::empty(2, 2, 1, 1);
        model.spawn_victim(victim, owner(1), |model| {
            model.begin(0);
            model.work(1, 0);
        });
        model.begin(0);
        model.work_and_look(0, 0);
        model.end();
    });
}

#[test]
fn a_worker_dies_and_two_find_it() {
    explore_deaths("claims: 3 workers, 2 chunks, 1 dies", Some(2), |victim| {
        let model = Model::empty(3, 2, 1, 1);
        model.begin(0);
        model.spawn(|model| model.work(2, 0));
        model.spawn(|model| model.work_and_look(0, 0));
        model.run_victim(victim, owner(1), |model| model.work(1, 0));
        model.end();
    });
}

#[test]
fn a_worker_dies_that_gives_back() {
    explore_deaths("claims: 2 workers, 2 chunks, 1 gives back and dies", Some(2), |victim| {
        let model = Model::empty(2, 2, 1, 1);
        model.begin(0);
        model.spawn_victim(victim, owner(1), |model| {
            model.give_back(1, 0);
            model.work(1, 0);
        });
        model.work_and_look(0, 0);
        model.end();
    });
}

/// One thread of a worker has the worker's own entry, so the other takes that of the dead.
#[test]
fn the_entry_of_a_dead_worker_is_used_again() {
    let name = "claims: 2 threads of one worker, 3 chunks, another worker dies";
    explore_deaths(name, Some(2), |victim| {
        let model = Model::empty(2, 3, 1, 1);
        model.begin(0);
        let claim = model.claim(0, 0).unwrap();
        model.spawn(|model| model.work(0, 0));
        model.run_victim(victim, owner(1), |model| {
            let found = model.claims().find(owner(1), model.plan(0), &model.system).unwrap();
            if let Found::Chunk(claim) = found {
                model.finish(1, 0, claim);
            }
        });
        model.finish(0, 0, claim);
        model.end();
    });
}

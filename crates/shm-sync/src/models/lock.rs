//! The lock: who is alone is alone, and a death is found out and told.

use std::cell::Cell;
use std::rc::Rc;

use super::world::{Bytes, World, owner};
use crate::atomic::step;
use crate::explore::{explore, explore_deaths};
use crate::liveness::Liveness;
use crate::lock::word::Granted;
use crate::lock::{Class, Lock};
use crate::wait::Timeout;
use crate::words::low_half;

/// What the lock guards: in two halves, one for each claimer.
#[derive(Default)]
struct Data {
    halves: [Bytes; 2],
    /// Somebody has begun to write, and has not finished.
    half_written: Cell<bool>,
    /// Who has asked to be alone, and has not left.
    asked: [Cell<bool>; 3],
    /// A claimer of owner 0 holds a chunk.
    inside: Cell<bool>,
}

type Model = World<Data>;

impl Model {
    fn empty(lines: usize) -> Rc<Self> {
        Self::new(lines, Data::default())
    }

    fn lock(&self) -> Lock<'_> {
        Lock { words: &self.area.lock, lines: &self.lines }
    }

    fn alone(&self, slot: u32) -> Granted {
        self.lock().lock_exclusive(owner(slot), &self.system, Timeout::Forever).unwrap()
    }

    fn shared(&self, slot: u32, class: Class) -> Granted {
        self.lock()
            .lock_shared(owner(slot), class, &self.system, Timeout::Forever, || false, || Ok(false))
            .unwrap()
    }

    fn unshare(&self, slot: u32) {
        self.lock().unlock_shared(owner(slot), &self.system);
    }

    /// Writes everything, and mends what is poisoned.
    fn write(&self, slot: u32) {
        self.data.asked[slot as usize].set(true);
        let mut granted = self.alone(slot);
        self.check_poisoned(granted.is_poisoned());
        granted.set_poisoned(false);
        self.data.half_written.set(true);
        self.data.halves[0].write();
        step();
        self.data.halves[1].write();
        self.data.half_written.set(false);
        self.lock().unlock(owner(slot), &self.system, granted);
        self.data.asked[slot as usize].set(false);
    }

    /// Poisoned is said if somebody died while it wrote, and only if one is dead who had asked to.
    fn check_poisoned(&self, poisoned: bool) {
        if !poisoned {
            assert!(!self.data.half_written.get(), "poisoned data are not told");
            return;
        }
        let dead = |slot| !self.system.is_alive(owner(slot)).unwrap();
        let asked = (0..).zip(&self.data.asked);
        assert!(asked.into_iter().any(|(slot, asked)| asked.get() && dead(slot)));
    }

    fn read(&self, slot: u32) {
        let granted = self.shared(slot, Class::Readers);
        self.check_poisoned(granted.is_poisoned());
        for half in &self.data.halves {
            half.read();
        }
        self.unshare(slot);
    }

    /// Writes one half, as others may write the other.
    fn claim(&self, slot: u32) {
        self.shared(slot, Class::Claimers);
        self.data.halves[slot as usize % 2].write();
        self.unshare(slot);
    }

    /// Becomes the only one, if that can be had at once, and mends nothing.
    fn try_write(&self, slot: u32) {
        self.data.asked[slot as usize].set(true);
        let tried = self.lock().lock_exclusive(owner(slot), &self.system, Timeout::NoWait);
        if let Ok(granted) = tried {
            self.data.halves.iter().for_each(Bytes::write);
            self.lock().unlock(owner(slot), &self.system, granted);
        }
        self.data.asked[slot as usize].set(false);
    }

    /// Claims, if that can be had at once.
    fn try_claim(&self, slot: u32) {
        let (me, class) = (owner(slot), Class::Claimers);
        if self
            .lock()
            .lock_shared(me, class, &self.system, Timeout::NoWait, || false, || Ok(false))
            .is_ok()
        {
            self.data.halves[slot as usize % 2].write();
            self.unshare(slot);
        }
    }

    /// In the end no thread has left anything behind: the next writer acquires the lock, and mends.
    fn end(&self, slot: u32) {
        self.join();
        self.write(slot);
        assert!(!self.lock().is_poisoned());
        for (slot, line) in (0..).zip(&self.lines) {
            let marks = low_half(line.marks.look());
            assert!(marks == 0 || !self.system.is_alive(owner(slot)).unwrap(), "marks are left");
        }
        assert_eq!(self.lock().holder(), None);
    }
}

#[test]
fn writers() {
    explore("lock: 2 writers, twice each", Some(5), || {
        let model = Model::empty(2);
        model.spawn(|model| (0..2).for_each(|_| model.write(1)));
        (0..2).for_each(|_| model.write(0));
        model.end(0);
    });
}

#[test]
fn three_writers() {
    explore("lock: 3 writers", Some(3), || {
        let model = Model::empty(3);
        model.spawn(|model| model.write(1));
        model.spawn(|model| model.write(2));
        model.write(0);
        model.end(0);
    });
}

#[test]
fn reader_and_writer() {
    explore("lock: a reader and a writer, twice each", Some(5), || {
        let model = Model::empty(2);
        model.spawn(|model| (0..2).for_each(|_| model.write(1)));
        (0..2).for_each(|_| model.read(0));
        model.end(0);
    });
}

/// A writer that does not wait for a reader leaves the word saying that lines may be marked.
#[test]
fn a_writer_gives_up() {
    explore("lock: a reader, and a writer that gives up and comes again", Some(5), || {
        let model = Model::empty(2);
        model.spawn(|model| model.read(0));
        model.try_write(1);
        model.write(1);
        model.end(0);
    });
}

/// One who does not wait takes the mark of the word away for a moment, and puts it back.
#[test]
fn a_writer_gives_up_among_a_reader_and_a_writer() {
    explore("lock: a reader, a writer, and one that gives up", Some(3), || {
        let model = Model::empty(3);
        model.spawn(|model| model.read(0));
        model.spawn(|model| model.write(2));
        model.try_write(1);
        model.end(0);
    });
}

/// The same of one who wants to change the turn.
#[test]
fn a_claimer_gives_up_among_a_reader_and_a_writer() {
    explore("lock: a reader, a writer, and a claimer that gives up", Some(3), || {
        let model = Model::empty(3);
        model.spawn(|model| model.read(0));
        model.spawn(|model| model.write(2));
        model.try_claim(1);
        model.end(0);
    });
}

/// A writer that does not wait dies in the middle of its look, and the reader is not forgotten all the
/// same.
#[test]
fn one_dies_as_it_tries() {
    explore_deaths("lock: a reader and 2 writers, 1 that only tries dies", Some(2), |victim| {
        let model = Model::empty(3);
        model.spawn(|model| model.read(0));
        model.spawn(|model| model.write(2));
        model.run_victim(victim, owner(1), |model| model.try_write(1));
        model.end(0);
    });
}

#[test]
fn two_readers_and_a_writer() {
    explore("lock: 2 readers and a writer", Some(4), || {
        let model = Model::empty(3);
        model.spawn(|model| model.write(1));
        model.spawn(|model| model.read(2));
        model.read(0);
        model.end(0);
    });
}

/// There may be marks when the first of them comes.
#[test]
fn a_reader_between_two_writers() {
    explore("lock: a reader and 2 writers, after a reader", Some(3), || {
        let model = Model::empty(3);
        model.read(0);
        model.spawn(|model| model.read(1));
        model.spawn(|model| model.write(2));
        model.write(0);
        model.end(0);
    });
}

#[test]
fn readers_and_claimers() {
    explore("lock: a reader and 2 claimers", Some(3), || {
        let model = Model::empty(3);
        model.spawn(|model| model.claim(1));
        model.spawn(|model| model.claim(2));
        model.read(0);
        model.end(0);
    });
}

#[test]
fn a_writer_dies() {
    explore_deaths("lock: 2 writers, 1 dies", None, |victim| {
        let model = Model::empty(2);
        model.spawn_victim(victim, owner(1), |model| model.write(1));
        model.write(0);
        model.end(0);
    });
}

/// A writer that does not wait asks, too.
#[test]
fn a_writer_dies_and_a_try_finds_it() {
    explore_deaths("lock: a writer dies, another only tries", None, |victim| {
        let model = Model::empty(2);
        model.spawn_victim(victim, owner(1), |model| model.write(1));
        model.join();
        let granted =
            model.lock().lock_exclusive(owner(0), &model.system, Timeout::NoWait).unwrap();
        model.check_poisoned(granted.is_poisoned());
    });
}

#[test]
fn a_writer_dies_and_two_find_it() {
    explore_deaths("lock: 3 writers, 1 dies", Some(2), |victim| {
        let model = Model::empty(3);
        model.spawn(|model| model.write(2));
        model.spawn(|model| model.write(0));
        model.run_victim(victim, owner(1), |model| model.write(1));
        model.end(0);
    });
}

#[test]
fn a_writer_dies_among_a_reader_and_a_writer() {
    explore_deaths("lock: a reader and 2 writers, 1 writer dies", Some(2), |victim| {
        let model = Model::empty(3);
        model.spawn(|model| model.write(2));
        model.spawn(|model| model.read(0));
        model.run_victim(victim, owner(1), |model| model.write(1));
        model.end(0);
    });
}

#[test]
fn a_reader_dies() {
    explore_deaths("lock: a reader and a writer, the reader dies", Some(5), |victim| {
        let model = Model::empty(2);
        model.spawn_victim(victim, owner(1), |model| model.read(1));
        model.write(0);
        model.end(0);
    });
}

#[test]
fn a_claimer_dies() {
    explore_deaths("lock: a reader and a claimer, the claimer dies", Some(4), |victim| {
        let model = Model::empty(2);
        model.spawn_victim(victim, owner(1), |model| model.claim(1));
        model.read(0);
        assert!(!model.lock().is_poisoned());
        model.end(0);
    });
}

#[test]
fn a_reader_dies_among_a_reader_and_a_writer() {
    explore_deaths("lock: 2 readers and a writer, 1 reader dies", Some(2), |victim| {
        let model = Model::empty(3);
        model.spawn(|model| model.read(2));
        model.spawn(|model| model.write(0));
        model.run_victim(victim, owner(1), |model| model.read(1));
        model.end(0);
    });
}

/// A sharer that changes the turn holds the lock exclusively for a moment, and writes nothing.
#[test]
fn one_dies_as_it_changes_the_turn() {
    explore_deaths("lock: a reader, a claimer and a writer, the claimer dies", Some(2), |victim| {
        let model = Model::empty(3);
        model.spawn(|model| model.read(2));
        model.spawn(|model| model.write(0));
        model.run_victim(victim, owner(1), |model| model.claim(1));
        model.end(0);
    });
}

/// Two claimers of one process, of which the second need not wait for who waits for the first.
#[test]
fn a_claimer_lets_another_of_its_process_in() {
    explore("lock: 2 claimers of one process and a writer", Some(3), || {
        let model = Model::empty(2);
        let hold = |model: &Model, half: usize| {
            let inside = || model.data.inside.get();
            let granted = model.lock().lock_shared(
                owner(0),
                Class::Claimers,
                &model.system,
                Timeout::Forever,
                inside,
                || Ok(false),
            );
            granted.unwrap();
            model.data.halves[half].write();
        };
        model.spawn(|model| model.write(1));
        model.spawn(move |model| {
            hold(model, 1);
            model.unshare(0);
        });
        hold(&model, 0);
        model.data.inside.set(true);
        step();
        model.data.inside.set(false);
        model.unshare(0);
        model.end(0);
    });
}

//! The system that models run on: who sleeps on which word, and who is dead.
//!
//! All threads of a model take turns on one real thread. So what is in `Cell`s changes in no time;
//! what has an order to be explored goes through the checker's own atomics.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64 as Unstepped;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread::{self, Thread};
use shm_core::Result;
use shm_presence::Owner;

use crate::atomic::{AtomicU64, step};
use crate::explore::Victim;
use crate::liveness::Liveness;
use crate::sleep::{Sleep, Whom};
use crate::words::{
    BarrierWords, ClaimWords, Entry, Line, LockWords, ProgressWords, RingWords, SyncArea, low_half,
};

/// A segment's words as they are at first, the system, and what a model guards with them.
pub(super) struct World<D> {
    pub(super) area: SyncArea,
    pub(super) lines: Vec<Line>,
    pub(super) system: System,
    pub(super) data: D,
    threads: Cell<u64>,
    ended: Unstepped,
    joiner: RefCell<Option<Thread>>,
}

impl<D: 'static> World<D> {
    pub(super) fn new(lines: usize, data: D) -> Rc<Self> {
        let word = || AtomicU64::new(0);
        let area = SyncArea {
            lock: LockWords { word: word(), departures: word() },
            barrier: BarrierWords { state: word() },
            claims: ClaimWords { plan: word(), cursor: word(), events: word() },
            progress: ProgressWords { count: word() },
            ring: RingWords {
                plan: word(),
                next: word(),
                collected: word(),
                came: word(),
                unused: [0; 4],
                events: std::array::from_fn(|_| word()),
                frames: std::array::from_fn(|_| word()),
            },
        };
        let line = |slot| Line {
            holder: word(),
            since: word(),
            marks: AtomicU64::new(u64::from(owner(slot).generation()) << 32),
            entry: Entry { owner: word(), task: word() },
            seat: word(),
            waits_for: Default::default(),
            ring: word(),
        };
        Rc::new(Self {
            area,
            lines: (0..).take(lines).map(line).collect(),
            system: System::default(),
            data,
            threads: Cell::default(),
            ended: Unstepped::new(0),
            joiner: RefCell::default(),
        })
    }

    /// A thread of the model.
    pub(super) fn spawn(self: &Rc<Self>, run: impl FnOnce(&Self) + 'static) {
        let world = self.clone();
        self.threads.set(self.threads.get() + 1);
        thread::spawn(move || {
            run(&world);
            world.ended.fetch_add(1, AcqRel);
            if let Some(joiner) = world.joiner.borrow().as_ref() {
                joiner.unpark();
            }
        });
    }

    /// The thread that may die, which is that owner.
    pub(super) fn spawn_victim(
        self: &Rc<Self>,
        victim: &Victim,
        me: Owner,
        run: impl FnOnce(&Self) + 'static,
    ) {
        let victim = victim.clone();
        self.spawn(move |world| world.run_victim(&victim, me, run));
    }

    /// The same on this thread, which goes on as another. It begins before those it has spawned,
    /// and that is no preemption.
    pub(super) fn run_victim(&self, victim: &Victim, me: Owner, run: impl FnOnce(&Self)) {
        if victim.dies_in(|| run(self)) {
            self.system.bury(me);
        }
    }

    /// Waits for all the model's threads to end.
    pub(super) fn join(&self) {
        self.joiner.replace(Some(thread::current()));
        while self.ended.fetch_add(0, AcqRel) < self.threads.get() {
            thread::park();
        }
    }
}

/// Bytes that are read by many at a time or written by one. The checker tells of an access that is
/// not ordered after another; these tell also of one that comes in the middle of another.
#[derive(Default)]
pub(super) struct Bytes {
    order: UnsafeCell<()>,
    access: Unstepped,
    readers: Cell<u32>,
    is_written: Cell<bool>,
}

impl Bytes {
    pub(super) fn read(&self) {
        self.order.with(|_| ());
        self.readers.set(self.readers.get() + 1);
        self.access.load(Relaxed);
        assert!(!self.is_written.get(), "written while it is read");
        self.readers.set(self.readers.get() - 1);
    }

    pub(super) fn write(&self) {
        self.order.with_mut(|_| ());
        let before = self.is_written.replace(true);
        self.access.store(0, Relaxed);
        assert!(!before && self.readers.get() == 0, "accessed while it is written");
        self.is_written.set(false);
    }
}

/// Who holds that slot.
pub(super) fn owner(slot: u32) -> Owner {
    Owner::new(slot, 1)
}

/// The kernel.
#[derive(Default)]
pub(super) struct System {
    sleepers: RefCell<Vec<Sleeper>>,
    /// A bit for each slot whose holder is dead.
    dead: Unstepped,
    /// The waits that ran out since the last death, by thread, word and value.
    ran_out: RefCell<Vec<Key>>,
}

type Key = (thread::ThreadId, usize, u32);

struct Sleeper {
    thread: Thread,
    word: usize,
    seen: u32,
    whom: Whom,
    ran_out: Rc<Cell<bool>>,
}

impl System {
    /// That owner is dead from now on; it takes no step any more. The waits of all run out.
    fn bury(&self, owner: Owner) {
        self.dead.fetch_or(1 << owner.slot(), AcqRel);
        self.ran_out.borrow_mut().clear();
        for sleeper in self.sleepers.take() {
            sleeper.ran_out.set(true);
            self.ran_out.borrow_mut().push(sleeper.key());
            sleeper.thread.unpark();
        }
    }

    /// Whether a wait runs out at once: it does once for each value of a word after a death.
    fn runs_out(&self, key: Key) -> bool {
        let dead = self.dead.fetch_or(0, AcqRel) != 0;
        let runs_out = dead && !self.ran_out.borrow().contains(&key);
        if runs_out {
            self.ran_out.borrow_mut().push(key);
        }
        runs_out
    }

    fn is_asleep(&self, thread: &Thread) -> bool {
        self.sleepers.borrow().iter().any(|sleeper| sleeper.thread.id() == thread.id())
    }

    fn take_out(&self, which: impl Fn(&Sleeper) -> bool, count: u32) -> Vec<Sleeper> {
        let mut sleepers = self.sleepers.borrow_mut();
        sleepers.extract_if(.., |sleeper| which(sleeper)).take(count as usize).collect()
    }
}

impl Sleeper {
    fn key(&self) -> Key {
        (self.thread.id(), self.word, self.seen)
    }
}

impl Sleep for System {
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, _: Duration) -> Result<bool> {
        step();
        // In the queue before it looks: a wake-up falls before the look, or finds it there.
        word.queue().fetch_add(1, AcqRel);
        let (thread, ran_out) = (thread::current(), Rc::new(Cell::new(false)));
        let at = std::ptr::from_ref(word).addr();
        let sleeper = Sleeper {
            thread: thread.clone(),
            word: at,
            seen: low_half(seen),
            whom,
            ran_out: ran_out.clone(),
        };
        let key = sleeper.key();
        self.sleepers.borrow_mut().push(sleeper);
        let differs = low_half(word.look()) != low_half(seen);
        if differs || self.runs_out(key) {
            self.take_out(|sleeper| sleeper.thread.id() == thread.id(), 1);
            return Ok(!differs);
        }
        while self.is_asleep(&thread) {
            thread::park();
        }
        Ok(ran_out.get())
    }

    fn now(&self) -> Duration {
        Duration::ZERO // it stands still: see `runs_out`
    }

    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32) {
        step();
        word.queue().fetch_add(1, AcqRel);
        let at = std::ptr::from_ref(word).addr();
        for sleeper in self.take_out(|sleeper| (sleeper.word, sleeper.whom) == (at, whom), count) {
            sleeper.thread.unpark();
        }
    }
}

impl Liveness for System {
    fn is_alive(&self, owner: Owner) -> Result<bool> {
        step();
        Ok(self.dead.load(Acquire) & 1 << owner.slot() == 0)
    }
}

//! The words of a small arena, its memory, and its threads.

use std::cell::Cell;
use std::rc::Rc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64 as Unstepped;
use loom::sync::atomic::Ordering::{AcqRel, SeqCst};
use loom::thread;
use shm_sync::atomic::{AtomicU64, step, stops_after};
use shm_sync::explore::Victim;

use crate::table::{Memory, Table};
use crate::words::{Present, Record, SLOTS, Slab, State};

/// Slots that models use. The tables have rows for no more: no present bit names another.
pub(super) const A: usize = 0;
pub(super) const B: usize = 1;
pub(super) const C: usize = 2;
const ROWS: usize = 3;

/// One block, which is all that most models need, or two slabs.
pub(super) struct World {
    records: Vec<Record>,
    rows: Vec<AtomicU64>,
    present: Vec<Present>,
    slabs: Vec<Slab>,
    memory: Bytes,
    /// A bit for each slot whose holder is dead. The kernel's word, so it is no step to look.
    dead: Unstepped,
    threads: Cell<u64>,
    ended: Unstepped,
    joiner: std::cell::RefCell<Option<thread::Thread>>,
}

/// The bytes of the block.
#[derive(Default)]
pub(super) struct Bytes {
    order: UnsafeCell<()>,
    value: Cell<u64>,
}

impl Bytes {
    fn write(&self, value: u64) {
        self.order.with_mut(|_| ());
        self.value.set(value);
    }

    fn read(&self) -> u64 {
        self.order.with(|_| ());
        self.value.get()
    }
}

impl Memory for World {
    fn discard(&self, _: usize) {
        step();
        self.memory.write(0);
    }
}

impl World {
    pub(super) fn new(records: usize, slabs: usize) -> Rc<Self> {
        let word = || AtomicU64::new(0);
        let record = |_| Record {
            state: word(),
            lock: [word(), word()],
            generation: word(),
            len: word(),
            meta: std::array::from_fn(|_| word()),
        };
        let slab = |_| Slab { line: word(), taken: word(), owner: word() };
        Rc::new(Self {
            records: (0..records).map(record).collect(),
            rows: (0..ROWS * records).map(|_| word()).collect(),
            present: vec![Present([word(), word()])],
            slabs: (0..slabs).map(slab).collect(),
            memory: Bytes::default(),
            dead: Unstepped::new(0),
            threads: Cell::new(0),
            ended: Unstepped::new(0),
            joiner: std::cell::RefCell::default(),
        })
    }

    pub(super) fn table(&self) -> Table<'_> {
        const { assert!(ROWS <= SLOTS) };
        let Self { records, rows, present, slabs, .. } = self;
        Table { records, rows, present, slabs }
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

    /// A thread that may die, which is in that slot.
    pub(super) fn spawn_victim(
        self: &Rc<Self>,
        victim: &Victim,
        slot: usize,
        run: impl FnOnce(&Self) + 'static,
    ) {
        let victim = victim.clone();
        self.spawn(move |world| world.run_victim(&victim, slot, run));
    }

    /// The same on this thread.
    pub(super) fn run_victim(&self, victim: &Victim, slot: usize, run: impl FnOnce(&Self)) {
        if victim.dies_in(|| run(self)) {
            self.dead.fetch_or(1 << slot, SeqCst);
        }
    }

    /// The process in that slot dies between two of its steps.
    pub(super) fn dies(&self, slot: usize) {
        self.dead.fetch_or(1 << slot, SeqCst);
    }

    /// The process in that slot dies after so many steps, or after all of them.
    pub(super) fn dies_after(&self, slot: usize, steps: u32, run: impl FnOnce(&Self)) {
        stops_after(steps, || run(self));
        self.dies(slot);
    }

    /// What is in the block.
    pub(super) fn read(&self) -> u64 {
        self.memory.read()
    }

    /// Whether the process in a slot is dead: its slot could be locked.
    pub(super) fn is_dead(&self, slot: usize) -> bool {
        self.dead.fetch_or(0, SeqCst) >> slot & 1 == 1
    }

    /// Waits for all the model's threads to end.
    pub(super) fn join(&self) {
        self.joiner.replace(Some(thread::current()));
        while self.ended.fetch_add(0, AcqRel) < self.threads.get() {
            thread::park();
        }
    }

    /// Makes block 0, which has been free before.
    pub(super) fn create(&self, me: usize) -> Option<u64> {
        let table = self.table();
        let generation = table.take(me, 0, self)?;
        self.memory.write(generation.into());
        table.records[0].generation.store(generation.into(), SeqCst);
        table.publish(0, generation);
        Some(generation.into())
    }

    /// Attaches block 0, and reads what its creator wrote.
    pub(super) fn attach(&self, me: usize, generation: u64) -> bool {
        let attached = self.table().attach(me, 0, generation, self).is_ok();
        if attached {
            assert_eq!(self.memory.read(), generation, "another array's bytes");
        }
        attached
    }

    /// Reads the block once more, and gives the handle back.
    pub(super) fn leave(&self, me: usize, generation: u64) {
        assert_eq!(self.memory.read(), generation, "freed while it is held");
        self.table().unmark(me, 0, self);
    }

    /// A rescue of a slot by another process, if its process is dead.
    pub(super) fn rescue(&self, me: usize, slot: usize) {
        if self.is_dead(slot) {
            self.table().rescue(me, slot, self);
        }
    }

    /// Nobody has a handle: all that is left is of slots that are dead, and a rescue of those frees it.
    pub(super) fn ends_free(&self, rescuer: usize) {
        self.join();
        for slot in (0..ROWS).filter(|slot| *slot != rescuer) {
            self.rescue(rescuer, slot);
        }
        let table = self.table();
        for index in 0..self.records.len() {
            let state = State::of(table.records[index].state.load(SeqCst));
            assert_eq!(state.kind, crate::words::Kind::Free, "block {index} is lost");
            for slot in 0..ROWS {
                assert_eq!(table.marks(slot, index).load(SeqCst), 0, "slot {slot} has marks");
            }
        }
        for slab in &self.slabs {
            assert_eq!(slab.taken.load(SeqCst), 0, "a free block that nobody finds");
        }
    }
}

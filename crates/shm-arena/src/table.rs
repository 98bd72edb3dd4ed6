//! Who holds what: the one place that decides when a block is free.
//!
//! A process *marks* an array in the row of its own slot before it does anything with it. So a dead
//! process's part in an array is what its row says, and [`rescue`](Table::rescue) undoes it. There is
//! no count that several processes share, no log, and no lock: each step is one atomic, and a process
//! that stops for good between two of them leaves words that `rescue` understands. docs/arena.md has
//! the table of all steps.

use shm_sync::atomic::Ordering::{Relaxed, SeqCst};
use shm_sync::atomic::{AtomicU64, store_before_load};

use crate::words::{
    BUSY, HANDLES, Kind, PAGE, Present, Record, SLAB, SLOTS, Slab, State, low_half,
};

/// The words of an arena.
///
/// Indices of arrays and slots that methods take are those of the tables: the caller has checked them.
pub(crate) struct Table<'a> {
    /// One for each array that there can be.
    pub(crate) records: &'a [Record],
    /// The rows of all slots, each with one word per record.
    pub(crate) rows: &'a [AtomicU64],
    /// One for each [`PAGE`] records.
    pub(crate) present: &'a [Present],
    /// One for each [`SLAB`] records.
    pub(crate) slabs: &'a [Slab],
}

/// The memory behind the blocks.
pub(crate) trait Memory {
    /// Gives the memory of a block back that nobody has. It may be called again after a death.
    fn discard(&self, index: usize);
}

/// Why an array cannot be attached: the state that it has instead.
pub(crate) type Absent = State;

impl Table<'_> {
    /// Takes a block if it is free, and gives its new generation. It is not visible to others until
    /// [`publish`](Self::publish).
    pub(crate) fn take(&self, me: usize, index: usize, memory: &impl Memory) -> Option<u32> {
        let state = &self.records[index].state;
        let before = state.load(SeqCst);
        let State { kind: Kind::Free, generation } = State::of(before) else { return None };
        let generation = generation.wrapping_add(1);
        self.mark(me, index);
        let filling = State::new(Kind::Filling, generation).bits();
        if state.compare_exchange(before, filling, SeqCst, SeqCst).is_err() {
            self.unmark(me, index, memory);
            return None;
        }
        let (slab, bit) = self.hint(index);
        slab.taken.fetch_or(bit, SeqCst);
        Some(generation)
    }

    /// Makes a block that this process took and filled visible to others.
    pub(crate) fn publish(&self, index: usize, generation: u32) {
        self.records[index].state.store(State::new(Kind::Live(0), generation).bits(), SeqCst);
    }

    /// Takes a handle of a live array of that generation.
    pub(crate) fn attach(
        &self,
        me: usize,
        index: usize,
        generation: u64,
        memory: &impl Memory,
    ) -> Result<(), Absent> {
        self.mark(me, index);
        let record = &self.records[index];
        let attached = self.count_attach(record, low_half(generation));
        // With the handle, the record stands still.
        let found = attached.and_then(|state| {
            if record.generation.load(SeqCst) == generation { Ok(()) } else { Err(state) }
        });
        if found.is_err() {
            self.unmark(me, index, memory);
        }
        found
    }

    /// Raises the number in a live state: a process that looked for marks before it fails to free.
    fn count_attach(&self, record: &Record, wanted: u32) -> Result<State, Absent> {
        let mut word = record.state.load(SeqCst);
        loop {
            let state = State::of(word);
            let Kind::Live(attached) = state.kind else { return Err(state) };
            if state.generation != wanted {
                return Err(state);
            }
            let next = State::new(Kind::Live(attached.wrapping_add(1)), wanted).bits();
            match record.state.compare_exchange(word, next, SeqCst, SeqCst) {
                Ok(_) => return Ok(state),
                Err(other) => word = other,
            }
        }
    }

    /// Gives one handle of an array back. The last one of all processes frees it.
    pub(crate) fn unmark(&self, me: usize, index: usize, memory: &impl Memory) {
        let marks = self.marks(me, index);
        match marks.load(SeqCst) & HANDLES {
            0 => {} // the word has been overwritten: nothing of this process is left
            1 => {
                marks.fetch_add(BUSY - 1, SeqCst);
                self.settle(me, index, memory);
                marks.fetch_sub(BUSY, SeqCst);
            }
            _ => _ = marks.fetch_sub(1, SeqCst),
        }
    }

    /// Undoes what a dead process's row says, and tells how many blocks that freed.
    ///
    /// The caller holds the lock of `victim`'s slot. `victim` is `me` in a process that has just taken
    /// the slot.
    pub(crate) fn rescue(&self, me: usize, victim: usize, memory: &impl Memory) -> usize {
        let mut freed = 0;
        for (page, present) in self.present.iter().enumerate() {
            let (word, bit) = present.of(victim);
            if word.load(SeqCst) & bit == 0 {
                continue;
            }
            let indices = page * PAGE..self.records.len().min((page + 1) * PAGE);
            freed += indices.filter(|index| self.rescue_one(me, victim, *index, memory)).count();
            word.fetch_and(!bit, SeqCst);
        }
        for slab in self.slabs {
            if slab.owner.load(Relaxed) == victim as u64 + 1 {
                slab.owner.store(0, Relaxed);
            }
        }
        freed
    }

    fn rescue_one(&self, me: usize, victim: usize, index: usize, memory: &impl Memory) -> bool {
        let of_victim = self.marks(victim, index);
        if of_victim.load(SeqCst) == 0 {
            return false;
        }
        let mine = self.marks(me, index);
        if me != victim {
            self.announce(me, index);
            mine.fetch_add(BUSY, SeqCst);
        }
        let state = State::of(self.records[index].state.load(SeqCst));
        let mut freed = false;
        match state.kind {
            Kind::Dying(slot) if slot as usize == victim => {
                self.finish(index, state.generation, memory);
                freed = true;
            }
            Kind::Free => self.hint_free(index),
            _ => {}
        }
        of_victim.store(if me == victim { BUSY } else { 0 }, SeqCst);
        freed |= self.settle(me, index, memory);
        mine.fetch_sub(BUSY, SeqCst);
        freed
    }

    /// Frees an array if nobody has it, and tells whether it did. The caller is [`BUSY`] with it: if it
    /// dies on the way, a rescuer does this again.
    fn settle(&self, me: usize, index: usize, memory: &impl Memory) -> bool {
        store_before_load(); // of two that settle at once, one sees that the other has no handle
        let state = &self.records[index].state;
        loop {
            let word = state.load(SeqCst);
            let State { kind: Kind::Filling | Kind::Live(_), generation } = State::of(word) else {
                return false;
            };
            if self.is_held(index) {
                return false;
            }
            #[allow(clippy::cast_possible_truncation)] // less than SLOTS
            let dying = State::new(Kind::Dying(me as u32), generation).bits();
            if state.compare_exchange(word, dying, SeqCst, SeqCst).is_ok() {
                self.finish(index, generation, memory);
                return true;
            }
        }
    }

    /// From dying to free.
    fn finish(&self, index: usize, generation: u32, memory: &impl Memory) {
        memory.discard(index);
        self.records[index].state.store(State::new(Kind::Free, generation).bits(), SeqCst);
        self.hint_free(index);
    }

    /// Whether any slot has a handle of that array.
    fn is_held(&self, index: usize) -> bool {
        let Present(words) = &self.present[index / PAGE];
        (0..).zip(words).any(|(half, word)| {
            bits(word.load(SeqCst))
                .any(|bit| self.marks(half * 64 + bit, index).load(SeqCst) & HANDLES != 0)
        })
    }

    /// Adds a handle to this process's marks.
    fn mark(&self, me: usize, index: usize) {
        self.announce(me, index);
        self.marks(me, index).fetch_add(1, SeqCst);
    }

    /// Says that there may be marks in this part of this process's row.
    fn announce(&self, me: usize, index: usize) {
        let (word, bit) = self.present[index / PAGE].of(me);
        if word.load(SeqCst) & bit == 0 {
            word.fetch_or(bit, SeqCst);
        }
    }

    /// What the process in a slot has of an array.
    pub(crate) fn marks(&self, slot: usize, index: usize) -> &AtomicU64 {
        &self.rows[slot * self.records.len() + index]
    }

    /// The slots that may have marks anywhere, as the bits of present sets.
    pub(crate) fn all_present(&self) -> impl Iterator<Item = usize> {
        let mut all = [0; 2];
        for Present(words) in self.present {
            for (all, word) in all.iter_mut().zip(words) {
                *all |= word.load(SeqCst);
            }
        }
        let [low, high] = all;
        bits(low).chain(bits(high).map(|bit| bit + 64))
    }

    fn hint(&self, index: usize) -> (&Slab, u64) {
        (&self.slabs[index / SLAB], 1 << (index % SLAB))
    }

    fn hint_free(&self, index: usize) {
        let (slab, bit) = self.hint(index);
        slab.taken.fetch_and(!bit, SeqCst);
    }
}

impl Present {
    /// The word and the bit of a slot.
    fn of(&self, slot: usize) -> (&AtomicU64, u64) {
        debug_assert!(slot < SLOTS);
        (&self.0[slot / 64 % 2], 1 << (slot % 64))
    }
}

/// The positions of the bits that are set.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        (bit < 64).then(|| {
            word &= word - 1;
            bit as usize
        })
    })
}

//! What the processes of a race tell each other: who removes what, and so who may have lost a name.
//!
//! A name may only be lost to somebody who says so *before* it acts. Whoever takes its own array's
//! name away gives the *file* away: a bit for each. Whoever deletes or replaces by name says which
//! *name* it is at, and counts. So whoever has lost a name knows whether it may have.
#![allow(unsafe_code)] // words in memory that all processes of a race share

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use shm_core::Region;
use shm_map::Mapping;

/// Names that are raced for.
pub(crate) const NAMES: usize = 3;
/// Processes that race at a time.
pub(crate) const WORKERS: usize = 4;
/// Words of bits, one for each file.
const FILE_WORDS: usize = 1 << 21;
/// Files of a `/dev/shm` are numbered one by one; so many are told apart.
const FILES: u64 = FILE_WORDS as u64 * 64;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Created,
    Attached,
    Forced,
    Deleted,
    Destroyed,
    Left,
    Collected,
    Forked,
    /// A name was looked at, and led to where it should.
    Kept,
    /// It did not, and somebody had said so.
    Lost,
    /// It did not, and nobody can tell whether it may have.
    Unclear,
}

impl Count {
    pub(crate) const ALL: [Self; 11] = [
        Self::Created,
        Self::Attached,
        Self::Forced,
        Self::Deleted,
        Self::Destroyed,
        Self::Left,
        Self::Collected,
        Self::Forked,
        Self::Kept,
        Self::Lost,
        Self::Unclear,
    ];
}

#[repr(C)]
struct Words {
    counts: [AtomicU64; Count::ALL.len()],
    /// How often somebody began to remove by that name.
    begun: [AtomicU64; NAMES],
    /// Which name each worker is removing by, plus one.
    removing: [AtomicU64; WORKERS],
    /// The file that is to persist under each name.
    persists: [AtomicU64; NAMES],
    given_away: [AtomicU64; FILE_WORDS],
}

/// The table that all processes of a race see.
pub(crate) struct Board(Mapping);

impl Board {
    pub(crate) fn new() -> Self {
        Self(Mapping::anonymous(size_of::<Words>()).unwrap())
    }

    fn words(&self) -> &Words {
        // SAFETY: the mapping is as long, aligned to a page, lives as long as self, and is used as
        // atomics only, which zeros are valid for.
        unsafe { self.0.start().cast().as_ref() }
    }

    pub(crate) fn count(&self, what: Count) {
        self.words().counts[what as usize].fetch_add(1, SeqCst);
    }

    pub(crate) fn counted(&self, what: Count) -> u64 {
        self.words().counts[what as usize].load(SeqCst)
    }

    /// Says that a file may lose its name from now on.
    pub(crate) fn give_away(&self, file: u64) {
        let file = file % FILES;
        self.words().given_away[Self::index(file / 64)].fetch_or(1 << (file % 64), SeqCst);
    }

    pub(crate) fn is_given_away(&self, file: u64) -> bool {
        let file = file % FILES;
        self.words().given_away[Self::index(file / 64)].load(SeqCst) >> (file % 64) & 1 == 1
    }

    fn index(at: u64) -> usize {
        usize::try_from(at).unwrap()
    }

    /// Says that a worker removes whatever bears that name, while it does.
    pub(crate) fn while_removing<T>(
        &self,
        worker: usize,
        name: usize,
        act: impl FnOnce() -> T,
    ) -> T {
        self.words().removing[worker].store(1 + name as u64, SeqCst);
        self.words().begun[name].fetch_add(1, SeqCst);
        let result = act();
        self.removes_no_more(worker);
        result
    }

    /// A worker is done with that, or dead.
    pub(crate) fn removes_no_more(&self, worker: usize) {
        self.words().removing[worker].store(0, SeqCst);
    }

    /// A moment at which nobody removed by that name; it lasts while [`is_now`](Self::is_now).
    pub(crate) fn quiet(&self, name: usize) -> Option<u64> {
        let begun = self.words().begun[name].load(SeqCst);
        let at_it = 1 + name as u64;
        let is_quiet = self.words().removing.iter().all(|worker| worker.load(SeqCst) != at_it);
        is_quiet.then_some(begun)
    }

    pub(crate) fn is_now(&self, name: usize, quiet: u64) -> bool {
        self.words().begun[name].load(SeqCst) == quiet
    }

    /// Says that a file is to stay under that name.
    pub(crate) fn persists(&self, name: usize, file: u64) {
        self.words().persists[name].store(file, SeqCst);
    }

    /// The file that is to be found under that name, unless it was given away.
    pub(crate) fn persistent(&self, name: usize) -> Option<u64> {
        let file = self.words().persists[name].load(SeqCst);
        (file != 0 && !self.is_given_away(file)).then_some(file)
    }
}

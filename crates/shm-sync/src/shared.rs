//! From a segment's bytes to its shared words: the one cast, and this process's slot in them.
#![allow(unsafe_code)] // makes references to the words of a mapped segment

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use shm_core::{ErrorKind, Header, Region, Result, SYNC_LEN, SlotLocks};
use shm_presence::{Identity, Owner};

use crate::atomic::Ordering::SeqCst;
use crate::waiter::Stop;
use crate::words::{Line, SyncArea, low_half};

/// An attachment to a segment, for the words that processes share in it.
///
/// References and [`Arc`]s of one are one too: with the first, guards and seats borrow the
/// attachment, with the second they own it.
pub trait SharedWords {
    /// The words of the segment.
    fn words(&self) -> &Words<'_>;

    /// Where to ask who holds a slot of the segment: [`Identified`](shm_core::Identified).
    ///
    /// # Errors
    /// Where the segment's backend has no locks here.
    fn slot_locks(&self) -> Result<SlotLocks<&File>>;

    /// Where to take a slot of the segment: [`Identified`](shm_core::Identified).
    ///
    /// # Errors
    /// Where the segment's backend has no locks here; where the file cannot be opened afresh.
    fn open_locks(&self) -> Result<SlotLocks>;

    /// The slot of this attachment, if it has one.
    fn identity(&self) -> &Identity;

    /// The segment's header.
    fn header(&self) -> &Header;
}

impl<A: SharedWords + ?Sized> SharedWords for &A {
    #[inline]
    fn words(&self) -> &Words<'_> {
        (**self).words()
    }

    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        (**self).slot_locks()
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        (**self).open_locks()
    }

    #[inline]
    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    fn header(&self) -> &Header {
        (**self).header()
    }
}

impl<A: SharedWords + ?Sized> SharedWords for Arc<A> {
    #[inline]
    fn words(&self) -> &Words<'_> {
        (**self).words()
    }

    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        (**self).slot_locks()
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        (**self).open_locks()
    }

    #[inline]
    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    fn header(&self) -> &Header {
        (**self).header()
    }
}

/// The words that a mapped segment has for what processes do together.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    area: &'a SyncArea,
    lines: &'a [Line],
}

impl<'a> Words<'a> {
    /// Finds the words in a mapped segment. Their use is sound and ends whatever they contain; at worst it
    /// is an error.
    ///
    /// # Safety
    /// `region` maps the segment whose header this is, from its first byte. No process uses the
    /// bytes of the sync area and the slot table but through this crate.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the region ends before the slot table does.
    #[inline]
    pub unsafe fn of(region: &'a dyn Region, header: &Header) -> Result<Self> {
        let count = header.slot_count() as usize;
        let sync = usize::try_from(header.sync_offset()).unwrap_or(usize::MAX);
        let slots = usize::try_from(header.slots_offset()).unwrap_or(usize::MAX);
        let needs = sync
            .saturating_add(SYNC_LEN as usize)
            .max(slots.saturating_add(count * size_of::<Line>()));
        let start = region.start().as_ptr();
        let aligned = [start.addr(), sync, slots].into_iter().all(|at| at.is_multiple_of(64));
        if needs > region.len() || !aligned {
            let (what, needs, has) = ("the mapped segment", needs as u64, region.len() as u64);
            return Err(ErrorKind::Truncated { what, needs, has }.into());
        }
        // SAFETY: sync <= needs <= the region's length.
        let area = unsafe { start.add(sync) }.cast::<SyncArea>();
        // SAFETY: slots <= needs <= the region's length.
        let lines = unsafe { start.add(slots) }.cast::<Line>();
        // SAFETY: aligned to 64 bytes, and within a mapping that lives for 'a; atomics may have
        // any bits and be written by others.
        let area = unsafe { &*area };
        // SAFETY: as above, for `count` lines.
        let lines = unsafe { std::slice::from_raw_parts(lines, count) };
        Ok(Self { area, lines })
    }

    #[inline]
    pub(crate) fn lines(&self) -> &'a [Line] {
        self.lines
    }
}

/// An attachment that may write its words: where everything else begins.
///
/// `A` is `&Attachment` to borrow the attachment, `Arc<Attachment>` to own it: so do all guards,
/// rounds, seats and counters that come from here.
#[derive(Clone, Copy)]
pub struct Shared<A>(A);

impl<A: SharedWords> Shared<A> {
    /// # Safety
    /// The attachment's words are mapped for writing.
    #[inline]
    pub unsafe fn new(attachment: A) -> Self {
        Self(attachment)
    }

    #[inline]
    pub(crate) fn identity(&self) -> &Identity {
        self.0.identity()
    }

    #[inline]
    pub(crate) fn area(&self) -> &SyncArea {
        self.0.words().area
    }

    #[inline]
    pub(crate) fn lines(&self) -> &[Line] {
        self.0.words().lines()
    }

    pub(crate) fn header(&self) -> &Header {
        self.0.header()
    }

    #[inline]
    pub(crate) fn kernel(&self) -> &A {
        &self.0
    }

    /// The owner that this process is in the segment. The first call takes a slot.
    #[inline]
    pub(crate) fn me(&self) -> Result<Owner> {
        self.me_prepared(|_| ())
    }

    /// The owner that this process is in the segment. If this call takes its slot, `prepare` runs
    /// with it first, while the slot is locked and nothing names the new owner. It may neither fork,
    /// nor create, attach or drop an array.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] if all slots are taken; those of
    /// [`open_locks`](SharedWords::open_locks).
    #[inline]
    pub fn me_prepared(&self, prepare: impl FnOnce(Owner)) -> Result<Owner> {
        match self.identity().owner() {
            Some(me) => Ok(me),
            None => self.take_slot_by(|| self.0.open_locks(), prepare),
        }
    }

    /// Takes a slot now, if this process has none yet, instead of at its first lock, claim or barrier.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] if all slots are taken; those of
    /// [`SharedWords::open_locks`]; [`ErrorKind::Os`].
    pub fn take_slot(&self) -> Result<()> {
        self.me().map(drop)
    }

    /// Takes a slot through a description that another process opened for this one, and that nobody else
    /// has: this process has not forked since it came.
    ///
    /// # Errors
    /// [`ErrorKind::SegmentMismatch`] if it is not of the file of the segment's locks;
    /// [`ErrorKind::LimitReached`] if all slots are taken; [`ErrorKind::Os`].
    pub fn take_slot_through(&self, file: File) -> Result<()> {
        let SlotLocks { file: known, first } = self.0.slot_locks()?;
        if !shm_presence::os::is_same_file(known, &file)? {
            let (what, expected) = ("file for locks", "that of the segment".into());
            let found = "another one".into();
            return Err(ErrorKind::SegmentMismatch { what, expected, found }.into());
        }
        self.take_slot_by(|| Ok(SlotLocks { file, first }), |_| ()).map(drop)
    }

    #[cold]
    fn take_slot_by(
        &self,
        open: impl FnOnce() -> Result<SlotLocks>,
        prepare: impl FnOnce(Owner),
    ) -> Result<Owner> {
        let count = u32::try_from(self.lines().len()).unwrap_or(u32::MAX);
        let mut disowned = 0;
        let me = self.identity().take(open, count, |slot| {
            let generation = self.begin(slot);
            let me = Owner::new(slot, generation);
            disowned = self.disown(me);
            prepare(me);
            generation
        })?;
        // Not under the lock that forks take: a subscriber may do anything.
        let (slot, generation) = (me.slot(), me.generation());
        tracing::debug!(slot, generation, disowned, "took a slot");
        Ok(me)
    }

    /// Whether this process is the one that took that slot, and not a forked child of it.
    #[inline]
    pub(crate) fn is_mine(&self, me: Owner) -> bool {
        self.identity().is(me)
    }

    /// Raises the generation of a slot that was just taken.
    fn begin(&self, slot: u32) -> u32 {
        let Some(line) = self.lines().get(slot as usize) else { return 1 };
        let last = low_half(line.holder.load(SeqCst));
        let generation = last.wrapping_add(1).max(1);
        line.marks.store(u64::from(generation) << 32, SeqCst);
        line.waits_for.store(0, SeqCst);
        line.since.store(shm_presence::stamp().created, SeqCst);
        line.holder.store(u64::from(std::process::id()) << 32 | u64::from(generation), SeqCst);
        generation
    }

    /// Clears words that name a new owner, and tells how many there were. No process can have been this
    /// owner before, so these words are garbage; others would wait for it as long as it lives.
    fn disown(&self, new: Owner) -> usize {
        let of_lines = self.lines().iter().flat_map(|line| [&line.entry.owner, &line.seat]);
        let words = of_lines.chain([&self.area().lock.word]).chain(&self.area().ring.frames);
        let of_new = words.filter(|word| {
            let bits = word.load(SeqCst);
            bits & Owner::BITS == new.bits()
                && word.compare_exchange(bits, bits & !Owner::BITS, SeqCst, SeqCst).is_ok()
        });
        of_new.count()
    }

    /// The error of a wait that stopped early; `reason` says what it waited for.
    #[cold]
    pub(crate) fn stopped(&self, stop: Stop, reason: impl FnOnce() -> String) -> shm_core::Error {
        let name = || self.header().name().to_string();
        let ms = |waited: Duration| u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        match stop {
            Stop::Failed(error) => error,
            Stop::TimedOut { waited } => {
                let (name, reason, waited_ms) = (name(), reason(), ms(waited));
                ErrorKind::TimedOut { name, reason, waited_ms }.into()
            }
            Stop::Needless => {
                let (name, reason, waited_ms) = (name(), reason(), 0);
                ErrorKind::TimedOut { name, reason, waited_ms }.into()
            }
            Stop::Interrupted { waited } => {
                ErrorKind::Interrupted { name: name(), waited_ms: ms(waited) }.into()
            }
        }
    }
}

impl<A: SharedWords> fmt::Debug for Shared<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({:?})", self.header().name().as_str())
    }
}

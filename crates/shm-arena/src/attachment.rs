//! One process's attachment to an arena: its tables, its addresses, its slot.
#![allow(unsafe_code)] // says what the casts in `Space` and shm-sync rely on

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Access, ErrorKind, Handover, Header, Identified, Region, Result, SlotLocks};
use shm_map::Mapping;
use shm_presence::fork::ForkSafe;
use shm_presence::{Identity, Owner, is_held, try_slot};
use shm_sync::{Shared, SharedWords, Words};

use crate::geometry::{Geometry, MAGIC, root};
use crate::os;
use crate::slab::{Grow, Local, Slabs};
use crate::space::Space;
use crate::table::{Memory, Table};

/// An attachment to an arena, which its handles share.
pub(crate) struct Attachment<S> {
    // References to the mapping, which is dropped last.
    words: Words<'static>,
    table: Table<'static>,
    pub(crate) geometry: Geometry,
    data: Range<u64>,
    /// One thread of a process changes its row at a time, and no fork falls between.
    pub(crate) local: ForkSafe<Local>,
    identity: Identity,
    pub(crate) space: Space,
    pub(crate) segment: S,
}

impl<S: Identified + Handover> Attachment<S> {
    /// Writes the first words of a new arena, and attaches it.
    pub(crate) fn create(segment: S, mut geometry: Geometry) -> Result<Self> {
        check_writable(&segment)?;
        let file = segment.file();
        let space = loop {
            match Space::new(file, geometry.reserve()) {
                // RLIMIT_AS, or the machine's: fewer addresses may do.
                Err(error) if matches!(error.kind(), ErrorKind::LimitReached { .. }) => {
                    geometry = geometry.halved().ok_or(error)?;
                }
                result => break result?,
            }
        };
        let at = root(segment.header());
        let words = [geometry.arrays().into(), geometry.reserve(), MAGIC];
        let start = space.at(file, &(at..at + 24))?.cast::<u64>();
        for (place, word) in words.into_iter().enumerate() {
            // SAFETY: three words from `start` lie within the mapping and the file.
            let to = unsafe { start.add(place) };
            // SAFETY: as above, aligned to 4096 bytes; nobody else has the segment yet.
            unsafe { to.write(word) };
        }
        Self::of(segment, space, geometry)
    }

    /// Attaches an arena that is there.
    pub(crate) fn attach(segment: S) -> Result<Self> {
        check_writable(&segment)?;
        let file = segment.file();
        let at = root(segment.header());
        let first = Space::new(file, at + 24)?;
        let start = first.at(file, &(at..at + 24))?.cast::<AtomicU64>();
        let word = |place| {
            // SAFETY: three words from `start` lie within the mapping and the file.
            let word = unsafe { start.add(place) };
            // SAFETY: as above, aligned to 4096 bytes; an atomic may be written by others.
            unsafe { word.as_ref() }.load(Relaxed)
        };
        let [arrays, reserve, magic] = [0, 1, 2].map(word);
        let (object, reason) = (segment.header().name().to_string(), "it is no arena".into());
        if magic != MAGIC {
            return Err(ErrorKind::NotASegment { object, reason }.into());
        }
        let geometry = Geometry::new(u32::try_from(arrays).unwrap_or(u32::MAX), reserve)?;
        let space = Space::new(file, reserve)?;
        Self::of(segment, space, geometry)
    }

    fn of(segment: S, space: Space, geometry: Geometry) -> Result<Self> {
        let header = segment.header();
        let tables = geometry.tables(header);
        let mapping = std::ptr::from_ref(space.mapping());
        // SAFETY: the reference is used in `Words::of` only. What that finds stays mapped, and backed by
        // the file, until the space is dropped, which is after the words.
        let mapping: &'static Mapping = unsafe { &*mapping };
        // SAFETY: the mapping is of the segment with that header, from its first byte.
        let words = unsafe { Words::of(mapping, header) }?;
        // SAFETY: the table is dropped before the space.
        let table = unsafe { space.table(segment.file(), geometry.arrays(), &tables) }?;
        let data = tables.data(geometry.reserve().min(space.mapping().len() as u64));
        let (local, identity) = (ForkSafe::default(), Identity::new());
        Ok(Self { words, table, geometry, data, local, identity, space, segment })
    }

    pub(crate) fn table(&self) -> &Table<'_> {
        &self.table
    }

    pub(crate) fn slabs(&self) -> Slabs<'_> {
        Slabs { table: &self.table, data: self.data.clone() }
    }

    pub(crate) fn name(&self) -> String {
        self.segment.header().name().to_string()
    }

    /// The owner that this process is. The first call takes a slot, and undoes what the last process
    /// in it left.
    pub(crate) fn me(&self) -> Result<Owner> {
        // SAFETY: an arena is mapped for writing.
        let shared = unsafe { Shared::new(self) };
        shared.me_prepared(|me| {
            let slot = me.slot() as usize;
            self.table.rescue(slot, slot, self);
        })
    }

    /// Whether this process is that owner, and not a forked child of it.
    pub(crate) fn is_mine(&self, owner: Owner) -> bool {
        self.identity.is(owner)
    }

    /// Frees what dead processes alone had, and tells how many blocks those were.
    pub(crate) fn rescue_dead(&self, me: Owner) -> Result<usize> {
        let mut dead = Vec::new();
        for slot in self.table.all_present() {
            let slot = u32::try_from(slot).unwrap_or(u32::MAX);
            if slot != me.slot() && !is_held(self.segment.slot_locks()?, slot)? {
                dead.push(slot);
            }
        }
        if dead.is_empty() {
            return Ok(0);
        }
        let freed = self.local.with(|_| {
            let locks = self.segment.open_locks()?;
            let mut freed = 0;
            for slot in &dead {
                if try_slot(&locks, *slot)? {
                    freed += self.table.rescue(me.slot() as usize, *slot as usize, self);
                }
            }
            Ok::<_, shm_core::Error>(freed)
        })?;
        // Not under the lock that forks take: a subscriber may do anything.
        tracing::debug!(name = self.name(), slots = ?dead, freed, "freed what dead processes had");
        Ok(freed)
    }
}

/// A process marks what it has, so it writes.
fn check_writable(segment: &impl Identified) -> Result<()> {
    match segment.access() {
        Access::ReadWrite => Ok(()),
        Access::ReadOnly => {
            let name = segment.header().name();
            let object = format!("arena {:?} (each process writes what it holds)", name.as_str());
            Err(ErrorKind::AccessDenied { object, access: Access::ReadWrite }.into())
        }
    }
}

impl<S: Identified + Handover> Memory for Attachment<S> {
    fn discard(&self, index: usize) {
        let Some((class, part)) = self.slabs().block(index) else { return };
        if !class.is_discarded() {
            return;
        }
        let file = self.segment.file();
        if os::discard(file, part.clone()).is_err() {
            _ = self.space.clear(file, &part);
        }
    }
}

impl<S: Identified + Handover> Grow for Attachment<S> {
    fn extend(&self, len: u64) -> Result<()> {
        self.space.extend(self.segment.file(), len)
    }
}

impl<S: Identified + Handover> SharedWords for Attachment<S> {
    fn words(&self) -> &Words<'_> {
        &self.words
    }

    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        self.segment.slot_locks()
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        self.segment.open_locks()
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn header(&self) -> &Header {
        self.segment.header()
    }
}

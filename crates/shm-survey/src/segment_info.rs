//! What one segment says of itself, read without attaching.

use std::ffi::OsStr;
use std::fs::File;
use std::time::SystemTime;

use shm_core::{BackendKind, ErrorKind, Header, Result, SLOT_LEN, SYNC_LEN, SlotLocks};
use shm_map::{FileId, FileStat};
use shm_sync::{LockState, Participant, Snapshot, WaitState};

use crate::file::OpenFile;
use crate::locator::Locator;
use crate::os;

/// A segment to be looked at. It does not count as an attachment: nobody is present by it.
///
/// It has the segment's file open, which stays readable when its name is removed. In a
/// [listing](crate::list) of more segments than half of the files that this process may have open,
/// the later ones are closed and opened again at each look. They may be gone by then.
#[derive(Debug)]
pub struct SegmentInfo {
    locator: Locator,
    header: Header,
    backend: BackendKind,
    stat: FileStat,
    is_frozen: bool,
    file: Option<File>,
}

impl SegmentInfo {
    /// Opens the segment at that place.
    pub(crate) fn open(locator: Locator) -> Result<Self> {
        let opened = open(&locator)?;
        Self::read(locator, opened, true)
    }

    /// Reads what a file says of itself; `keep` leaves the file open.
    pub(crate) fn read(locator: Locator, opened: OpenFile, keep: bool) -> Result<Self> {
        let OpenFile { file, backend, stat } = opened;
        let header = os::read_header(&file, stat.len)?;
        let is_frozen = backend == BackendKind::Memfd && os::is_frozen(&file);
        Ok(Self { locator, header, backend, stat, is_frozen, file: keep.then_some(file) })
    }

    /// Where it was found.
    pub fn locator(&self) -> &Locator {
        &self.locator
    }

    /// Its header, checked. The name in the header need not be that of the entry.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// `shm` or `memfd`.
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// Size of the file when it was found, in bytes.
    #[allow(clippy::len_without_is_empty)] // it has a header
    pub fn len(&self) -> u64 {
        self.stat.len
    }

    /// Bytes of memory that it had taken when it was found.
    pub fn allocated(&self) -> u64 {
        self.stat.allocated
    }

    /// The user id of its owner.
    pub fn owner(&self) -> u32 {
        self.stat.owner
    }

    /// When a system call last wrote to it, usually when it was made.
    pub fn modified(&self) -> SystemTime {
        self.stat.modified
    }

    /// Whether it had a name when it was found. A memfd has none. A segment of backend `shm` without a
    /// name was removed, or is being made; its memory goes with its last holder.
    pub fn has_name(&self) -> bool {
        self.stat.has_name
    }

    /// Whether the kernel refuses every writer (memfd only). See fcntl(2), "File Sealing".
    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Whether any process has it attached, in whatever container or PID namespace. For a moment it is
    /// also true while a process makes sure that no other has it.
    ///
    /// # Errors
    /// [`ErrorKind::Os`]; if it is [opened again](Self), those of [`find`](crate::find).
    pub fn is_in_use(&self) -> Result<bool> {
        self.with_file(os::is_in_use)
    }

    /// The processes that have or had a slot: see [`Participant`]. Their PIDs are of their own PID
    /// namespaces.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the file became shorter; [`ErrorKind::Os`]; if it is
    /// [opened again](Self), those of [`find`](crate::find).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        self.with_snapshot(|snapshot| snapshot.participants())
    }

    /// The holders of a guarded array's lock, and whether the array is poisoned.
    ///
    /// # Errors
    /// As [`participants`](Self::participants).
    pub fn lock_state(&self) -> Result<LockState> {
        self.with_snapshot(|snapshot| snapshot.lock_state())
    }

    /// The living participants that wait for others, and for whom.
    ///
    /// # Errors
    /// As [`participants`](Self::participants).
    pub fn waits(&self) -> Result<Vec<WaitState>> {
        self.with_snapshot(|snapshot| snapshot.waits())
    }

    /// Reads bytes of the array's data; `offset` counts bytes from the first element. If a process
    /// writes meanwhile, the bytes are those of different moments.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBounds`] beyond the data; [`ErrorKind::Truncated`] if the file became
    /// shorter; [`ErrorKind::Os`]; if it is [opened again](Self), those of [`find`](crate::find).
    pub fn read_at(&self, to: &mut [u8], offset: u64) -> Result<()> {
        let nbytes = self.header.layout().nbytes() as u64;
        let end = offset.checked_add(to.len() as u64);
        if end.is_none_or(|end| end > nbytes) {
            let reason = format!(
                "{} bytes at {offset} are out of bounds for {nbytes} bytes of data",
                to.len()
            );
            return Err(ErrorKind::OutOfBounds { reason }.into());
        }
        self.with_file(|file| read_all(file, to, self.header.data_offset() + offset))
    }

    pub(crate) fn file_id(&self) -> FileId {
        self.stat.id
    }

    fn with_snapshot<T>(&self, look: impl FnOnce(Snapshot<'_>) -> Result<T>) -> Result<T> {
        self.with_file(|file| {
            let mut area = [0; SYNC_LEN as usize];
            let mut table = vec![0; (self.header.slot_count() * SLOT_LEN) as usize];
            read_all(file, &mut area, self.header.sync_offset())?;
            read_all(file, &mut table, self.header.slots_offset())?;
            look(Snapshot::new(&area, &table, SlotLocks { file, first: 0 }))
        })
    }

    /// Looks at the file, which is opened again if it is not open.
    fn with_file<T>(&self, look: impl FnOnce(&File) -> Result<T>) -> Result<T> {
        if let Some(file) = &self.file {
            return look(file);
        }
        let opened = open(&self.locator)?;
        if opened.stat.id != self.stat.id {
            let (name, backend) = (self.locator.to_string(), self.backend);
            let hint = "it was removed, and something else is there now";
            return Err(ErrorKind::NotFound { name, backend, hint }.into());
        }
        look(&opened.file)
    }
}

fn open(locator: &Locator) -> Result<OpenFile> {
    match locator {
        Locator::Entry(entry) => os::open_entry(OsStr::new(entry)),
        Locator::Descriptor { pid, fd } => os::open_descriptor(*pid, *fd),
    }
}

fn read_all(file: &File, to: &mut [u8], offset: u64) -> Result<()> {
    let has = os::read_at(file, to, offset)?;
    if has < to.len() {
        let needs = offset.saturating_add(to.len() as u64);
        let has = offset.saturating_add(has as u64);
        return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
    }
    Ok(())
}

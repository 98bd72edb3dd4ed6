//! One segment, to be looked at.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::SystemTime;

use rustix::fs::{SealFlags, fcntl_get_seals};
use shm_core::{BackendKind, ErrorKind, Header, Result, SLOT_COUNT, SLOT_LEN, SYNC_LEN, SlotLocks};
use shm_map::{read_header, system_error};
use shm_sync::{LockState, Participant, Snapshot};

use crate::Locator;
use crate::opened::{Facts, FileId, Opened, read_at};

/// What the kernel enforces of a frozen segment.
const FROZEN: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE).union(SealFlags::SEAL);

/// A segment to be looked at. Nobody counts it as present.
///
/// It is open, and stays readable when its name is removed. Only in a [listing](crate::list) of
/// more segments than half of what this process may open, the later ones are opened anew when they
/// are looked at, and may be gone.
#[derive(Debug)]
pub struct SegmentInfo {
    place: Locator,
    header: Header,
    backend: BackendKind,
    facts: Facts,
    is_frozen: bool,
    file: Option<fs::File>,
}

/// The file of a specimen, open.
enum File<'a> {
    Kept(&'a fs::File),
    OpenedAnew(fs::File),
}

impl File<'_> {
    fn as_file(&self) -> &fs::File {
        match self {
            Self::Kept(file) => file,
            Self::OpenedAnew(file) => file,
        }
    }
}

impl AsFd for File<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.as_file().as_fd()
    }
}

impl SegmentInfo {
    /// Reads what a file says of itself; keeps it open or not.
    pub(crate) fn read(place: Locator, opened: Opened, keep: bool) -> Result<Self> {
        let Opened { fd, backend, facts } = opened;
        let header = read_header(fd.as_fd(), facts.len)?;
        let is_frozen = backend == BackendKind::Memfd
            && fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(FROZEN));
        Ok(Self { place, header, backend, facts, is_frozen, file: keep.then(|| fd.into()) })
    }

    /// Where it was seen.
    pub fn place(&self) -> &Locator {
        &self.place
    }

    /// What it says of itself, checked. The name in it need not be that of its entry.
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
        self.facts.len
    }

    /// Bytes of memory that it had taken when it was found.
    pub fn allocated(&self) -> u64 {
        self.facts.allocated
    }

    /// The user it belongs to.
    pub fn owner(&self) -> u32 {
        self.facts.owner
    }

    /// When it was last written to by a system call, usually when it was made.
    pub fn modified(&self) -> SystemTime {
        self.facts.modified
    }

    /// Whether it had a name when it was found. A memfd has none; a segment of backend `shm` without
    /// one was removed, or is being made, and its memory goes with its last holder.
    pub fn has_name(&self) -> bool {
        self.facts.has_name
    }

    /// Whether the kernel refuses every writer (memfd only). See fcntl(2), "File Sealing".
    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Whether anybody has it attached, in whatever container or PID namespace. For a moment, also
    /// while somebody makes sure that nobody has.
    ///
    /// # Errors
    /// [`ErrorKind::Os`]; where it is [opened anew](Self), what [`find`](crate::find) yields.
    pub fn is_in_use(&self) -> Result<bool> {
        shm_presence::ask_others(self.file()?.as_fd())
    }

    /// Who has or had a slot: see [`Participant`]. Their PIDs are of their own PID namespaces.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the file became shorter; [`ErrorKind::Os`]; where it is
    /// [opened anew](Self), what [`find`](crate::find) yields.
    pub fn participants(&self) -> Result<Vec<Participant>> {
        self.seen(|seen| seen.participants())
    }

    /// Who has the lock of a guarded array, and whether the array may be torn.
    ///
    /// # Errors
    /// As [`participants`](Self::participants).
    pub fn lock_state(&self) -> Result<LockState> {
        self.seen(|seen| seen.lock_state())
    }

    fn seen<T>(&self, look: impl FnOnce(Snapshot<'_>) -> Result<T>) -> Result<T> {
        let file = self.file()?;
        let mut area = [0; SYNC_LEN as usize];
        let mut table = vec![0; (self.header.slot_count().min(SLOT_COUNT) * SLOT_LEN) as usize];
        read_all(file.as_fd(), &mut area, self.header.sync_offset())?;
        read_all(file.as_fd(), &mut table, self.header.slots_offset())?;
        look(Snapshot::new(&area, &table, SlotLocks { file: file.as_file(), first: 0 }))
    }

    /// Reads bytes of the array's data; `offset` counts bytes from the first element. The bytes are
    /// those of different moments if somebody writes meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBounds`] beyond the data; [`ErrorKind::Truncated`] if the file became
    /// shorter; [`ErrorKind::Os`]; where it is [opened anew](Self), what [`find`](crate::find)
    /// yields.
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
        read_all(self.file()?.as_fd(), to, self.header.data_offset() + offset)
    }

    pub(crate) fn file_id(&self) -> FileId {
        self.facts.id
    }

    fn file(&self) -> Result<File<'_>> {
        if let Some(file) = &self.file {
            return Ok(File::Kept(file));
        }
        let opened = Opened::at(&self.place)?;
        if opened.facts.id != self.facts.id {
            let (name, backend) = (self.place.to_string(), self.backend);
            let hint = "it was removed, and something else is there now";
            return Err(ErrorKind::NotFound { name, backend, hint }.into());
        }
        Ok(File::OpenedAnew(opened.fd.into()))
    }
}

fn read_all(fd: BorrowedFd<'_>, to: &mut [u8], offset: u64) -> Result<()> {
    let has = read_at(fd, to, offset).map_err(|errno| system_error("pread", "a segment", errno))?;
    if has < to.len() {
        let needs = offset.saturating_add(to.len() as u64);
        let has = offset.saturating_add(has as u64);
        return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
    }
    Ok(())
}

//! A file whose elements are to be read.

use std::fs::File;
use std::path::{Path, PathBuf};

use shm_core::{ByteSwap, ErrorKind, Result, Sink};

use crate::header::NpyHeader;
#[cfg(feature = "npz")]
use crate::npz;
use crate::pieces::{Memory, pieces};
use crate::swapped::Swapped;
use crate::{fault, os};

/// A `.npy` file, or a member of an `.npz` archive, whose header has been read and checked.
#[derive(Debug)]
pub struct NpyFile {
    header: NpyHeader,
    path: PathBuf,
    elements: Elements,
}

/// Where the elements are.
#[derive(Debug)]
enum Elements {
    Plain(File),
    #[cfg(feature = "npz")]
    Member(npz::Member),
}

impl NpyFile {
    /// Opens a `.npy` file, and checks its header against its length.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if it is not a regular file; [`Truncated`](ErrorKind::Truncated)
    /// and [`Corrupt`](ErrorKind::Corrupt) if it is shorter or longer than its header says; those
    /// of [`NpyHeader::read`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (file, len) = open_regular(path)?;
        let header = NpyHeader::read(&mut &file)?;
        header.check_len(len)?;
        Ok(Self { header, path: path.into(), elements: Elements::Plain(file) })
    }

    /// Opens a member of an `.npz` archive, by the name that NumPy gives it (`x`) or that of its
    /// file (`x.npy`).
    ///
    /// The member's length must be the one that its header gives, and must be possible for a deflated
    /// member of its size: both are checked here, before the caller makes an array.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if it is not a regular file, not an archive, has no such member,
    /// or one that is encrypted, or neither stored nor deflated; those of [`open`](Self::open).
    #[cfg(feature = "npz")]
    pub fn open_member(path: impl AsRef<Path>, name: &str) -> Result<Self> {
        let path = path.as_ref();
        let (file, len) = open_regular(path)?;
        let (header, member) = npz::Member::open(path, file, len, name)?;
        Ok(Self { header, path: path.into(), elements: Elements::Member(member) })
    }

    /// The names of the `.npz` archive's members: those of arrays without `.npy`, all others as they
    /// are.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if it is not a regular file, or not an archive.
    #[cfg(feature = "npz")]
    pub fn members(path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        npz::members(path, open_regular(path)?.0)
    }

    /// What its header says.
    pub fn header(&self) -> &NpyHeader {
        &self.header
    }

    /// Reads all elements into memory, in the order in which the file has them.
    ///
    /// `progress` is called after each mebibyte, and at the end, with the bytes that have been read
    /// and those there are in all.
    ///
    /// # Errors
    /// [`SegmentMismatch`](ErrorKind::LengthMismatch) if `to` has another length than the
    /// elements; those of [`copy_to`](Self::copy_to). `to` holds part of the elements then.
    pub fn read_into(&mut self, to: &mut [u8], progress: impl FnMut(u64, u64)) -> Result<()> {
        let needs = self.header.layout().nbytes();
        if to.len() != needs {
            let (what, expected, found) =
                ("the memory to read into", needs as u64, to.len() as u64);
            return Err(ErrorKind::LengthMismatch { what, expected, found }.into());
        }
        self.copy_to(&mut Memory(to), progress)
    }

    /// Copies all elements to a new array, in the order in which the file has them. The kernel copies
    /// those of a plain file by itself, where the array can have it do so. Elements of the other byte
    /// order are converted on the way: see [`NpyHeader::require_native`].
    ///
    /// `progress` is called as by [`read_into`](Self::read_into), or after each
    /// [`best_piece`](Sink::best_piece) of the array.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) if the file has become shorter, or the member has less
    /// than it says; [`Corrupt`](ErrorKind::Corrupt) for a member that has more, or another
    /// checksum; [`Os`](ErrorKind::Os); those of [`Sink::write`].
    pub fn copy_to(&mut self, to: &mut dyn Sink, progress: impl FnMut(u64, u64)) -> Result<()> {
        let swap = self.header.foreign_dtype().and_then(ByteSwap::new);
        let Some(swap) = swap else { return self.copy_as_they_are(to, progress) };
        let all = self.header.layout().nbytes();
        self.copy_as_they_are(&mut Swapped::new(to, &swap, all), progress)
    }

    fn copy_as_they_are(
        &mut self,
        to: &mut dyn Sink,
        progress: impl FnMut(u64, u64),
    ) -> Result<()> {
        let (path, start) = (&*self.path, self.header.data_offset());
        match &mut self.elements {
            Elements::Plain(file) => {
                let all = self.header.layout().nbytes();
                pieces(start, all, to.best_piece().max(1), progress, |done, len| {
                    to.copy_from(file, start + done, len)
                        .map_err(|error| fault::name_file(path, error))
                })
            }
            #[cfg(feature = "npz")]
            Elements::Member(member) => member.copy_to(path, &self.header, to, progress),
        }
    }
}

/// Opens a regular file, and tells its length in bytes. It does not wait for the writer of a FIFO.
fn open_regular(path: &Path) -> Result<(File, u64)> {
    let file = os::open_at_once(path).map_err(fault::os("open", path))?;
    let found = file.metadata().map_err(fault::os("fstat", path))?;
    if !found.is_file() {
        return Err(fault::at(path, "it is not a regular file"));
    }
    Ok((file, found.len()))
}

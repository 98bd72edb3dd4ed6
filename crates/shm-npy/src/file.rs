//! A file whose elements are to be read.

use std::fs::File;
#[cfg(feature = "npz")]
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, pread, retry_on_intr};
use shm_core::{Error, ErrorKind, Result, Sink};

use crate::NpyHeader;
#[cfg(feature = "npz")]
use crate::header::corrupt;

/// A `.npy` file, or a member of an `.npz` archive, whose header has been read and checked.
#[derive(Debug)]
pub struct NpyFile {
    header: NpyHeader,
    path: PathBuf,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Plain(File),
    #[cfg(feature = "npz")]
    Member(crate::npz::Member),
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
        Ok(Self { header, path: path.into(), source: Source::Plain(file) })
    }

    /// Opens a member of an `.npz` archive, by the name that NumPy gives it (`x`) or that of its
    /// file (`x.npy`).
    ///
    /// The size in the member's header counts: that it contains as many bytes, and not more than a
    /// deflated member of its length can, is checked before anything is made of it.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if it is not a regular file, not an archive, has no such member,
    /// or one that is encrypted or compressed in another way; those of [`open`](Self::open).
    #[cfg(feature = "npz")]
    pub fn open_member(path: impl AsRef<Path>, name: &str) -> Result<Self> {
        let path = path.as_ref();
        let (file, len) = open_regular(path)?;
        let (header, member) = crate::npz::Member::open(path, file, len, name)?;
        Ok(Self { header, path: path.into(), source: Source::Member(member) })
    }

    /// The names of the `.npz` archive's arrays, without `.npy`.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if it is not a regular file, or not an archive.
    #[cfg(feature = "npz")]
    pub fn members(path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        crate::npz::members(path, open_regular(path)?.0)
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
    /// [`LengthMismatch`](ErrorKind::LengthMismatch) if `to` has another length than the
    /// elements; those of [`copy_to`](Self::copy_to). `to` is of no use then.
    pub fn read_into(&mut self, to: &mut [u8], progress: impl FnMut(u64, u64)) -> Result<()> {
        let needs = self.header.layout().nbytes();
        if to.len() != needs {
            let (what, expected, found) =
                ("the memory to read into", needs as u64, to.len() as u64);
            return Err(ErrorKind::LengthMismatch { what, expected, found }.into());
        }
        self.copy_to(&mut Memory(to), progress)
    }

    /// Copies all elements to a new array, in the order in which the file has them: those of a
    /// plain file by the kernel's own means, where the array has some.
    ///
    /// `progress` is called as by [`read_into`](Self::read_into), or after each
    /// [`best_piece`](Sink::best_piece) of the array.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) if the file has become shorter, or the member has less
    /// than it says; [`Corrupt`](ErrorKind::Corrupt) for a member that has more, or another
    /// checksum; [`Os`](ErrorKind::Os); those of [`Sink::write`].
    pub fn copy_to(&mut self, to: &mut dyn Sink, progress: impl FnMut(u64, u64)) -> Result<()> {
        let (path, start) = (&*self.path, self.header.data_offset());
        match &mut self.source {
            Source::Plain(file) => {
                let all = self.header.layout().nbytes();
                pieces(start, all, to.best_piece().max(1), progress, |done, len| {
                    to.copy_from(file, start + done, len).map_err(|error| at_path(path, error))
                })
            }
            #[cfg(feature = "npz")]
            Source::Member(member) => member.copy_to(path, &self.header, to, progress),
        }
    }
}

/// Memory of the caller's own.
struct Memory<'a>(&'a mut [u8]);

impl Memory<'_> {
    fn advance(&mut self, count: usize) {
        self.0 = &mut std::mem::take(&mut self.0)[count..];
    }
}

impl Sink for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }

    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize> {
        let count = retry_on_intr(|| pread(file, &mut self.0[..len], offset))
            .map_err(|errno| Error::os("pread", "a file", errno.into()))?;
        self.advance(count);
        Ok(count)
    }
}

/// Goes through `all` bytes by pieces of so many: `next` gets how many are done and how many are wanted,
/// and tells how many it did.
pub(crate) fn pieces(
    start: u64,
    all: usize,
    piece: usize,
    mut progress: impl FnMut(u64, u64),
    mut next: impl FnMut(u64, usize) -> Result<usize>,
) -> Result<()> {
    let mut done = 0;
    while done < all {
        let end = all.min(done.saturating_add(piece));
        while done < end {
            let more = next(done as u64, end - done)?;
            if more == 0 {
                let (needs, has) = (start + all as u64, start + done as u64);
                return Err(ErrorKind::Truncated { what: "the .npy file", needs, has }.into());
            }
            done += more;
        }
        progress(done as u64, all as u64);
    }
    Ok(())
}

/// Names the file in what the system said.
fn at_path(path: &Path, error: Error) -> Error {
    let ErrorKind::Os { call, error: reason, .. } = error.kind() else { return error };
    match Errno::from_io_error(reason) {
        Some(errno) => Error::os(call, path.display().to_string(), errno.into()),
        None => error,
    }
}

/// Why a member cannot be read.
#[cfg(feature = "npz")]
pub(crate) fn read_error(path: &Path, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        Some(_) => Error::os("read", path.display().to_string(), error),
        None => corrupt(error.to_string()), // what deflate or a checksum finds
    }
}

/// Opens a regular file without waiting for a writer, as a FIFO would; tells its length in bytes.
fn open_regular(path: &Path) -> Result<(File, u64)> {
    let fail = |call| move |errno: Errno| Error::os(call, path.display().to_string(), errno.into());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).map_err(fail("open"))?);
    let stat = fstat(&file).map_err(fail("fstat"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let reason = "it is not a regular file".into();
        return Err(ErrorKind::Path { path: path.into(), reason }.into());
    }
    Ok((file, u64::try_from(stat.st_size).unwrap_or(0)))
}

//! A file whose elements are to be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use shm_core::{Error, ErrorKind, Result};

use crate::NpyHeader;
use crate::header::corrupt;

/// Bytes between two reports of progress; a piece that stays in the processor's cache.
const PIECE: usize = 1 << 20;

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

    /// Reads all elements, in the order in which the file has them.
    ///
    /// `progress` is called after each mebibyte, and at the end, with the bytes that have been read
    /// and those there are in all.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) if the file has become shorter, or the member has less
    /// than it says; [`Corrupt`](ErrorKind::Corrupt) for a member that has more, or another
    /// checksum; [`SegmentMismatch`](ErrorKind::SegmentMismatch) if `to` has another length than
    /// the elements; [`NoSpace`](ErrorKind::NoSpace) if the memory behind `to` cannot be had;
    /// [`Os`](ErrorKind::Os). `to` is of no use then.
    pub fn read_into(&mut self, to: &mut [u8], progress: impl FnMut(u64, u64)) -> Result<()> {
        let needs = self.header.layout().nbytes();
        if to.len() != needs {
            let (expected, found) = (needs.to_string(), to.len().to_string());
            let what = "its size in bytes";
            return Err(ErrorKind::SegmentMismatch { what, expected, found }.into());
        }
        let (path, start) = (&*self.path, self.header.data_offset());
        match &mut self.source {
            Source::Plain(file) => {
                pieces(path, start, to, progress, |piece, done| file.read_at(piece, start + done))
            }
            #[cfg(feature = "npz")]
            Source::Member(member) => member.read(path, &self.header, to, progress),
        }
    }
}

/// Fills `to` piece by piece; `read` gets the rest of a piece and the bytes done before it.
pub(crate) fn pieces(
    path: &Path,
    start: u64,
    to: &mut [u8],
    mut progress: impl FnMut(u64, u64),
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> Result<()> {
    let (mut done, all) = (0, to.len() as u64);
    for piece in to.chunks_mut(PIECE) {
        let mut rest = piece;
        while !rest.is_empty() {
            match read(rest, done) {
                Ok(0) => {
                    let (needs, has) = (start + all, start + done);
                    return Err(ErrorKind::Truncated { what: "the .npy file", needs, has }.into());
                }
                Ok(more) => {
                    rest = &mut rest[more..];
                    done += more as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(path, all, error)),
            }
        }
        progress(done, all);
    }
    Ok(())
}

/// Why elements cannot be read; `needs` is how many bytes of them there are.
pub(crate) fn read_error(path: &Path, needs: u64, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        // The kernel found no page for the destination: a first touch would have been SIGBUS.
        Some(Errno::FAULT) => {
            let place = "the new array".into();
            ErrorKind::NoSpace { needs, has: None, place }.into()
        }
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

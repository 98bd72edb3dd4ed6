//! Members of `.npz` archives, which are ZIP archives of `.npy` files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use shm_core::{Error, Result, Sink};
use zip::CompressionMethod;
use zip::read::{ZipArchive, ZipFile};
use zip::result::ZipError;

use crate::fault::{self, corrupt};
use crate::header::NpyHeader;
use crate::pieces::pieces;

/// Bytes that are inflated at once, between two reports of progress. They fit the processor's cache.
const PIECE: usize = 1 << 20;

/// The most bytes that deflate makes of one byte: 258 bytes from two bits. See RFC 1951.
const MAX_EXPANSION: u64 = 1032;

/// A member of an archive.
#[derive(Debug)]
pub(crate) struct Member {
    archive: ZipArchive<File>,
    index: usize,
}

impl Member {
    /// Finds the member, and reads its header. `file_len` is the archive's length, in bytes.
    pub(crate) fn open(
        path: &Path,
        file: File,
        file_len: u64,
        name: &str,
    ) -> Result<(NpyHeader, Self)> {
        let mut archive = ZipArchive::new(file).map_err(|error| fault(path, name, error))?;
        let index = archive.index_for_name(&format!("{name}.npy"));
        let Some(index) = index.or_else(|| archive.index_for_name(name)) else {
            let reason = format!("the archive has no array {name:?}");
            return Err(fault::at(path, reason));
        };
        check_method(&mut archive, index).map_err(|reason| fault::at(path, reason))?;
        let mut member = archive.by_index(index).map_err(|error| fault(path, name, error))?;
        check_plausible(&member, file_len)?;
        let header = NpyHeader::read(&mut member)?;
        header.check_len(member.size())?;
        drop(member);
        Ok((header, Self { archive, index }))
    }

    /// Copies the member's elements, which begin behind `header`.
    pub(crate) fn copy_to(
        &mut self,
        path: &Path,
        header: &NpyHeader,
        to: &mut dyn Sink,
        progress: impl FnMut(u64, u64),
    ) -> Result<()> {
        let member = self.archive.by_index(self.index);
        let mut member = member.map_err(|error| fault(path, "", error))?;
        let start = header.data_offset();
        let skipped = io::copy(&mut member.by_ref().take(start), &mut io::sink());
        skipped.map_err(|error| read_error(path, error))?;
        let all = header.layout().nbytes();
        let mut piece = vec![0; all.min(PIECE)];
        pieces(start, all, PIECE, progress, |_, len| {
            let count = loop {
                match member.read(&mut piece[..len]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result.map_err(|error| read_error(path, error))?,
                }
            };
            to.write(&piece[..count])?;
            Ok(count)
        })?;
        // At the member's end `zip` compares the checksum.
        match member.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(corrupt("the member has more bytes than it describes")),
            Err(error) => Err(read_error(path, error)),
        }
    }
}

/// The names of the members of an archive, those of arrays without `.npy`.
pub(crate) fn members(path: &Path, file: File) -> Result<Vec<String>> {
    let archive = ZipArchive::new(file).map_err(|error| fault(path, "", error))?;
    let names = archive.file_names().filter_map(std::result::Result::ok);
    let files = names.filter(|name| !name.ends_with('/'));
    Ok(files.map(|name| name.strip_suffix(".npy").unwrap_or(&name).into()).collect())
}

/// Refuses a member that is compressed in a way which `zip` is not built for.
fn check_method(archive: &mut ZipArchive<File>, index: usize) -> std::result::Result<(), String> {
    let member = archive.by_index_raw(index).map_err(|error| error.to_string())?;
    match member.compression() {
        CompressionMethod::Stored | CompressionMethod::Deflated => Ok(()),
        method => Err(format!(
            "its member {:?} is compressed by {method}; stored and deflated ones are read, as \
             numpy.savez and numpy.savez_compressed write them",
            member.name().unwrap_or_default(),
        )),
    }
}

/// Whether a member of that length in the archive can have as many bytes as the archive says.
fn check_plausible(member: &ZipFile<'_, File>, file_len: u64) -> Result<()> {
    let (packed, size) = (member.compressed_size(), member.size());
    let most = match member.compression() {
        CompressionMethod::Stored => packed,
        _ => packed.saturating_mul(MAX_EXPANSION),
    };
    if packed > file_len || size > most {
        return Err(corrupt(format!(
            "the archive, of {file_len} bytes, says that the member has {size} bytes, packed into {packed}"
        )));
    }
    Ok(())
}

fn fault(path: &Path, name: &str, error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => read_error(path, error),
        error => {
            let of = if name.is_empty() { String::new() } else { format!("array {name:?}: ") };
            fault::at(path, format!("{of}{error}"))
        }
    }
}

/// Why a member cannot be read.
fn read_error(path: &Path, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => fault::os("read", path)(error),
        None => corrupt(error.to_string()), // what deflate or a checksum finds
    }
}

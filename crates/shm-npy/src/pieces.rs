//! Elements from a file to a sink, piece by piece.

use std::fs::File;

use shm_core::{Error, ErrorKind, Result, Sink};

use crate::os;

/// Goes through `all` bytes by pieces of so many. `next` gets how many bytes are done and how many
/// are wanted, and tells how many it did. `start` is the header's length, for the error of a file
/// that ends early.
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

/// A sink over memory of the caller's own.
pub(crate) struct Memory<'a>(pub(crate) &'a mut [u8]);

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
        let count = os::read_at(file, &mut self.0[..len], offset)
            .map_err(|error| Error::os("pread", "a file", error))?;
        self.advance(count);
        Ok(count)
    }
}

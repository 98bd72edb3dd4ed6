//! Elements of the other byte order, on their way to a sink.

use std::fs::File;

use shm_core::{ByteSwap, Error, Result, Sink};

use crate::os;

/// Bytes that are read at once, before their order changes: more than a number has. They fit the processor's cache.
const PIECE: usize = 1 << 18;

/// A sink that gives each number this machine's byte order before it passes it on.
pub(crate) struct Swapped<'a> {
    to: &'a mut dyn Sink,
    swap: &'a ByteSwap,
    /// Where in the array the buffer begins, in bytes.
    at: usize,
    buffer: Box<[u8]>,
    /// Bytes of the buffer that are filled. Between two calls these are the first part of a number.
    filled: usize,
}

impl<'a> Swapped<'a> {
    /// For an array of `all` bytes.
    pub(crate) fn new(to: &'a mut dyn Sink, swap: &'a ByteSwap, all: usize) -> Self {
        Self { to, swap, at: 0, buffer: vec![0; PIECE.min(all)].into(), filled: 0 }
    }

    /// Passes on all numbers that are whole.
    fn pass_on(&mut self) -> Result<()> {
        let end = self.swap.boundary(self.at + self.filled);
        let len = end - self.at;
        let numbers = &mut self.buffer[..len];
        self.swap.apply(self.at, numbers);
        self.to.write(numbers)?;
        self.buffer.copy_within(len..self.filled, 0);
        (self.at, self.filled) = (end, self.filled - len);
        Ok(())
    }
}

impl Sink for Swapped<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = &mut self.buffer[self.filled..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            self.pass_on()?;
        }
        Ok(())
    }

    fn copy_from(&mut self, file: &File, offset: u64, len: usize) -> Result<usize> {
        let room = &mut self.buffer[self.filled..];
        let len = len.min(room.len());
        let count = os::read_at(file, &mut room[..len], offset)
            .map_err(|error| Error::os("pread", "a file", error))?;
        self.filled += count;
        self.pass_on()?;
        Ok(count)
    }
}

//! A fresh gigabyte, populated and filled: the fastest ways that are known, by bare system calls.
#![allow(unsafe_code)] // system calls

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{available_parallelism, scope};

use ndarray::ArrayView1;
use rustix::fs::sendfile;
use rustix::io::{Errno, pread, pwrite};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use shmarray::BackendKind;

use super::file::{Map, PROT};
use super::{anonymous, memfd, named};

/// A huge page.
const PIECE: usize = 2 << 20;

/// The sum of words of 8 bytes, as ndarray has it.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    // SAFETY: every bit pattern is a number.
    let (_, words, _) = unsafe { bytes.align_to() };
    ArrayView1::from(words).sum()
}

/// Fresh memory of a backend, in its file if it has one.
pub(crate) struct Fresh {
    map: Map,
    file: Option<OwnedFd>,
}

impl Fresh {
    /// So many bytes, none of them populated yet.
    pub(crate) fn new(backend: BackendKind, bytes: usize) -> Self {
        let file = match backend {
            BackendKind::Memfd => Some(memfd::unmapped(bytes)),
            BackendKind::Shm => Some(named::unmapped(bytes)),
            _ => None,
        };
        let map = match &file {
            Some(file) => Map::shared(file.as_fd(), bytes),
            None => anonymous::of(bytes),
        };
        Self { map, file }
    }

    /// The same at a multiple of a huge page, and advised.
    pub(crate) fn huge(backend: BackendKind, bytes: usize) -> Self {
        let mut fresh = Self::new(backend, bytes);
        let (first, len) = (fresh.map.0, fresh.map.1);
        if first.addr() % PIECE != 0 {
            let none = ProtFlags::empty();
            // SAFETY: the kernel chooses the address.
            let room = unsafe { mmap_anonymous(null_mut(), len + PIECE, none, MapFlags::PRIVATE) };
            let room = room.unwrap();
            let at = room.wrapping_byte_add(room.addr().next_multiple_of(PIECE) - room.addr());
            let flags = MapFlags::SHARED | MapFlags::FIXED;
            let again = match &fresh.file {
                // SAFETY: within the room made right above.
                Some(file) => unsafe { mmap(at, len, PROT, flags, file, 0) },
                // SAFETY: as above.
                None => unsafe { mmap_anonymous(at, len, PROT, flags) },
            };
            fresh.map = Map(again.unwrap(), len);
            let before = at.addr() - room.addr();
            for (start, len) in [(room, before), (at.wrapping_byte_add(len), PIECE - before)] {
                if len > 0 {
                    // SAFETY: what is left of the room.
                    unsafe { munmap(start, len) }.unwrap();
                }
            }
        }
        // SAFETY: mapped right above.
        unsafe { madvise(fresh.map.0, len, Advice::LinuxHugepage) }.unwrap();
        fresh
    }

    /// By `sendfile` from that offset of a file.
    pub(crate) fn sent(self, from: &File, mut offset: u64) -> Self {
        let to = self.file.as_ref().unwrap();
        let mut left = self.map.1;
        while left > 0 {
            left -= sendfile(to, from, Some(&mut offset), left.min(1 << 20)).unwrap();
        }
        self
    }

    /// By `pwrite`.
    pub(crate) fn written(self, from: &[u8]) -> Self {
        let to = self.file.as_ref().unwrap();
        let mut at = 0;
        while at < from.len() {
            at += pwrite(to, &from[at..], at as u64).unwrap();
        }
        self
    }

    /// Populates all pages.
    pub(crate) fn populated(self) -> Self {
        self.in_pieces(|_, _| ())
    }

    /// Unmaps and closes, with `MADV_SEQUENTIAL` before: then the kernel does not mark the mapped pages as
    /// recently used.
    pub(crate) fn freed(self) {
        // SAFETY: all of the mapping.
        unsafe { madvise(self.map.0, self.map.1, Advice::Sequential) }.unwrap();
    }

    /// Populates each piece, and copies to it.
    pub(crate) fn copied(self, from: &[u8]) -> Self {
        self.in_pieces(|at, to| to.copy_from_slice(&from[at..at + to.len()]))
    }

    /// The sum of its words.
    pub(crate) fn sum(&self) -> u64 {
        // SAFETY: all of the mapping, to which nobody writes any more.
        sum(unsafe { std::slice::from_raw_parts(self.map.0.cast(), self.map.1) })
    }

    /// Populates each piece, and reads it from a file.
    pub(crate) fn read(self, from: &File, offset: u64) -> Self {
        self.in_pieces(|at, to| {
            let mut done = 0;
            while done < to.len() {
                done += pread(from, &mut to[done..], offset + (at + done) as u64).unwrap();
            }
        })
    }

    /// One thread for each processor, of which each takes the next piece.
    fn in_pieces(self, work: impl Fn(usize, &mut [u8]) + Sync) -> Self {
        let next = AtomicUsize::new(0);
        let (start, len) = (self.map.0.expose_provenance(), self.map.1);
        let run = || {
            loop {
                let at = next.fetch_add(PIECE, Relaxed);
                if at >= len {
                    return;
                }
                let (start, len) = (start + at, PIECE.min(len - at));
                let address = std::ptr::with_exposed_provenance_mut::<u8>(start);
                loop {
                    // SAFETY: within the mapping.
                    match unsafe { madvise(address.cast(), len, Advice::LinuxPopulateWrite) } {
                        Err(Errno::INTR | Errno::AGAIN) => {}
                        result => break result.unwrap(),
                    }
                }
                // SAFETY: within the mapping, and only this thread's.
                work(at, unsafe { std::slice::from_raw_parts_mut(address, len) });
            }
        };
        scope(|scope| {
            for _ in 1..available_parallelism().unwrap().get() {
                scope.spawn(run);
            }
            run();
        });
        self
    }
}

//! The crate `memmap2`: a file in `/dev/shm`, made, sized and mapped.
#![allow(unsafe_code)] // others could change the file

use std::fs::{File, OpenOptions, remove_file};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memmap2::{Mmap, MmapMut};

use super::fresh;
use crate::floor::large::sum;
use crate::row::{Run, each};

/// A mapped file that this process removes.
struct Segment {
    map: MmapMut,
    path: PathBuf,
}

impl Segment {
    fn create(path: PathBuf, bytes: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(bytes as u64).unwrap();
        // SAFETY: nobody else knows the name.
        Self { map: unsafe { MmapMut::map_mut(&file) }.unwrap(), path }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        remove_file(&self.path).unwrap();
    }
}

fn path() -> PathBuf {
    Path::new("/dev/shm").join(shmarray::names::unique_name("bench").unwrap().as_str())
}

pub(super) fn create(bytes: usize) -> Run {
    let path = path();
    each(move || Segment::create(path.clone(), bytes))
}

pub(super) fn attach(bytes: usize) -> Run {
    let made = Segment::create(path(), bytes);
    each(move || {
        let file = File::open(&made.path).unwrap();
        // SAFETY: nobody writes to it.
        let map = unsafe { Mmap::map(&file) }.unwrap();
        std::hint::black_box(map[0])
    })
}

pub(super) fn fill(bytes: usize) -> Run {
    let path = path();
    fresh::filled(bytes, move |from| {
        let mut made = Segment::create(path.clone(), bytes);
        made.map.copy_from_slice(from);
        made
    })
}

pub(super) fn fill_and_read(bytes: usize) -> Run {
    let path = path();
    fresh::filled(bytes, move |from| {
        let mut made = Segment::create(path.clone(), bytes);
        made.map.copy_from_slice(from);
        std::hint::black_box(sum(&made.map));
        made
    })
}

pub(super) fn load(file: &Path, bytes: usize) -> Run {
    let (file, path) = (file.to_path_buf(), path());
    fresh::made(move || {
        let mut file = File::open(&file).unwrap();
        file.seek(SeekFrom::End(-i64::try_from(bytes).unwrap())).unwrap();
        let mut made = Segment::create(path.clone(), bytes);
        file.read_exact(&mut made.map).unwrap();
        made
    })
}

//! The crate `shared_memory`: `shm_open`, `ftruncate`, `mmap`, under a random name.
#![allow(unsafe_code)] // what it gives is a pointer

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use shared_memory::{Shmem, ShmemConf};

use super::fresh;
use crate::floor::large::sum;
use crate::row::{Run, each};

pub(super) fn segment(bytes: usize) -> Shmem {
    ShmemConf::new().size(bytes).create().unwrap()
}

pub(super) fn create(bytes: usize) -> Run {
    each(move || segment(bytes))
}

pub(super) fn attach(bytes: usize) -> Run {
    let made = segment(bytes);
    each(move || {
        let found = ShmemConf::new().os_id(made.get_os_id()).open().unwrap();
        // SAFETY: mapped, and longer than nothing.
        unsafe { found.as_ptr().read_volatile() }
    })
}

pub(super) fn fill(bytes: usize) -> Run {
    fresh::filled(bytes, move |from| {
        let mut made = segment(bytes);
        // SAFETY: nobody else has it.
        unsafe { made.as_slice_mut() }.copy_from_slice(from);
        made
    })
}

pub(super) fn fill_and_read(bytes: usize) -> Run {
    fresh::filled(bytes, move |from| {
        let mut made = segment(bytes);
        // SAFETY: nobody else has it.
        let memory = unsafe { made.as_slice_mut() };
        memory.copy_from_slice(from);
        std::hint::black_box(sum(memory));
        made
    })
}

pub(super) fn load(file: &Path, bytes: usize) -> Run {
    let file = file.to_path_buf();
    fresh::made(move || {
        let mut file = File::open(&file).unwrap();
        file.seek(SeekFrom::End(-i64::try_from(bytes).unwrap())).unwrap();
        let mut made = segment(bytes);
        // SAFETY: nobody else has it.
        file.read_exact(unsafe { made.as_slice_mut() }).unwrap();
        made
    })
}

//! Any bytes as an `.npz` archive: errors, or members of as many bytes as they say, for no more
//! memory than the archive's own length makes plausible.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use shm_npy::NpyFile;
use shmarray_fuzz::file::MemoryFile;
use shmarray_fuzz::{check_error, memory};

/// Bytes, whatever the archive says: the state of inflate, and names.
const MOST: usize = 1 << 20;
/// Members of more bytes are not read.
const READ: usize = 1 << 20;
/// More members of one archive are not looked at.
const MEMBERS: usize = 8;

static FILE: OnceLock<MemoryFile> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let path = FILE.get_or_init(MemoryFile::new).with(input);
    let members = match memory::at_most(MOST, || NpyFile::members(path)) {
        Ok(members) => members,
        Err(error) => return check_error(&error),
    };
    for name in members.iter().take(MEMBERS) {
        let mut file = match memory::at_most(MOST, || NpyFile::open_member(path, name)) {
            Ok(file) => file,
            Err(error) => {
                check_error(&error);
                continue;
            }
        };
        let (size, len) = (file.header().layout().nbytes(), input.len());
        assert!(size <= len * 1032, "{size} bytes in an archive of {len}");
        if size > READ {
            continue;
        }
        let mut elements = vec![0; size];
        let mut done = 0;
        match memory::at_most(MOST, || file.read_into(&mut elements, |now, _| done = now)) {
            Ok(()) => assert_eq!(done as usize, size),
            Err(error) => check_error(&error),
        }
    }
});

//! Mappings and commit strategies on the real kernel.

use shm_core::{Access, ErrorKind, Region};
use shm_map::{Mapping, reserve, set_len};

fn byte(mapping: &Mapping, at: usize) -> *mut u8 {
    assert!(at < mapping.len());
    mapping.start().as_ptr().wrapping_add(at)
}

#[test]
fn a_file_is_shared_between_two_mappings() {
    let file = tempfile::tempfile().unwrap();
    set_len(&file, 8192).unwrap();
    let writer = Mapping::file(&file, 8192, Access::ReadWrite).unwrap();
    let reader = Mapping::file(&file, 8192, Access::ReadOnly).unwrap();
    // SAFETY: both pointers lie within live mappings that no other thread uses.
    unsafe { byte(&writer, 5000).write_volatile(7) };
    // SAFETY: as above.
    assert_eq!(unsafe { byte(&reader, 5000).read_volatile() }, 7);
    assert_eq!(reader.access(), Access::ReadOnly);
}

#[test]
fn anonymous_memory_has_a_read_only_twin() {
    let memory = Mapping::anonymous(10_000).unwrap();
    let twin = memory.read_only_twin().unwrap();
    // SAFETY: both pointers lie within live mappings that no other thread uses.
    unsafe { byte(&memory, 9_999).write_volatile(9) };
    // SAFETY: as above.
    assert_eq!(unsafe { byte(&twin, 9_999).read_volatile() }, 9);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let start = format!("{:x}-", twin.start().as_ptr() as usize);
    let line = maps.lines().find(|line| line.starts_with(&start)).unwrap();
    assert!(line.contains(" r--s "), "{line}");
}

#[test]
fn reserving_and_populating_reserve_memory() {
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    let len = 40 << 20; // more than two chunks
    reserve(&file, len).unwrap();
    assert_eq!(rustix::fs::fstat(&file).unwrap().st_blocks * 512, len.cast_signed());
    let memory = Mapping::anonymous(20 << 20).unwrap();
    memory.populate(None).unwrap();
}

#[test]
fn more_memory_than_there_is_is_an_error_with_its_figures() {
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    let error = reserve(&file, 1 << 50).unwrap_err();
    let ErrorKind::NoSpace { needs, has: Some(has), .. } = error.kind() else { panic!("{error}") };
    assert!(*needs == 1 << 50 && *has > 0);
    let error = Mapping::anonymous(1 << 46).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSpace { needs, .. } if *needs == 1 << 46));
}

//! Writing in one step: what is there before, while and after.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use shm_core::{DType, ErrorKind, Order};
use shm_npy::{NpyFile, NpyWriter};

fn bytes_type() -> DType {
    "|u1".parse().unwrap()
}

fn write(path: &Path, value: u8) {
    let mut writer = NpyWriter::create(path, &bytes_type(), &[3], Order::C).unwrap();
    writer.write(&[value; 3]).unwrap();
    writer.finish().unwrap();
}

fn value(path: &Path) -> u8 {
    let mut elements = [0; 3];
    NpyFile::open(path).unwrap().read_into(&mut elements, |_, _| {}).unwrap();
    elements[0]
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn nobody_sees_it_before_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    for round in 1..3 {
        let before = names(folder.path());
        let mut writer = NpyWriter::create(&path, &bytes_type(), &[3], Order::C).unwrap();
        writer.write(&[round; 3]).unwrap();
        assert_eq!(names(folder.path()), before);
        writer.finish().unwrap();
        assert_eq!(names(folder.path()), ["x.npy"]);
        assert_eq!(value(&path), round);
    }
}

#[test]
fn what_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    write(&path, 1);
    let begin = || NpyWriter::create(&path, &bytes_type(), &[3], Order::C).unwrap();

    drop(begin());
    let error = begin().finish().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Truncated { needs: 3, has: 0, .. }), "{error}");
    let error = begin().write(&[2; 4]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Oversized { max: 3, has: 4, .. }), "{error}");
    assert_eq!(names(folder.path()), ["x.npy"]);
    assert_eq!(value(&path), 1);

    let none = folder.path().join("none/x.npy");
    let error = NpyWriter::create(none, &bytes_type(), &[3], Order::C).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { .. }), "{error}");
}

#[test]
fn links_stay_and_permissions_are_those_of_new_files() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("x.npy"), folder.path().join("link.npy"));
    write(&path, 1);
    let usual = folder.path().join("usual");
    fs::write(&usual, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&usual));

    symlink("x.npy", &link).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    write(&link, 2);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(value(&path), 2);
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode, "the file itself was replaced");
}

#[test]
fn a_path_without_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap(); // no other test of this program minds
    write(Path::new("here.npy"), 3);
    write(Path::new("here.npy"), 4);
    assert_eq!(value(&folder.path().join("here.npy")), 4);
    assert_eq!(names(folder.path()), ["here.npy"]);
}

#[test]
fn the_mode_of_what_is_replaced_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private.npy");
    write(&path, 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(&path).unwrap().uid();
    write(&path, 2);
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.permissions().mode() & 0o777, found.uid()), (0o600, owner));
    assert_eq!(value(&path), 2);
}

#[test]
fn links_that_lead_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    symlink("sub/second", at("first")).unwrap();
    symlink("third", at("sub/second")).unwrap();
    write(&at("first"), 5);
    assert_eq!(value(&at("sub/third")), 5);
    for link in ["first", "sub/second"] {
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
    }
    symlink("nowhere/x.npy", at("lost")).unwrap();
    let error = NpyWriter::create(at("lost"), &bytes_type(), &[3], Order::C).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { .. }), "{error}");
    assert!(error.to_string().contains("nowhere/x.npy"), "{error}");
    symlink("round", at("round")).unwrap();
    let error = NpyWriter::create(at("round"), &bytes_type(), &[3], Order::C).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { .. }), "{error}");
}

#[test]
fn hard_links_keep_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("x.npy"), folder.path().join("other.npy"));
    write(&path, 1);
    fs::hard_link(&path, &other).unwrap();
    write(&path, 2);
    assert_eq!((value(&path), value(&other)), (2, 1));
}

#[test]
fn segments_and_files_without_a_name_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segment");
    let segment = [&shm_core::Header::MAGIC[..], &[0; 100]].concat();
    fs::write(&path, &segment).unwrap();
    let refused = |path: &Path| {
        let error = NpyWriter::create(path, &bytes_type(), &[3], Order::C).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(&path).contains("it is a shared array"));
    fs::remove_file(&path).unwrap();

    // It comes while the file is written.
    let mut writer = NpyWriter::create(&path, &bytes_type(), &[3], Order::C).unwrap();
    writer.write(&[7; 3]).unwrap();
    fs::write(&path, &segment).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("it is a shared array"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), segment);

    let unnamed = tempfile::tempfile().unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&unnamed));
    assert!(refused(path.as_ref()).contains("the file there has no name"));
}

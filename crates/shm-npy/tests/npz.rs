//! Archives that are damaged or lie.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use shm_core::{ErrorKind, Result};
use shm_npy::NpyFile;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// The header of that many bytes.
fn header(len: u32) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({len},)}}");
    let text_len = u16::try_from(text.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", text_len.as_slice(), text.as_bytes()].concat()
}

/// Has the directory say that the member has so many bytes.
fn lie(path: &Path, size: usize) {
    let mut bytes = fs::read(path).unwrap();
    let entry = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    bytes[entry + 24..entry + 28].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    fs::write(path, &bytes).unwrap();
}

/// An archive with one member.
fn archive(folder: &Path, how: CompressionMethod, contents: &[u8]) -> PathBuf {
    let path = folder.join("x.npz");
    let mut writer = ZipWriter::new(fs::File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(how);
    writer.start_file("x.npy", options).unwrap();
    writer.write_all(contents).unwrap();
    writer.finish().unwrap();
    path
}

/// Opens and reads a member; tells how many bytes were to be read.
fn read(path: &Path, name: &str) -> Result<usize> {
    let mut file = NpyFile::open_member(path, name)?;
    let len = file.header().layout().nbytes();
    let archive = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
    assert!(len <= archive * 1032, "{len} bytes from an archive of {archive}");
    file.read_into(&mut vec![0; len], |_, _| {})?;
    Ok(len)
}

#[test]
fn the_size_in_the_header_counts() {
    let folder = tempfile::tempdir().unwrap();
    for how in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let with = |zeros| [header(10), vec![0; zeros]].concat();
        assert_eq!(read(&archive(folder.path(), how, &with(10)), "x").unwrap(), 10);
        let error = read(&archive(folder.path(), how, &with(9)), "x").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");
        let error = read(&archive(folder.path(), how, &with(10 << 20)), "x").unwrap_err();
        assert!(error.to_string().contains("bytes behind the"), "{error}");
    }
}

#[test]
fn a_directory_that_lies() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = [header(10), vec![0; 10 << 20]].concat();
    let path = archive(folder.path(), CompressionMethod::Deflated, &bomb);
    // It agrees with the member's header: that there is more is found at its end.
    lie(&path, header(10).len() + 10);
    let error = read(&path, "x").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");

    // More than deflate can ever make of that many bytes: nothing is made of it.
    let huge = header(3_000_000_000);
    let path = archive(folder.path(), CompressionMethod::Deflated, &huge);
    lie(&path, huge.len() + 3_000_000_000);
    let error = read(&path, "x").unwrap_err();
    assert!(error.to_string().contains("says that the member has"), "{error}");
}

/// One byte of each archive replaced.
#[test]
fn damaged_archives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.npz");
    for name in ["stored.npz", "deflated.npz"] {
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let bytes = fs::read(whole).unwrap();
        let mut errors = 0;
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff, bytes[at] ^ 1] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                fs::write(&path, &damaged).unwrap();
                let _ = NpyFile::members(&path);
                errors += usize::from(read(&path, "first").is_err());
                errors += usize::from(read(&path, "second").is_err());
            }
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(read(&path, "first").is_err(), "cut at {at}");
        }
        assert!(errors > bytes.len(), "{name}: {errors} errors");
    }
}

/// What is wrong with a member is said of it, and not that there is none.
#[test]
fn the_fault_of_a_member_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for (contents, says) in [
        (&b"\x1f\x8b\x08\0\0\0\0\0\0\0"[..], "compressed by gzip"),
        (b"\x93NUMPY\x04\0\0\0\0\0", "4"),
        (b"text", "truncated"),
    ] {
        let path = archive(folder.path(), CompressionMethod::Deflated, contents);
        let error = read(&path, "x").unwrap_err().to_string();
        assert!(error.to_lowercase().contains(says) && !error.contains("no array"), "{error}");
    }
}

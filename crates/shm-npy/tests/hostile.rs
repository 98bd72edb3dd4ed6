//! Files that are damaged, lie, or are none.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use shm_core::{DType, ErrorKind, Order};
use shm_npy::{NpyFile, NpyHeader, NpyWriter};

fn npy(version: u8, text: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    let len = if version == 1 { &len[..2] } else { &len };
    [b"\x93NUMPY", [version, 0].as_slice(), len, text, data].concat()
}

fn text(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn parse(bytes: &[u8]) -> Result<NpyHeader, shm_core::Error> {
    NpyHeader::read(&mut &*bytes)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("x.npy");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn sizes_that_overflow() {
    for shape in
        ["(4294967296, 4294967296)", "(0, 9223372036854775807, 2)", "(2305843009213693952,)"]
    {
        let error = parse(&npy(1, text("'<f4'", shape).as_bytes(), b"")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ShapeOverflow { .. }), "{error}");
    }
    let many = format!("({})", "1, ".repeat(65));
    let error = parse(&npy(1, text("'<f4'", &many).as_bytes(), b"")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooManyDimensions { ndim: 65, .. }), "{error}");
    let huge = text("[('a', '<f4', (4294967295, 4294967295))]", "(1,)");
    let error = parse(&npy(1, huge.as_bytes(), b"")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error}");
}

#[test]
fn headers_of_unreasonable_length() {
    let long = [b"\x93NUMPY\x02\x00".as_slice(), &[0xff; 4]].concat();
    let error = parse(&long).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Oversized { has: 0xffff_ffff, .. }), "{error}");
    let deep = format!("{}'<f4'{}", "[('a', ".repeat(8000), ")]".repeat(8000 / 4));
    assert!(parse(&npy(2, text(&deep, "(1,)").as_bytes(), b"")).is_err());
    let open = "[".repeat(60_000);
    assert!(parse(&npy(1, text(&open, "(1,)").as_bytes(), b"")).is_err());
}

#[test]
fn versions_that_do_not_exist() {
    let version = |major, minor| {
        parse(&[b"\x93NUMPY".as_slice(), &[major, minor], &[0; 100]].concat()).unwrap_err()
    };
    for major in [0, 4, 255] {
        let error = version(major, 0);
        let ErrorKind::UnsupportedVersion { found, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(*found, u32::from(major));
    }
    let error = version(1, 1);
    assert!(error.to_string().contains("version 1.1; known are 1.0, 2.0 and 3.0"), "{error}");
    let error = parse(b"PK\x03\x04........").unwrap_err();
    assert!(error.to_string().contains("a ZIP archive, as .npz files are"), "{error}");
    assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
}

#[test]
fn a_file_of_another_length() {
    let folder = folder();
    let whole = npy(1, text("'<i4'", "(2, 3)").as_bytes(), &[7; 24]);
    for len in 0..whole.len() {
        let error = NpyFile::open(file(&folder, &whole[..len])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{len} bytes: {error}");
    }
    NpyFile::open(file(&folder, &whole)).unwrap();
    let error = NpyFile::open(file(&folder, &[whole, vec![0]].concat())).unwrap_err();
    assert!(error.to_string().contains("1 bytes behind the"), "{error}");
}

#[test]
fn a_file_that_shrinks_after_it_was_opened() {
    let folder = folder();
    let path = file(&folder, &npy(1, text("'<i4'", "(2, 3)").as_bytes(), &[7; 24]));
    let mut open = NpyFile::open(&path).unwrap();
    let data = open.header().data_offset();
    fs::File::options().write(true).open(&path).unwrap().set_len(data + 10).unwrap();
    let error = open.read_into(&mut [0; 24], |_, _| {}).unwrap_err();
    let ErrorKind::Truncated { needs, has, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*needs, *has), (data + 24, data + 10));
}

#[test]
fn what_is_no_regular_file() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [folder.path(), &fifo, Path::new("/dev/zero")] {
        let error = NpyFile::open(path).unwrap_err(); // and it does not wait
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
        let error = NpyWriter::create(path, &"|u1".parse().unwrap(), &[1], Order::C).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
    }
    assert!(matches!(
        NpyFile::open(folder.path().join("none")).unwrap_err().kind(),
        ErrorKind::Os { call: "open", .. }
    ));
}

/// Whatever a header says, it is an error or consistent with itself.
fn check(bytes: &[u8]) {
    let Ok(header) = parse(bytes) else { return };
    let layout = header.layout();
    assert_eq!(layout.itemsize(), header.dtype().itemsize());
    assert!(isize::try_from(layout.nbytes()).is_ok());
    assert!(header.data_offset() <= bytes.len() as u64);
}

/// One byte of each of NumPy's headers replaced by each byte, removed, or doubled.
#[test]
fn damaged_headers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        if bytes.len() > 4096 {
            continue; // with hundreds of fields, which take minutes
        }
        for at in 0..bytes.len().min(220) {
            let mut damaged = bytes.clone();
            for value in 0..=255 {
                damaged[at] = value;
                check(&damaged);
            }
            let (before, behind) = bytes.split_at(at);
            check(&[before, &behind[1..]].concat());
            check(&[before, &behind[..1], behind].concat());
        }
    }
}

proptest! {
    #[test]
    fn any_text(version in 1_u8..=3, text in any::<Vec<u8>>()) {
        check(&npy(version, &text, b""));
    }

    #[test]
    fn texts_that_are_nearly_right(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", "(", ")", ",", ":", "'descr'", "'fortran_order'", "'shape'", "True",
            "False", "'<f4'", "'|S99999999'", "9999999999", "0", "3", "'a'", "\"", "'", "\\", " ",
        ]), 0..40),
    ) {
        check(&npy(1, pieces.concat().as_bytes(), b""));
    }

    #[test]
    fn what_is_written_is_read(
        shape in prop::collection::vec(0_usize..5, 0..5),
        descr in prop::sample::select(vec!["|u1", "<f8", "|S3", "<M8[25s]", "[('ä', '<f4', (2,)), ('', '|V3')]",
            "[('\u{3b1}\\'', '<V2'), ('n', [('m', '|b1')])]", "<U3", "[('a', '<c8'), ('\\ufeff', '|S0')]"]),
    ) {
        let folder = folder();
        let path = folder.path().join("x.npy");
        let dtype: DType = descr.parse().unwrap();
        let len = shape.iter().product::<usize>() * dtype.itemsize();
        let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
        let mut writer = NpyWriter::create(&path, &dtype, &shape, Order::C).unwrap();
        writer.write(&bytes).unwrap();
        writer.finish().unwrap();
        let mut file = NpyFile::open(&path).unwrap();
        prop_assert_eq!(file.header().dtype(), &dtype);
        prop_assert_eq!(file.header().foreign_dtype(), None);
        prop_assert_eq!(file.header().layout().shape(), &*shape);
        prop_assert_eq!(file.header().layout().order(), Order::C);
        prop_assert_eq!(file.header().data_offset() % 64, 0);
        let mut found = vec![0; len];
        file.read_into(&mut found, |_, _| {}).unwrap();
        prop_assert_eq!(found, bytes);
    }
}

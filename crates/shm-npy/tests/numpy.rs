//! Files that NumPy wrote, read and written back. See `data/README.md`.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::path::{Path, PathBuf};

use shm_core::{ErrorKind, Order};
use shm_npy::{NpyFile, NpyHeader, NpyWriter};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// All elements of a file.
fn read(file: &mut NpyFile) -> Vec<u8> {
    let mut bytes = vec![0xaa; file.header().layout().nbytes()];
    file.read_into(&mut bytes, |_, _| {}).unwrap();
    bytes
}

/// Opens a file, checks what its header says, and reads it.
fn check(name: &str, descr: &str, shape: &[usize], order: Order) -> Vec<u8> {
    let mut file = NpyFile::open(data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (dtype, layout) = (file.header().dtype().to_string(), file.header().layout());
    assert_eq!((&*dtype, layout.shape(), layout.order()), (descr, shape, order), "{name}");
    read(&mut file)
}

/// The bytes of the values 0 to 5.
fn six<T, const N: usize>(bytes: fn(T) -> [u8; N]) -> Vec<u8>
where
    T: From<u8>,
{
    (0..6).flat_map(|value| bytes(T::from(value))).collect()
}

#[test]
fn every_type() {
    let ticks = six(i64::to_le_bytes);
    let complex = |parts: Vec<u8>, len: usize| -> Vec<u8> {
        parts.chunks(len).flat_map(|real| [real, &vec![0; len]].concat()).collect()
    };
    let files: &[(&str, &str, Vec<u8>)] = &[
        ("b1", "|b1", vec![0, 1, 1, 1, 1, 1]),
        ("i1", "|i1", vec![0, 1, 2, 3, 4, 5]),
        ("i2", "<i2", six(i16::to_le_bytes)),
        ("i4", "<i4", six(i32::to_le_bytes)),
        ("i8", "<i8", ticks.clone()),
        ("u1", "|u1", vec![0, 1, 2, 3, 4, 5]),
        ("u2", "<u2", six(u16::to_le_bytes)),
        ("u4", "<u4", six(u32::to_le_bytes)),
        ("u8", "<u8", six(u64::to_le_bytes)),
        // The upper half of the same f32 is the bfloat16; f16 has 10 bits behind the exponent.
        ("f2", "<f2", vec![0, 0, 0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45]),
        ("bf16", "<V2", six(f32::to_le_bytes).chunks(4).flat_map(|f| f[2..].to_vec()).collect()),
        ("f4", "<f4", six(f32::to_le_bytes)),
        ("f8", "<f8", six(f64::to_le_bytes)),
        ("c8", "<c8", complex(six(f32::to_le_bytes), 4)),
        ("c16", "<c16", complex(six(f64::to_le_bytes), 8)),
        ("S5", "|S5", (b'0'..=b'5').flat_map(|digit| [digit, 0, 0, 0, 0]).collect()),
        ("U5", "<U5", (b'0'..=b'5').flat_map(|digit| [&[digit][..], &[0; 19]].concat()).collect()),
        ("V3", "|V3", (0..18).collect()),
        ("M8", "<M8", ticks.clone()),
        ("M8_ns", "<M8[ns]", ticks.clone()),
        ("M8_25s", "<M8[25s]", ticks.clone()),
        ("m8", "<m8", ticks.clone()),
        ("m8_D", "<m8[D]", ticks),
    ];
    for (name, descr, bytes) in files {
        let found = check(&format!("{name}.npy"), descr, &[2, 3], Order::C);
        assert_eq!(found, *bytes, "{name}");
    }
}

#[test]
fn every_order_shape_and_version() {
    let transposed: Vec<u8> = [0_i32, 3, 1, 4, 2, 5].iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_eq!(check("fortran.npy", "<i4", &[2, 3], Order::Fortran), transposed);
    assert_eq!(check("scalar.npy", "<f8", &[], Order::C), 5_f64.to_le_bytes());
    assert_eq!(check("empty.npy", "<f4", &[0, 3], Order::C), [0; 0]);
    let mut dims = [1; 40];
    dims[39] = 2;
    assert_eq!(check("dims40.npy", "<i2", &dims, Order::C), [0; 4]);
    for version in ["version1.npy", "version2.npy", "version3.npy"] {
        assert_eq!(check(version, "<i4", &[2, 3], Order::C), six(i32::to_le_bytes));
    }
}

#[test]
fn structures() {
    let descr = "[('a', '|u1'), ('', '|V3'), ('b', '<f4'), ('c', '<i2', (2, 2)), \
                 ('d', [('x', '|u1'), ('t', '<M8[ms]')]), ('', '|V3')]";
    let bytes = check("record.npy", descr, &[2], Order::C);
    let (first, second) = bytes.split_at(28);
    for (record, base) in [(first, 1_u8), (second, 9)] {
        let word = i16::from(base);
        assert_eq!(record[0], base);
        assert_eq!(record[4..8], (f32::from(base) + 1.5).to_le_bytes());
        let words: Vec<u8> = (2..6).flat_map(|i| (word + i).to_le_bytes()).collect();
        assert_eq!(record[8..16], words);
        assert_eq!(record[16], base + 6);
        assert_eq!(record[17..25], i64::from(base + 7).to_le_bytes());
    }
    assert_eq!(check("latin1.npy", "[('é', '|u1')]", &[2], Order::C), [1, 2]);
    assert_eq!(check("greek.npy", "[('α', '|u1')]", &[2], Order::C), [1, 2]);
    let names = r#"[('\ufeffid', '|u1'), ('a\xa0b', '|u1'), ('tab\t', '|u1'), ('\x7f', '|u1'), ("it's", '|u1'), ('\\', '|u1')]"#;
    assert_eq!(check("names.npy", names, &[1], Order::C), [0, 1, 2, 3, 4, 5]);
    let fields = NpyFile::open(data("fields350.npy")).unwrap();
    assert!(fields.header().dtype().to_string().len() > 8192);
}

/// The same array in both byte orders.
#[test]
fn the_other_byte_order_is_converted_on_request() {
    let (big, little) = (data("swapped.npy"), data("unswapped.npy"));
    let mut native = NpyFile::open(&little).unwrap();
    let mut converted = NpyFile::open(&big).unwrap();
    if cfg!(target_endian = "big") {
        std::mem::swap(&mut native, &mut converted);
    }
    assert_eq!(native.header().foreign_dtype(), None);
    native.header().require_native().unwrap();
    assert_eq!(converted.header().dtype(), native.header().dtype());
    assert_eq!(converted.header().layout(), native.header().layout());
    let foreign = converted.header().foreign_dtype().unwrap().to_string();
    assert!(foreign.starts_with("[('i', '>i2'), ('c', '>c8', (2,)), ('u', '>U2'),"), "{foreign}");
    let error = converted.header().require_native().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error}");
    assert!(error.to_string().contains("the other byte order: ask for this machine's"), "{error}");
    assert_eq!(read(&mut converted), read(&mut native));

    let mut fortran = NpyFile::open(data("big_fortran.npy")).unwrap();
    assert_eq!(fortran.header().layout().order(), Order::Fortran);
    let transposed = [0_i32, 3, 1, 4, 2, 5].map(i32::to_ne_bytes).concat();
    assert_eq!(read(&mut fortran), transposed);
}

/// Python 2 wrote the bytes of UTF-8 into headers of version 1, which are Latin-1.
#[test]
fn names_in_utf8_in_a_header_of_version_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python2.npy");
    let text = "{'descr': [('\u{3b1}\u{3ac}', '|u1')], 'fortran_order': False, 'shape': (2L,), }\n";
    let len = u8::try_from(text.len()).unwrap();
    std::fs::write(&path, [b"\x93NUMPY\x01\x00", &[len, 0][..], text.as_bytes(), &[1, 2]].concat())
        .unwrap();
    let mut file = NpyFile::open(&path).unwrap();
    let descr = r"[('Î±Î¬', '|u1')]"; // as NumPy reads it
    assert_eq!(file.header().dtype().to_string(), descr);
    let bytes = read(&mut file);
    let mut writer = NpyWriter::create(&path, file.header().dtype(), &[2], Order::C).unwrap();
    writer.write(&bytes).unwrap();
    writer.finish().unwrap();
    let again = NpyFile::open(&path).unwrap();
    assert_eq!(again.header().dtype(), file.header().dtype());
}

#[test]
fn what_cannot_be_shared() {
    for (name, reason) in [
        ("object", "Python objects cannot be shared"),
        ("object_field", "Python objects cannot be shared"),
        ("longdouble", "long double differs from machine to machine"),
        ("title", "titles of fields are not supported"),
    ] {
        let error = NpyFile::open(data(&format!("bad_{name}.npy"))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

/// All that is in C order comes back as NumPy wrote it, to the last byte of the header.
#[test]
fn what_is_written_is_what_numpy_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for entry in data(".").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The other versions are never needed for these, and the other byte order is not written.
        let other = ["version2.npy", "version3.npy", "swapped.npy", "big_fortran.npy"];
        let other = other.contains(&&*name);
        if other || name.starts_with("bad_") || !name.ends_with(".npy") {
            continue;
        }
        let mut file = NpyFile::open(&path).unwrap();
        let bytes = read(&mut file);
        let to = folder.path().join("written.npy");
        let (dtype, layout) = (file.header().dtype(), file.header().layout());
        let mut writer = NpyWriter::create(&to, dtype, layout.shape(), layout.order()).unwrap();
        for piece in bytes.chunks(7) {
            writer.write(piece).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(plain(&to), plain(&path), "{name}");
        count += 1;
    }
    assert_eq!(count, 35);
}

/// The bytes of a file, its header without padding: NumPy leaves room for the shape to grow.
fn plain(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let start = NpyHeader::read(&mut &*bytes).unwrap().data_offset();
    let (header, data) = bytes.split_at(usize::try_from(start).unwrap());
    assert_eq!(header.len() % 64, 0);
    (header[..8].iter().chain(header[12..].trim_ascii_end()).copied().collect(), data.to_vec())
}

#[test]
fn progress_only_grows_and_ends_with_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.npy");
    let bytes: Vec<u8> = (0..5_000_000_u32).flat_map(|n| u8::try_from(n % 251)).collect();
    let mut writer =
        NpyWriter::create(&path, &"|u1".parse().unwrap(), &[bytes.len()], Order::C).unwrap();
    writer.write(&bytes).unwrap();
    writer.finish().unwrap();

    let mut file = NpyFile::open(&path).unwrap();
    let (mut found, mut last, mut calls) = (vec![0; bytes.len()], 0, 0);
    file.read_into(&mut found, |done, all| {
        assert!(last < done && done <= all && all == 5_000_000, "{last} {done} {all}");
        (last, calls) = (done, calls + 1);
    })
    .unwrap();
    assert_eq!((last, calls), (5_000_000, 5));
    assert!(found == bytes);

    // A second time, and not to a place of another size.
    found.fill(0);
    file.read_into(&mut found, |_, _| {}).unwrap();
    assert!(found == bytes);
    let error = file.read_into(&mut found[1..], |_, _| {}).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LengthMismatch { .. }), "{error}");
}

#[cfg(feature = "npz")]
mod npz {
    use super::*;

    #[test]
    fn stored_and_deflated() {
        for name in ["stored.npz", "deflated.npz"] {
            assert_eq!(NpyFile::members(data(name)).unwrap(), ["first", "second"]);
            let mut first = NpyFile::open_member(data(name), "first").unwrap();
            assert_eq!(read(&mut first), six(i32::to_le_bytes), "{name}");
            assert_eq!(read(&mut first), six(i32::to_le_bytes), "{name}, once more");
            let mut second = NpyFile::open_member(data(name), "second.npy").unwrap();
            assert_eq!(second.header().dtype().to_string(), "<f8");
            assert_eq!(read(&mut second).len(), second.header().layout().nbytes());
        }
        let mut swapped = NpyFile::open_member(data("swapped.npz"), "x").unwrap();
        assert!(swapped.header().foreign_dtype().is_some());
        assert_eq!(read(&mut swapped), read(&mut NpyFile::open(data("unswapped.npy")).unwrap()));
        let second = NpyFile::open_member(data("stored.npz"), "second").unwrap();
        assert_eq!(second.header().layout().order(), Order::Fortran);
        let error = NpyFile::open_member(data("stored.npz"), "third").unwrap_err();
        assert!(error.to_string().contains("no array \"third\""), "{error}");
        let error = NpyFile::members(data("i4.npy")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
    }

    #[test]
    fn what_is_no_array_or_packed_in_another_way() {
        for (name, method) in [("bzip2.npz", "Bzip2"), ("lzma.npz", "Lzma")] {
            assert_eq!(NpyFile::members(data(name)).unwrap(), ["i4", "readme.txt"]);
            for member in ["i4", "i4.npy"] {
                let error = NpyFile::open_member(data(name), member).unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error:?}");
                let expected = format!("its member \"i4.npy\" is compressed by {method};");
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
        let error = NpyFile::open_member(data("stored.npz"), "readme.txt").unwrap_err();
        assert!(error.to_string().contains("no array \"readme.txt\""), "{error}");
    }
}

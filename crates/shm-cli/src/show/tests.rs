//! The output of `show` beside that of NumPy.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shm_npy::NpyFile;
use shmarray::{ErrorKind, Order, memory::Layout};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/show")
}

/// What `show` prints for an array that NumPy has saved.
fn printed(name: &str, slice: Option<&str>, is_all: bool) -> String {
    let mut file = NpyFile::open_member(folder().join("arrays.npz"), name).unwrap();
    let header = file.header().clone();
    let mut elements = vec![0; header.layout().nbytes()];
    file.read_into(&mut elements, |_, _| {}).unwrap();
    let mut window = Window::whole(header.layout());
    if let Some(slice) = slice {
        window = super::slice::select(&window, slice).unwrap();
    }
    let read: Read<'_> = &|to, offset| {
        let at = usize::try_from(offset).unwrap();
        to.copy_from_slice(&elements[at..at + to.len()]);
        Ok(())
    };
    let mut text = Vec::new();
    print(read, header.dtype(), &window, (is_all, brackets::LINE), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn arrays_and_slices_look_as_numpy_prints_them() {
    let text = fs::read_to_string(folder().join("printed.txt")).unwrap();
    let mut faults = String::new();
    let mut count = 0;
    for section in text.split("== ").skip(1) {
        let (title, expected) = section.split_once('\n').unwrap();
        let (name, slice) = match title.split_once('[') {
            Some((name, slice)) => (name, slice.strip_suffix(']')),
            None => (title, None),
        };
        let found = printed(name, slice, false);
        if found != expected {
            faults += &format!("{title}: expected\n{expected}found\n{found}");
        }
        count += 1;
    }
    assert!(faults.is_empty(), "{faults}");
    assert_eq!(count, 113);
}

#[test]
fn all_of_a_large_array_is_printed_if_asked_for() {
    let text = printed("summary", None, true);
    let numbers: Vec<u32> = text
        .trim_matches(['[', ']', '\n'])
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect();
    assert_eq!(numbers, Vec::from_iter(0..=1000));
}

/// Prints an array of zeros of that shape; tells the text and which pages were read.
fn pages(shape: &[usize], order: Order, dtype: &str) -> anyhow::Result<(String, BTreeSet<u64>)> {
    let dtype: DType = dtype.parse().unwrap();
    let layout = Layout::new(shape, order, dtype.itemsize()).unwrap();
    let (nbytes, pages) = (layout.nbytes() as u64, RefCell::new(BTreeSet::new()));
    let read: Read<'_> = &|to, offset| {
        let end = offset + to.len() as u64;
        if end > nbytes {
            return Err(ErrorKind::Truncated { what: "the array", needs: end, has: nbytes }.into());
        }
        to.fill(0);
        pages.borrow_mut().extend(offset >> 12..=(end - 1) >> 12);
        Ok(())
    };
    let mut text = Vec::new();
    print(read, &dtype, &Window::whole(&layout), (false, brackets::LINE), &mut text)?;
    Ok((String::from_utf8(text).unwrap(), pages.into_inner()))
}

#[test]
fn only_what_is_printed_is_read() {
    for order in [Order::C, Order::Fortran] {
        let (text, pages) = pages(&[1 << 20, 1 << 20], order, "|u1").unwrap();
        assert_eq!(text.lines().count(), 7);
        assert_eq!(text.lines().next().unwrap(), "[[0 0 0 ... 0 0 0]");
        assert!(pages.len() <= 12, "{pages:?}");
    }
    let (_, pages) = pages(&[1 << 40], Order::C, "|u1").unwrap();
    assert_eq!(pages.len(), 2);
}

#[test]
fn what_cannot_be_printed_is_an_error_at_once() {
    let error = |shape: &[usize], dtype| pages(shape, Order::C, dtype).unwrap_err().to_string();
    assert_eq!(
        error(&[2; 40], "|u1"),
        "the corners of 40 dimensions are 1099511627776 elements, more than 300000; take a slice"
    );
    assert_eq!(
        error(&[3], "|S1000000000"),
        "3 elements of 1000000000 bytes to print are more than 67108864 bytes; take a slice, or \
         `save` the array"
    );
    assert_eq!(pages(&[0; 40], Order::C, "|u1").unwrap().0, "[]\n");
    assert!(pages(&[1; 64], Order::C, "|u1").unwrap().0.starts_with(&"[".repeat(64)));
}

#[test]
fn a_truncated_array_is_an_error() {
    let read: Read<'_> =
        &|_, _| Err(ErrorKind::Truncated { what: "the segment", needs: 12, has: 4 }.into());
    let window = Window::whole(&Layout::new([3], Order::C, 4).unwrap());
    let error =
        print(read, &"<i4".parse().unwrap(), &window, (false, brackets::LINE), &mut Vec::new())
            .unwrap_err();
    assert_eq!(error.to_string(), "the segment is truncated: needs 12 bytes, has 4");
}

//! Arrays whose type is known at run time only: what they can do, and what they refuse.
#![cfg(all(feature = "shm", feature = "mmap", feature = "memfd"))]
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::time::Duration;

use ndarray::{Axis, Slice, SliceInfoElem};
use shmarray::mode::ReadWrite;
use shmarray::prelude::*;
use shmarray::{DType, Error};

const BACKENDS: [BackendKind; 3] = [BackendKind::Shm, BackendKind::Mmap, BackendKind::Memfd];

fn dtype(descr: &str) -> DType {
    descr.parse().unwrap()
}

/// 0, 1, 2, … as 16-bit integers.
fn counting(count: i16) -> Vec<u8> {
    (0..count).flat_map(i16::to_ne_bytes).collect()
}

fn native_i16() -> DType {
    i16::dtype()
}

/// 4 rows of 3, of which each element tells its place.
fn numbered(backend: BackendKind) -> ErasedArray {
    let builder = ErasedArray::builder(native_i16(), &[4, 3]).unique("erased").backend(backend);
    builder.from_bytes(&counting(12)).unwrap()
}

/// The same, guarded.
fn guarded(backend: BackendKind) -> ErasedArray {
    let builder = ErasedArray::builder(native_i16(), &[4, 3]).unique("erased").backend(backend);
    builder.guarded(true).from_bytes(&counting(12)).unwrap()
}

fn bytes_of(array: &ErasedArray) -> Vec<u8> {
    let mut bytes = vec![0xAA; array.nbytes()];
    array.elements().unwrap().read_bytes(array.dtype(), &mut bytes).unwrap();
    bytes
}

fn integers_of(array: &ErasedArray) -> Vec<i16> {
    bytes_of(array).chunks(2).map(|pair| i16::from_ne_bytes([pair[0], pair[1]])).collect()
}

fn refused<T>(result: Result<T, impl Into<Error>>) -> ErrorKindName {
    let Err(error) = result else { return ErrorKindName("nothing".into()) };
    let kind = format!("{:?}", error.into().kind());
    let end = kind.find([' ', '{', '(']).unwrap_or(kind.len());
    ErrorKindName(kind[..end].into())
}

#[derive(Debug, PartialEq)]
struct ErrorKindName(String);

fn kind(name: &str) -> ErrorKindName {
    ErrorKindName(name.into())
}

#[test]
fn a_type_known_at_run_time_gives_the_array_of_that_type() {
    for backend in BACKENDS {
        let array = numbered(backend);
        let typed: SharedArray<i16, Ix2> = array.clone().typed().unwrap();
        assert_eq!(typed.to_owned_array()[(3, 1)], 10);
        typed.set((3, 1), -1).unwrap();
        assert_eq!(integers_of(&array)[10], -1);
        assert_eq!(
            (array.shape(), &*array.strides(), array.nbytes()),
            (typed.shape(), typed.strides(), typed.nbytes())
        );
        assert_eq!(refused(array.typed::<u16, Ix2, ReadWrite>()), kind("DTypeMismatch"));
    }
}

#[test]
fn the_first_contents_are_those_that_were_given() {
    let builder = |descr| ErasedArray::builder(dtype(descr), &[2, 3]).unique("erased");
    let integers = || ErasedArray::builder(native_i16(), &[2, 3]).unique("erased");
    assert_eq!(bytes_of(&builder("|u1").zeros().unwrap()), [0; 6]);
    assert_eq!(bytes_of(&integers().full(&[1, 2]).unwrap()), [1, 2].repeat(6));
    // Elements of 3 bytes have words of 1, those of 12 have words of 4.
    assert_eq!(bytes_of(&builder("|V3").full(&[7, 8, 9]).unwrap()), [7, 8, 9].repeat(6));
    let all: Vec<u8> = (0..72).collect();
    assert_eq!(bytes_of(&builder("|V12").from_bytes(&all).unwrap()), all);

    let fortran = builder("|u1").order(Order::Fortran).from_bytes(&[0, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(bytes_of(&fortran), [0, 1, 2, 3, 4, 5]);
    assert_eq!(&*fortran.strides(), [1, 2]);
    let typed: SharedArray<u8, Ix2> = fortran.typed().unwrap();
    assert_eq!(typed.get((1, 0)), Some(3));

    let by_memory = builder("|u1").order(Order::Fortran).filled_by(|bytes| {
        assert_eq!(bytes, [0; 6]);
        bytes.copy_from_slice(&[0, 3, 1, 4, 2, 5]);
        Ok(())
    });
    assert_eq!(bytes_of(&by_memory.unwrap()), [0, 1, 2, 3, 4, 5]);

    assert_eq!(refused(integers().full(&[1])), kind("LengthMismatch"));
    assert_eq!(refused(integers().from_bytes(&[0; 13])), kind("LengthMismatch"));
    let fails = builder("|u1")
        .name("erased-fails")
        .filled_by(|_| Err(ErrorKind::InvalidWindow { reason: "no contents".into() }.into()));
    assert_eq!(refused(fails), kind("InvalidWindow"));
    assert_eq!(refused(ErasedArray::attach("erased-fails")), kind("NotFound"));
}

#[test]
fn parts_and_shapes_show_the_same_memory() {
    let array = numbered(BackendKind::Shm);
    let part = array.slice(s![1..;2, ..;-1]).unwrap();
    assert_eq!((part.shape(), &*part.strides()), (&[2, 3][..], &[6, -1][..]));
    assert_eq!(integers_of(&part), [5, 4, 3, 11, 10, 9]);
    part.elements_mut().unwrap().write_bytes(&native_i16(), &[0; 12]).unwrap();
    assert_eq!(integers_of(&array), [0, 1, 2, 0, 0, 0, 6, 7, 8, 0, 0, 0]);

    let axes: Vec<SliceInfoElem> = vec![2.into(), Slice::from(1..).into()];
    let row = array.slice(axes).unwrap();
    assert_eq!((row.ndim(), integers_of(&row)), (1, vec![7, 8]));
    assert_eq!(integers_of(&array.reshape(&[6, 2]).unwrap().slice(s![3, ..]).unwrap()), [6, 7]);
    assert_eq!(array.renamed("another").unwrap().name().as_str(), "another");
    assert_eq!(refused(array.slice(s![..])), kind("NdimMismatch"));
    assert_eq!(refused(array.slice(s![9, ..])), kind("OutOfBounds"));
    assert_eq!(refused(array.reshape(&[5])), kind("ReshapeMismatch"));
    assert_eq!(refused(part.reshape(&[6])), kind("NotContiguous"));

    let empty = array.slice(s![1..1, ..]).unwrap();
    assert_eq!((empty.nbytes(), bytes_of(&empty)), (0, vec![]));
}

#[test]
fn single_elements_and_their_bounds() {
    let array = numbered(BackendKind::Memfd).slice(s![..;-1, 1]).unwrap();
    let elements = array.elements_mut().unwrap();
    assert_eq!(elements.get(&[0]), Some(10_i16.to_ne_bytes().to_vec()));
    elements.set(&[3], &77_i16.to_ne_bytes()).unwrap();
    assert_eq!(integers_of(&array), [10, 7, 4, 77]);
    for outside in [&[4][..], &[usize::MAX], &[], &[0, 0]] {
        assert_eq!(elements.get(outside), None);
        assert_eq!(refused(elements.set(outside, &[0; 2])), kind("OutOfBounds"));
    }
    assert_eq!(refused(elements.set(&[0], &[0; 3])), kind("LengthMismatch"));

    let mut bytes = [0; 8];
    assert_eq!(refused(elements.read_bytes(&u32::dtype(), &mut bytes)), kind("DTypeMismatch"));
    assert_eq!(refused(elements.write_bytes(&u16::dtype(), &bytes)), kind("DTypeMismatch"));
    assert_eq!(
        refused(elements.read_bytes(&native_i16(), &mut bytes[1..])),
        kind("LengthMismatch")
    );
    assert_eq!(refused(elements.write_bytes(&native_i16(), &[0; 9])), kind("LengthMismatch"));
    assert_eq!(integers_of(&array), [10, 7, 4, 77]);
}

#[test]
fn pointers_lead_to_the_first_element() {
    let array = numbered(BackendKind::Mmap);
    let typed: SharedArray<i16, Ix2> = array.clone().typed().unwrap();
    assert_eq!(array.elements().unwrap().as_ptr(), typed.raw_view().as_ptr().cast());
    let part = array.slice(s![1..;2, ..;-1]).unwrap();
    let (first, strides) = (part.elements_mut().unwrap().as_mut_ptr(), part.strides());
    let at = first.cast::<i16>().wrapping_offset(strides[0] + strides[1]);
    // SAFETY: element (1, 1) of the part, which nobody else uses now.
    unsafe { at.write(99) };
    assert_eq!(typed.get((3, 1)), Some(99));
}

#[test]
fn what_may_only_be_read_is_not_written() {
    let array = numbered(BackendKind::Shm);
    let read_only = ErasedArray::attach_read_only(array.name().as_str()).unwrap();
    assert_eq!(integers_of(&read_only), integers_of(&array));
    assert_eq!(refused(read_only.elements_mut()), kind("AccessDenied"));
    assert_eq!(refused(read_only.progress_owned()), kind("AccessDenied"));
    assert_eq!(refused(read_only.barrier_owned(1, Timeout::NoWait)), kind("AccessDenied"));
    assert_eq!(refused(read_only.freeze()), kind("AccessDenied"));
    let payload = array.payload().unwrap();
    let by_payload = ErasedArray::from_payload_read_only(&payload).unwrap();
    assert_eq!(refused(by_payload.elements_mut()), kind("AccessDenied"));

    let frozen = numbered(BackendKind::Memfd).freeze().unwrap();
    assert!(frozen.is_frozen());
    assert_eq!(integers_of(&frozen)[11], 11);
    assert_eq!(refused(frozen.elements_mut()), kind("AccessDenied"));
    assert_eq!(refused(frozen.freeze()), kind("AccessDenied"));
}

#[test]
fn a_guarded_array_gives_its_elements_to_guards_only() {
    for backend in BACKENDS {
        let array = guarded(backend);
        assert!(array.is_guarded());
        assert_eq!(refused(array.elements()), kind("GuardMismatch"));
        assert_eq!(refused(array.elements_mut()), kind("GuardMismatch"));
        let part = array.slice(s![1.., ..]).unwrap();
        assert_eq!(refused(part.elements()), kind("GuardMismatch"));

        let guard = part.write_within(Timeout::NoWait).unwrap();
        assert_eq!(guard.elements().get(&[0, 0]), Some(3_i16.to_ne_bytes().to_vec()));
        guard.elements().set(&[0, 0], &[0; 2]).unwrap();
        assert_eq!(refused(array.read_within(Timeout::NoWait)), kind("TimedOut"));
        assert_eq!(refused(array.write_within(Duration::ZERO)), kind("TimedOut"));
        drop((part, guard));

        let (one, two) = (array.read_poisoned(Timeout::NoWait), array.read_within(Timeout::NoWait));
        assert_eq!(one.unwrap().elements().get(&[1, 0]), two.unwrap().elements().get(&[1, 0]));
        assert!(!array.is_poisoned().unwrap());
        let open = numbered(backend);
        assert_eq!(refused(open.read_within(Timeout::NoWait)), kind("GuardMismatch"));
        assert_eq!(refused(open.chunks_of_round(0, 0, 1)), kind("GuardMismatch"));
    }
    let frozen = guarded(BackendKind::Memfd).freeze().unwrap();
    assert_eq!(integers_of(&frozen)[11], 11); // nobody writes it, so nobody needs a guard
}

#[test]
fn a_writer_that_says_so_leaves_it_poisoned() {
    let array = guarded(BackendKind::Mmap);
    array.write_within(Timeout::NoWait).unwrap().set_poisoned(true);
    assert!(array.is_poisoned().unwrap());
    assert_eq!(refused(array.read_within(Timeout::NoWait)), kind("Poisoned"));
    assert_eq!(refused(array.write_within(Timeout::NoWait)), kind("Poisoned"));
    assert!(array.read_poisoned(Timeout::NoWait).unwrap().is_poisoned());
    let mut guard = array.write_poisoned(Timeout::NoWait).unwrap();
    assert!(guard.is_poisoned());
    guard.set_poisoned(false);
    drop(guard);
    drop(array.read_within(Timeout::NoWait).unwrap());
}

#[test]
fn chunks_are_rows_for_one_worker() {
    let array = guarded(BackendKind::Shm);
    let chunks = array.chunks_of_round(0, 1, 2).unwrap();
    let mut ranges = Vec::new();
    while let Some(chunk) = chunks.claim_within(Timeout::NoWait).unwrap() {
        assert_eq!((chunk.index() as usize, chunk.is_retry()), (ranges.len(), false));
        assert_eq!(chunk.elements().array().shape(), [4, chunk.range().len()]);
        let nbytes = chunk.elements().array().nbytes();
        chunk.elements().write_bytes(&native_i16(), &vec![1; nbytes]).unwrap();
        assert_eq!(refused(array.read_within(Timeout::NoWait)), kind("TimedOut"));
        ranges.push(chunk.range());
        chunk.done();
    }
    assert_eq!(ranges, [0..2, 2..3]);
    assert_eq!(chunks.progress().unwrap().done, 2);
    assert_eq!(chunks.wait_past(1, Timeout::NoWait).unwrap().done, 2);
    let guard = array.read_within(Timeout::NoWait).unwrap();
    let mut bytes = vec![0; array.nbytes()];
    guard.elements().read_bytes(array.dtype(), &mut bytes).unwrap();
    assert_eq!(bytes, [1; 24]);
    drop(guard);

    // Dropped, a chunk comes again, here to a typed worker.
    drop(array.chunks_of_round(1, 0, 4).unwrap().claim_within(Timeout::NoWait).unwrap());
    let typed: GuardedArray<i16, Ix2> = array.clone().typed().unwrap();
    let chunk = typed.chunks_of_round(1, Axis(0), 4).unwrap().claim().unwrap().unwrap();
    assert!(chunk.is_retry());
    let part = array.slice(s![..2, ..]).unwrap();
    assert_eq!(refused(part.chunks_of_round(2, 0, 1)), kind("NotWhole"));
    assert_eq!(refused(array.chunks_of_round(2, 7, 1)), kind("InvalidRound"));
}

#[test]
fn an_array_in_use_here_is_not_frozen() {
    let array = numbered(BackendKind::Memfd);
    let clone = array.clone();
    let error = array.freeze().unwrap_err();
    assert_eq!(refused::<()>(Err(error)), kind("StillWritable"));
    let part = clone.slice(s![0, ..]).unwrap();
    let error = clone.freeze().unwrap_err();
    drop(part);
    let array = error.into_array().unwrap();
    let progress = array.progress_owned().unwrap();
    let error = array.freeze().unwrap_err();
    drop(progress);
    assert!(error.into_array().unwrap().freeze().unwrap().is_frozen());

    let array = guarded(BackendKind::Memfd);
    let guard = array.read_within(Timeout::NoWait).unwrap();
    let error = array.freeze().unwrap_err();
    assert!(matches!(error.error().kind(), ErrorKind::TimedOut { .. }), "{error}");
    drop(guard);
    assert!(error.into_array().unwrap().freeze().unwrap().is_frozen());
    assert_eq!(refused(numbered(BackendKind::Shm).freeze()), kind("BackendCannot"));
}

#[test]
fn detached_it_comes_back_as_it_was() {
    let array = numbered(BackendKind::Shm).slice(s![2, ..]).unwrap().renamed("here").unwrap();
    let detached = array.detach();
    assert_eq!(detached.name().as_str(), "here");
    let again = detached.attach().unwrap();
    assert_eq!((again.name().as_str(), integers_of(&again)), ("here", vec![6, 7, 8]));
}

#[test]
fn a_file_descriptor_and_a_payload_lead_to_it() {
    for backend in [BackendKind::Shm, BackendKind::Memfd] {
        let array = numbered(backend).slice(s![.., 0]).unwrap();
        let payload = array.payload().unwrap();
        let fd = || array.fd().unwrap().try_clone_to_owned().unwrap();
        let again = ErasedArray::from_fd(&payload, fd()).unwrap();
        assert_eq!(integers_of(&again), [0, 3, 6, 9]);
        again.elements_mut().unwrap().set(&[0], &[0xFF; 2]).unwrap();
        assert_eq!(integers_of(&array)[0], -1);

        let another = numbered(backend).payload().unwrap();
        assert_eq!(refused(ErasedArray::from_fd(&another, fd())), kind("SegmentMismatch"));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(refused(ErasedArray::from_fd(&payload, file.into())), kind("NotASegment"));
    }
    assert!(numbered(BackendKind::Mmap).fd().is_none());
}

//! Arrays that are guarded: whom they let in, and what can be done with them without a guard.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use ndarray::{Array2, ArrayView, Dimension, NdIndex, RawArrayView, array};
use shmarray::Error;
use shmarray::mode::{Frozen, Guarded, Memfd, ReadOnly, ReadWrite};
use shmarray::prelude::*;

/// The backends that this build has.
fn backends() -> Vec<BackendKind> {
    let kinds = [
        (BackendKind::Shm, cfg!(feature = "shm")),
        (BackendKind::Mmap, cfg!(feature = "mmap")),
        (BackendKind::Memfd, cfg!(feature = "memfd")),
    ];
    kinds.into_iter().filter(|(_, compiled)| *compiled).map(|(kind, _)| kind).collect()
}

/// An array of 4 times 4 elements, of which each tells its place.
fn guarded(backend: BackendKind) -> GuardedArray<u64, Ix2> {
    let prefix = format!("guarded-{backend}");
    GuardedArray::builder((4, 4))
        .unique(prefix)
        .backend(backend)
        .from_fn(|(i, j)| (10 * i + j) as u64)
        .unwrap()
}

/// What pointers lead to, in a test where nobody writes.
fn seen<D: Dimension>(raw: RawArrayView<u64, D>) -> ndarray::Array<u64, D> {
    // SAFETY: the test holds the array, and no thread or process writes it now.
    let view: ArrayView<'_, u64, D> = unsafe { raw.deref_into_view() };
    view.to_owned()
}

/// Writes one element, in a test where nobody else reads or writes.
fn put<D: Dimension>(array: &GuardedArray<u64, D>, index: impl NdIndex<D>, value: u64) {
    // SAFETY: the test holds the array, and no thread or process uses it now.
    let mut view = unsafe { array.raw_view_mut().deref_into_view_mut() };
    view[index] = value;
}

fn told<T>(result: Result<T, Error>) -> String {
    let Err(error) = result else { panic!("the wrong pairing is let in") };
    assert!(matches!(error.kind(), ErrorKind::GuardMismatch { .. }), "{error:?}");
    error.to_string()
}

fn is_guarded(name: &str) -> String {
    format!(
        "array {name:?} is guarded: attach it as a GuardedArray, whose elements are reached \
         through read(), write() and chunks(), or as a FrozenArray once it is frozen"
    )
}

fn is_not_guarded(name: &str) -> String {
    format!(
        "array {name:?} is not guarded: attach it as a SharedArray, or make it with \
         GuardedArray::builder"
    )
}

#[test]
fn open_types_do_not_get_at_a_guarded_array() {
    for backend in backends() {
        let array = guarded(backend);
        let name = array.name().as_str();
        let expected = is_guarded(name);
        let erased = || array.erased();
        assert_eq!(told(erased().typed::<u64, Ix2, ReadWrite>()), expected);
        assert_eq!(told(erased().typed::<u64, Ix2, ReadOnly>()), expected);
        assert_eq!(told(erased().typed::<u64, Ix2, Memfd>()), expected);
        let not_frozen = erased().typed::<u64, Ix2, Frozen>().unwrap_err();
        assert!(matches!(not_frozen.kind(), ErrorKind::NotSealed { .. }), "{not_frozen}");
        if backend != BackendKind::Memfd {
            assert_eq!(told(SharedArray::<u64, Ix2>::attach(name)), expected);
            assert_eq!(told(SharedArray::<u64, Ix2>::attach_shaped(name, (4, 4))), expected);
            assert_eq!(told(ReadOnlyArray::<u64, Ix2>::attach(name)), expected);
        }
        if backend != BackendKind::Mmap {
            let payload = array.payload().unwrap();
            assert_eq!(told(SharedArray::<u64, Ix2>::from_payload(&payload)), expected);
            assert_eq!(told(ReadOnlyArray::<u64, Ix2>::from_payload(&payload)), expected);
        }
        let renamed = array.renamed("another").unwrap().erased();
        assert_eq!(told(renamed.typed::<u64, Ix2, ReadWrite>()), is_guarded("another"));
        // Whoever was refused has taken nothing with him.
        assert_eq!(seen(array.raw_view())[(3, 3)], 33);
    }
}

#[test]
fn a_guarded_type_does_not_get_at_an_open_array() {
    for backend in backends() {
        let array = SharedArray::<u64, _>::builder((4, 4)).backend(backend).zeros().unwrap();
        let name = array.name().as_str();
        let expected = is_not_guarded(name);
        assert!(!array.erased().is_guarded());
        assert_eq!(told(array.erased().typed::<u64, Ix2, Guarded>()), expected);
        if backend != BackendKind::Memfd {
            assert_eq!(told(GuardedArray::<u64, Ix2>::attach(name)), expected);
        }
        if backend != BackendKind::Mmap {
            let payload = array.payload().unwrap();
            assert_eq!(told(GuardedArray::<u64, Ix2>::from_payload(&payload)), expected);
        }
    }
}

#[test]
fn guarded_arrays_are_made_like_others() {
    for backend in backends() {
        let zeros: GuardedArray<u64, Ix1> =
            GuardedArray::builder(3).backend(backend).zeros().unwrap();
        assert_eq!(seen(zeros.raw_view()), array![0, 0, 0]);
        assert_eq!((zeros.backend(), zeros.len(), zeros.nbytes()), (backend, 3, 24));
        let full = GuardedArray::builder((2, 1)).backend(backend).full(7).unwrap();
        assert_eq!(seen(full.raw_view()), array![[7], [7]]);
        let model = Array2::from_shape_fn((3, 2), |(i, j)| (i + 5 * j) as u64);
        let copy = GuardedArray::builder((3, 2)).backend(backend).order(Order::Fortran);
        assert_eq!(seen(copy.copy_of(&model).unwrap().raw_view()), model);
        let wrong = GuardedArray::builder((2, 3)).backend(backend).copy_of(&model).unwrap_err();
        assert!(matches!(wrong.kind(), ErrorKind::ShapeMismatch { .. }), "{wrong}");
    }
}

#[test]
fn slices_reshapes_names_and_clones_stay_guarded() {
    for backend in backends() {
        let whole = guarded(backend);
        let model = seen(whole.raw_view());
        let part: GuardedArray<u64, Ix2> = whole.slice(s![1..3, ..;-1]).unwrap();
        assert_eq!(seen(part.raw_view()), model.slice(s![1..3, ..;-1]));
        let flat: GuardedArray<u64, Ix1> = whole.reshape(16).unwrap();
        assert_eq!(seen(flat.raw_view())[9], 21);
        let renamed = part.renamed("another").unwrap().clone();
        assert_eq!((renamed.name().as_str(), renamed.shape()), ("another", &[2, 4][..]));
        put(&renamed, (0, 0), 99);
        assert_eq!(seen(whole.raw_view())[(1, 3)], 99);
        assert!(renamed.erased().is_guarded());
    }
}

#[test]
fn payloads_lead_to_guarded_arrays() {
    for backend in backends().into_iter().filter(|backend| *backend != BackendKind::Mmap) {
        let array = guarded(backend);
        let part = array.slice(s![.., 1]).unwrap();
        let payload = Payload::from_bytes(&part.payload().unwrap().to_bytes().unwrap()).unwrap();
        let other = GuardedArray::<u64, Ix1>::from_payload(&payload).unwrap();
        assert_eq!(seen(other.raw_view()), array![1, 11, 21, 31]);
        put(&other, 2, 5);
        assert_eq!(seen(array.raw_view())[(2, 1)], 5);
        let erased = ErasedArray::from_payload(&payload).unwrap();
        assert!(erased.is_guarded() && !erased.is_frozen());
        assert_eq!(seen(erased.typed::<u64, Ix1, Guarded>().unwrap().raw_view())[2], 5);
    }
}

#[cfg(feature = "transfer")]
#[test]
fn what_came_over_a_socket_is_checked_too() {
    use std::{os::unix::net::UnixStream, time::Duration};

    let second = Duration::from_secs(1);
    for backend in backends().into_iter().filter(|backend| *backend != BackendKind::Mmap) {
        let array = guarded(backend);
        let (here, there) = UnixStream::pair().unwrap();
        shmarray::transfer::send(&here, &[&array, &array], second).unwrap();
        let mut received = shmarray::transfer::receive(&there, second).unwrap().into_iter();
        let refused = told(received.next().unwrap().typed::<u64, Ix2, ReadWrite>());
        assert_eq!(refused, is_guarded(array.name().as_str()));
        let other = received.next().unwrap().typed::<u64, Ix2, Guarded>().unwrap();
        assert_eq!(seen(other.raw_view()), seen(array.raw_view()));
    }
}

#[test]
fn tools_attach_to_anything() {
    for backend in backends().into_iter().filter(|backend| *backend != BackendKind::Memfd) {
        let array = guarded(backend);
        let name = array.name().as_str();
        for erased in [ErasedArray::attach(name), ErasedArray::attach_read_only(name)] {
            let erased = erased.unwrap();
            assert!(erased.is_guarded());
            assert_eq!((erased.shape(), erased.dtype()), (&[4, 4][..], array.dtype()));
        }
        let reader = ErasedArray::attach_read_only(name).unwrap();
        let refused = reader.typed::<u64, Ix2, Guarded>().unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::AccessDenied { .. }), "{refused}");
        let found = GuardedArray::<u64, Ix2>::attach(name).unwrap();
        assert_eq!(seen(found.raw_view()), seen(array.raw_view()));
    }
}

#[test]
fn detached_and_attached_again() {
    for backend in backends() {
        let array = guarded(backend);
        let name = array.name().as_str().to_owned();
        let detached = array.slice(s![1, ..]).unwrap().detach();
        drop(array);
        let again: GuardedArray<u64, Ix1> = detached.attach().unwrap();
        assert_eq!(seen(again.raw_view()), array![10, 11, 12, 13]);
        again.destroy().unwrap();
        assert_eq!(seen(again.raw_view())[0], 10);
        drop((detached, again));
        let gone = ErasedArray::attach(&name).unwrap_err();
        let expected = matches!(
            gone.kind(),
            ErrorKind::NotFound { .. } | ErrorKind::BackendNotCompiled { .. }
        );
        assert!(expected, "{gone}");
    }
}

#[cfg(feature = "memfd")]
#[test]
fn frozen_when_everybody_is_done() {
    let array = guarded(BackendKind::Memfd);
    let clone = array.clone();
    let refused = array.freeze().unwrap_err();
    assert!(matches!(refused.error().kind(), ErrorKind::StillWritable { .. }), "{refused}");
    let array: GuardedArray<u64, Ix2> = refused.into_array().unwrap();
    drop(clone);
    let frozen = array.freeze().unwrap();
    assert_eq!((frozen.view()[(2, 3)], frozen.get((3, 3))), (23, Some(33)));
    assert!(frozen.erased().is_guarded() && frozen.erased().is_frozen());

    let payload = frozen.payload().unwrap();
    assert_eq!(FrozenArray::<u64, Ix2>::from_payload(&payload).unwrap().view(), frozen.view());
    let refused = GuardedArray::<u64, Ix2>::from_payload(&payload).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::AccessDenied { .. }), "{refused}");
    let name = frozen.name().as_str();
    assert_eq!(told(ReadOnlyArray::<u64, Ix2>::from_payload(&payload)), is_guarded(name));
}

#[test]
fn what_cannot_be_frozen_comes_back() {
    for backend in backends().into_iter().filter(|backend| *backend != BackendKind::Memfd) {
        let refused = guarded(backend).freeze().unwrap_err();
        assert!(matches!(refused.error().kind(), ErrorKind::BackendCannot { .. }), "{refused}");
        let array: GuardedArray<u64, Ix2> = refused.into_array().unwrap();
        assert_eq!(seen(array.raw_view())[(3, 2)], 32);
    }
}

#[cfg(feature = "shm")]
#[test]
fn a_successor_need_not_be_of_the_same_kind() {
    let name = shmarray::names::unique_name("guarded").unwrap();
    let builder = GuardedArray::<u64, Ix1>::builder(3).name(name.as_str());
    let first = builder.backend(BackendKind::Shm).zeros().unwrap();
    let second = SharedArray::builder(3).name(name.as_str()).backend(BackendKind::Shm).force(true);
    let second = second.full(2_u64).unwrap();
    assert_eq!(SharedArray::<u64, Ix1>::attach(name.as_str()).unwrap().get(0), Some(2));
    assert_eq!(
        told(GuardedArray::<u64, Ix1>::attach(name.as_str())),
        is_not_guarded(name.as_str())
    );
    assert!(first.erased().is_guarded() && !second.erased().is_guarded());
}

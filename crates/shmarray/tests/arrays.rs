//! What a user does with arrays, on every backend of this build.

use ndarray::{Array2, ArrayD, Ix1, Ix2, Ix3, IxDyn, array, s};
use shmarray::prelude::*;
use shmarray::{
    Name, Payload,
    dtype::{DateTime64, unit},
    names::unique_name,
    select::select,
};

/// The backends that this build has.
fn backends() -> Vec<BackendKind> {
    let compiled = |kind: &BackendKind| match kind {
        BackendKind::Shm => cfg!(feature = "shm"),
        BackendKind::Mmap => cfg!(feature = "mmap"),
        _ => cfg!(feature = "memfd"),
    };
    BackendKind::ALL.into_iter().filter(compiled).collect()
}

#[test]
fn made_from_zeros_a_value_a_function_and_an_array() {
    for backend in backends() {
        let zeros: SharedArray<i32, Ix2> =
            SharedArray::builder((3, 4)).backend(backend).zeros().unwrap();
        assert_eq!(zeros.to_owned_array(), Array2::<i32>::zeros((3, 4)));
        assert_eq!((zeros.backend(), zeros.len(), zeros.nbytes()), (backend, 12, 48));
        let full = SharedArray::builder(5).backend(backend).full(2.5_f64).unwrap();
        assert_eq!(full.to_owned_array(), array![2.5, 2.5, 2.5, 2.5, 2.5]);
        let made = SharedArray::<u64, _>::builder((2, 3))
            .backend(backend)
            .order(Order::Fortran)
            .from_fn(|(i, j)| (10 * i + j) as u64)
            .unwrap();
        assert_eq!(made.to_owned_array(), array![[0, 1, 2], [10, 11, 12]]);
        let whole = Array2::from_shape_fn((6, 6), |(i, j)| i16::try_from(i * 6 + j).unwrap());
        let odd = whole.slice(s![..;-2, 1..;2]);
        let copy = SharedArray::builder((3, 3)).backend(backend).copy_of(&odd).unwrap();
        assert_eq!(copy.to_owned_array(), odd);
        let other = SharedArray::<i16, Ix2>::builder((2, 2)).backend(backend).copy_of(&odd);
        assert!(matches!(other.unwrap_err().kind(), ErrorKind::ShapeMismatch { .. }));
    }
}

#[test]
fn slices_reshapes_and_clones_are_the_same_memory() {
    for backend in backends() {
        let whole: SharedArray<i32, Ix2> = SharedArray::builder((8, 8))
            .backend(backend)
            .from_fn(|(i, j)| i32::try_from(i * 8 + j).unwrap())
            .unwrap();
        let mut model = whole.to_owned_array();
        let part = whole.slice(s![2..8;2, ..;-1]).unwrap();
        assert_eq!(part.to_owned_array(), model.slice(s![2..8;2, ..;-1]));
        part.fill(-1);
        model.slice_mut(s![2..8;2, ..;-1]).fill(-1);
        assert_eq!(whole.to_owned_array(), model);
        let row: SharedArray<i32, Ix1> = whole.slice(s![3, ..]).unwrap();
        assert_eq!(row.to_owned_array(), model.row(3));
        let axes: SharedArray<i32, Ix3> = whole.slice(s![.., ndarray::NewAxis, 1..3]).unwrap();
        assert_eq!(axes.shape(), [8, 1, 2]);
        let flat: SharedArray<i32, Ix1> = whole.reshape(64).unwrap();
        flat.set(9, 1234).unwrap();
        assert_eq!(whole.clone().get((1, 1)), Some(1234));
        let renamed = part.renamed("another").unwrap();
        assert_eq!((renamed.name().as_str(), renamed.shape()), ("another", part.shape()));
        assert_eq!(renamed.to_owned_array(), part.to_owned_array());
        assert!(whole.get((8, 0)).is_none() && whole.set((0, 8), 1).is_err());
        for error in [
            whole.slice(s![9.., ..]).map(|_| ()).unwrap_err(),
            whole.slice(s![8, ..]).map(|_| ()).unwrap_err(),
        ] {
            assert!(matches!(error.kind(), ErrorKind::OutOfBounds { .. }), "{error}");
        }
        let longer = whole.reshape(63).map(|_| ()).unwrap_err();
        assert!(matches!(longer.kind(), ErrorKind::ReshapeMismatch { .. }), "{longer}");
        let scattered = part.reshape((2, 12)).map(|_| ()).unwrap_err();
        assert!(matches!(scattered.kind(), ErrorKind::NotContiguous { .. }), "{scattered}");
    }
}

#[test]
fn views_and_atomics() {
    for backend in backends() {
        let counts = SharedArray::<u64, _>::builder(4).backend(backend).zeros().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for count in counts.atomic_view() {
                        count.fetch_add(5, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        // SAFETY: the threads have ended; nobody else has the array.
        let mut view = unsafe { counts.view_mut() };
        view[0] += 1;
        // SAFETY: as above, and the mutable view is not used again.
        assert_eq!(unsafe { counts.view() }, array![21, 20, 20, 20].view());
    }
}

#[test]
fn any_shape_that_numpy_has() {
    for backend in backends() {
        let scalar = SharedArray::builder(()).backend(backend).full(3_u8).unwrap();
        assert_eq!((scalar.ndim(), scalar.get(())), (0, Some(3)));
        let none = SharedArray::<f32, _>::builder((0, 7)).backend(backend).zeros().unwrap();
        assert!(none.is_empty() && none.to_owned_array().is_empty());
        let many = vec![1; 64];
        let many: SharedArray<u16, IxDyn> =
            SharedArray::builder(many).backend(backend).full(9).unwrap();
        assert_eq!(many.to_owned_array(), ArrayD::from_elem(vec![1; 64], 9));
        let error = SharedArray::<u8, IxDyn>::builder(vec![1; 65]).zeros().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooManyDimensions { ndim: 65, max: 64 }));
        let error = SharedArray::<u64, _>::builder((usize::MAX, 2)).zeros().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ShapeOverflow { .. }));
        let now = DateTime64::<unit::Second>::from_ticks(1_800_000_000);
        let times = SharedArray::builder(2).backend(backend).full(now).unwrap();
        assert_eq!((times.dtype().to_string(), times.get(1)), ("<M8[s]".into(), Some(now)));
    }
}

#[test]
fn detached_arrays_can_be_attached_again() {
    for backend in backends() {
        let array = SharedArray::builder(3).backend(backend).full(7_i8).unwrap();
        let detached = array.slice(s![1..]).unwrap().detach();
        drop(array);
        let again = detached.attach().unwrap();
        assert_eq!(again.to_owned_array(), array![7, 7]);
        again.destroy().unwrap();
        again.destroy().unwrap();
        assert_eq!(again.get(0), Some(7));
    }
}

#[test]
fn payloads_carry_the_window() {
    for backend in backends() {
        let array = SharedArray::<i64, _>::builder((4, 4)).backend(backend).full(5).unwrap();
        let part = array.slice(s![1..3, ..;-1]).unwrap();
        let payload = match part.payload() {
            Ok(payload) => payload,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::BackendCannot { .. }), "{error}");
                assert_eq!(backend, BackendKind::Mmap);
                continue;
            }
        };
        let bytes = payload.to_bytes().unwrap();
        assert!(bytes.len() < 400, "{} bytes", bytes.len());
        let payload = Payload::from_bytes(&bytes).unwrap();
        let other = SharedArray::<i64, Ix2>::from_payload(&payload).unwrap();
        other.set((0, 0), 8).unwrap();
        assert_eq!(array.get((1, 3)), Some(8));
        let wrong = SharedArray::<i32, Ix2>::from_payload(&payload).unwrap_err();
        assert!(matches!(wrong.kind(), ErrorKind::DTypeMismatch { .. }), "{wrong}");
        let wrong = SharedArray::<i64, Ix3>::from_payload(&payload).unwrap_err();
        assert!(matches!(wrong.kind(), ErrorKind::NdimMismatch { .. }), "{wrong}");
        let reader = ReadOnlyArray::<i64, Ix2>::from_payload(&payload).unwrap();
        assert_eq!(reader.to_owned_array(), part.to_owned_array());
        let erased = ErasedArray::from_payload(&payload).unwrap();
        assert_eq!((erased.shape(), erased.dtype()), (&[2, 4][..], array.dtype()));
        drop((array, part, other, reader, erased));
        let gone = SharedArray::<i64, Ix2>::from_payload(&payload).unwrap_err();
        let expected =
            matches!(gone.kind(), ErrorKind::NotFound { .. } | ErrorKind::NotASegment { .. });
        assert!(expected, "{gone}");
    }
}

#[test]
fn names_are_unique_and_the_choice_is_explained() {
    let names: Vec<Name> = (0..100).map(|_| unique_name("x").unwrap()).collect();
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    let array = SharedArray::<u8, _>::builder(1).workers(Workers::Forked).zeros().unwrap();
    let selection = array.selection().unwrap();
    assert_eq!(selection.chosen, array.backend());
    assert!(selection.to_string().contains(array.backend().as_str()), "{selection}");
    assert!(select(&shmarray::select::Needs::default()).is_ok());
}

#[cfg(feature = "shm")]
#[test]
fn named_arrays_describe_themselves() {
    let name = unique_name("named").unwrap();
    let made = SharedArray::<f32, _>::builder((2, 2))
        .name(name.as_str())
        .backend(BackendKind::Shm)
        .full(1.0)
        .unwrap();
    let builder = || SharedArray::builder(3).name(name.as_str()).backend(BackendKind::Shm);
    let error = builder().full(2_u8).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    let found = SharedArray::<f32, Ix2>::attach(name.as_str()).unwrap();
    found.set((0, 1), 4.0).unwrap();
    assert_eq!(made.get((0, 1)), Some(4.0));
    let error = SharedArray::<f32, Ix2>::attach_shaped(name.as_str(), (2, 3)).unwrap_err();
    assert_eq!(error.to_string(), "shape mismatch: expected [2, 3], the array has [2, 2]");
    let successor = builder().force(true).full(2_u8).unwrap();
    assert_eq!(found.get((0, 1)), Some(4.0), "those attached keep the old one");
    let error = SharedArray::<f32, Ix2>::attach(name.as_str()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::DTypeMismatch { .. }), "{error}");
    drop((made, found));
    assert!(ReadOnlyArray::<u8, Ix1>::attach(name.as_str()).is_ok(), "the successor stays");
    drop(successor);
    let error = ErasedArray::attach(name.as_str()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
    assert!(shmarray::names::delete(name.as_str()).unwrap());
}

#[cfg(feature = "memfd")]
#[test]
fn frozen_arrays_have_safe_views_and_no_writers() {
    let array = SharedArray::builder((2, 2)).backend(BackendKind::Memfd).full(6_u32).unwrap();
    let payload = array.payload().unwrap();
    let clone = array.clone();
    let refused = array.into_memfd().unwrap().freeze().unwrap_err();
    assert!(matches!(refused.error().kind(), ErrorKind::StillWritable { .. }), "{refused}");
    let array = refused.into_array().unwrap();
    array.set((0, 0), 7).unwrap();
    drop(clone);
    let frozen = array.slice(s![0, ..]).unwrap();
    drop(array);
    let frozen = frozen.freeze().unwrap();
    assert_eq!(frozen.view(), array![7, 6].view());
    // Its descriptor is closed, or by now another thread's: of a file, or of another array.
    assert!(SharedArray::<u32, Ix2>::from_payload(&payload).is_err());
    let other = FrozenArray::<u32, Ix1>::from_payload(&frozen.payload().unwrap()).unwrap();
    assert_eq!(other.view(), frozen.view());
    let writable = SharedArray::<u32, Ix1>::from_payload(&frozen.payload().unwrap()).unwrap_err();
    assert!(matches!(writable.kind(), ErrorKind::AccessDenied { .. }), "{writable}");
    let plain = SharedArray::builder(1).backend(BackendKind::Memfd).full(1_u32).unwrap();
    let error = FrozenArray::<u32, Ix1>::from_payload(&plain.payload().unwrap()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotSealed { .. }), "{error}");
}

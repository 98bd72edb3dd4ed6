//! Arrays from `.npy` files that NumPy wrote, and back.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs;
use std::path::{Path, PathBuf};

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, private};
use shmarray::prelude::*;
use shmarray::{Timeout, dtype::Unicode, names::unique_name, ndarray, npy::Loaded};

const MIB: usize = 1 << 20;

fn main() {
    let mut tests: Vec<(&'static str, fn())> = vec![
        ("a_real_file_on_each_backend", real_file),
        ("every_file_of_numpy_comes_and_goes", every_file),
        ("the_other_byte_order_on_request", other_byte_order),
        ("texts_of_fixed_width", texts),
        ("no_array_is_saved_over", names_of_arrays),
        ("the_type_and_the_name_are_checked_first", checked),
        ("attach_or_create_tells_which", tells_which),
        ("of_many_processes_one_reads", one_reads),
        ("a_part_is_saved_as_it_is_shown", parts),
        ("what_is_guarded_is_saved_under_its_lock", guarded),
        ("there_is_no_second_copy_in_memory", no_second_copy),
        ("progress_and_its_panic", progress),
    ];
    if cfg!(feature = "npz") {
        tests.push(("members_of_archives", members));
    }
    process::main(&[("memory", |arguments| memory(arguments))], &tests);
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn numpy(name: &str) -> PathBuf {
    repository("crates/shm-npy/tests/data").join(name)
}

fn name(prefix: &str) -> String {
    unique_name(prefix).unwrap().to_string()
}

/// What follows the header of a file of that many elements.
fn elements(path: &Path, len: usize) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    bytes[bytes.len() - len..].to_vec()
}

fn real_file() {
    let path = repository("examples/data/jacksboro_dem.npy");
    let expected: Vec<i16> = elements(&path, 344 * 403 * 2)
        .chunks(2)
        .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    let expected = ndarray::Array::from_shape_vec((344, 403), expected).unwrap();
    for backend in BackendKind::ALL {
        let heights = SharedArray::<i16, Ix2>::load(&path).backend(backend).create().unwrap();
        assert_eq!(heights.backend(), backend);
        assert_eq!(heights.to_owned_array(), expected);
        let guarded = GuardedArray::<i16, Ix2>::load(&path).backend(backend).create().unwrap();
        assert_eq!(*guarded.read().unwrap(), expected);
    }
    let fortran = SharedArray::<i32, Ix2>::load(numpy("fortran.npy")).create().unwrap();
    assert_eq!(fortran.elements().strides(), [1, 2]);
    assert_eq!(fortran.to_owned_array(), ndarray::array![[0, 1, 2], [3, 4, 5]]);
}

/// Files of the other byte order.
const FOREIGN: [&str; 2] = if cfg!(target_endian = "little") {
    ["swapped.npy", "big_fortran.npy"]
} else {
    ["unswapped.npy", "fortran.npy"]
};

/// D6 compares the native form of the file with the array.
fn other_byte_order() {
    type Grid = SharedArray<i32, Ix2>;
    let file = numpy("big_fortran.npy");
    for backend in [BackendKind::Shm, BackendKind::Mmap] {
        let name = name("swapped");
        let load = || Grid::load(&file).name(&name).backend(backend);
        let refused = load().create().unwrap_err();
        assert!(refused.to_string().contains("\">i4\": the file has the other"), "{refused}");
        let first = load().native().attach_or_create().unwrap();
        let again = load().native().attach_or_create().unwrap();
        assert!(!first.was_there && again.was_there);
        assert_eq!(again.array.to_owned_array(), ndarray::array![[0, 1, 2], [3, 4, 5]]);
        assert_eq!(again.array.elements().strides(), [1, 2]);
    }
    let (swapped, native) = (numpy("swapped.npy"), numpy("unswapped.npy"));
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.npy");
    ErasedArray::load(swapped).native().create().unwrap().save(&saved).unwrap();
    assert_eq!(elements(&saved, 138), elements(&native, 138));
}

/// A file in the place of an array would take its name away.
fn names_of_arrays() {
    let (name, other) = (name("saved-over"), name("saved-other"));
    let make = |name| SharedArray::<u8, _>::builder(3).name(name).backend(BackendKind::Shm).full(7);
    let (array, kept): (SharedArray<u8, Ix1>, SharedArray<u8, Ix1>) =
        (make(&name).unwrap(), make(&other).unwrap());
    for name in [&name, &other] {
        let error = array.save(format!("/dev/shm/{name}")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
        assert!(error.to_string().contains("it is a shared array"), "{error}");
        assert_eq!(SharedArray::<u8, Ix1>::attach(name).unwrap().get(1), Some(7));
    }
    drop((array, kept));
}

/// `U`: by its type, as NumPy wrote it and back.
fn texts() {
    type Town = Unicode<4>;
    let array = SharedArray::<Town, Ix1>::load(numpy("text.npy")).create().unwrap();
    assert_eq!(array.get(0).unwrap().to_string(), "text");
    array.set(0, "Köln".parse().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.npy");
    array.save(&saved).unwrap();
    let again = SharedArray::<Town, Ix1>::load(&saved).create().unwrap();
    assert_eq!(again.get(0).unwrap().to_string(), "Köln");
    let wrong = SharedArray::<Unicode<5>, Ix1>::load(&saved).create().unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::DTypeMismatch { .. }), "{wrong}");
}

fn every_file() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("saved.npy");
    let mut count = 0;
    for entry in fs::read_dir(numpy("")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if file.starts_with("bad_") || !file.ends_with(".npy") {
            continue;
        }
        let array = match ErasedArray::load(&path).create() {
            Err(error) if FOREIGN.contains(&file) => {
                assert!(error.to_string().contains("the other byte order"), "{error}");
                ErasedArray::load(&path).native().create().unwrap()
            }
            made => made.unwrap(),
        };
        assert_eq!(array.ndim(), array.shape().len());
        array.save(&to).unwrap();
        let again = ErasedArray::load(&to).create().unwrap();
        assert_eq!((again.dtype(), again.shape()), (array.dtype(), array.shape()), "{file}");
        let len = array.nbytes();
        if file != "fortran.npy" && !FOREIGN.contains(&file) {
            assert_eq!(elements(&to, len), elements(&path, len), "{file}");
        }
        count += 1;
    }
    assert_eq!(count, 39);
}

fn checked() {
    let name = name("checked");
    let load = || SharedArray::<i32, Ix2>::load(numpy("i4.npy")).name(&name);
    let wrong = SharedArray::<f32, Ix2>::load(numpy("i4.npy")).create().unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::DTypeMismatch { .. }), "{wrong}");
    let wrong = SharedArray::<i32, Ix3>::load(numpy("i4.npy")).create().unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::NdimMismatch { expected: 3, found: 2 }), "{wrong}");
    let wrong = ErasedArray::load(numpy("bad_object.npy")).create().unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::InvalidDType { .. }), "{wrong}");

    let first = load().backend(BackendKind::Shm).create().unwrap();
    let taken = load().backend(BackendKind::Shm).create().unwrap_err();
    assert!(matches!(taken.kind(), ErrorKind::AlreadyExists { .. }), "{taken}");
    first.fill(9);
    let second = load().backend(BackendKind::Shm).force(true).create().unwrap();
    assert_eq!((first.get((1, 2)), second.get((1, 2))), (Some(9), Some(5)));
}

fn tells_which() {
    for backend in [BackendKind::Shm, BackendKind::Mmap] {
        let name = name("which");
        let load = |file: &str| ErasedArray::load(numpy(file)).name(&name).backend(backend);
        let Loaded { array, was_there } = load("i4.npy").attach_or_create().unwrap();
        assert!(!was_there);
        let array = array.typed::<i32, Ix2, shmarray::mode::ReadWrite>().unwrap();
        array.set((0, 1), 11).unwrap();
        let Loaded { array: again, was_there } = load("i4.npy").attach_or_create().unwrap();
        assert!(was_there);
        let again = again.typed::<i32, Ix2, shmarray::mode::ReadWrite>().unwrap();
        assert_eq!(again.get((0, 1)), Some(11), "the file is not read again");

        let wrong = load("u4.npy").attach_or_create().unwrap_err();
        let ErrorKind::DTypeMismatch { expected, found } = wrong.kind() else { panic!("{wrong}") };
        assert_eq!((&**expected, &**found), ("<u4", "<i4"));
        let flat = SharedArray::<u16, _>::builder(6).name(format!("{name}-flat"));
        let _flat = flat.backend(backend).zeros().unwrap();
        let load = ErasedArray::load(numpy("u2.npy")).name(format!("{name}-flat"));
        let wrong = load.attach_or_create().unwrap_err();
        assert!(matches!(wrong.kind(), ErrorKind::ShapeMismatch { .. }), "{wrong}");
    }
    let name = name("chosen");
    let load = || ErasedArray::load(numpy("i4.npy")).label(&name).attach_or_create().unwrap();
    let (first, second) = (load(), load());
    let by_name = first.array.backend() != BackendKind::Memfd;
    assert_eq!((first.was_there, second.was_there), (false, by_name));
}

fn one_reads() {
    const PROCESSES: u32 = 6;
    let path = repository("examples/data/jacksboro_dem.npy");
    for round in 0..20 {
        let name = name("race");
        let mut readers = SharedArray::<u32, _>::builder(PROCESSES as usize);
        readers = readers.unique("readers").backend(BackendKind::Mmap);
        let readers = readers.full(9).unwrap();
        let children: Vec<_> = (0..PROCESSES as usize)
            .map(|me| {
                Child::fork(|| {
                    process::die_if_hanging(60);
                    let mut barrier = readers.barrier(PROCESSES).unwrap();
                    barrier.wait().unwrap();
                    let load = SharedArray::<i16, Ix2>::load(&path).name(&name);
                    let loaded = load.backend(BackendKind::Shm).attach_or_create().unwrap();
                    readers.set(me, (!loaded.was_there).into()).unwrap();
                    assert_ne!(loaded.array.get((343, 402)), Some(0));
                    barrier.wait().unwrap(); // all have it before anybody leaves
                    0
                })
            })
            .collect();
        for child in children {
            assert!(child.wait().success());
        }
        assert_eq!(readers.to_owned_array().sum(), 1, "round {round}");
        let gone = ErasedArray::attach(&name).unwrap_err();
        assert!(matches!(gone.kind(), ErrorKind::NotFound { .. }), "{gone}");
    }
}

fn parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.npy");
    for order in [Order::C, Order::Fortran] {
        let array: SharedArray<u16, Ix3> = SharedArray::builder((4, 5, 6))
            .order(order)
            .from_fn(|(i, j, k)| part(i, j, k))
            .unwrap();
        let part = array.slice(s![1.., ..;-2, 3]).unwrap();
        for (saved, shape) in [(part.erased(), vec![3, 3]), (array.erased(), vec![4, 5, 6])] {
            saved.save(&path).unwrap();
            let found = SharedArray::<u16, IxDyn>::load(&path).create().unwrap();
            assert_eq!(found.shape(), shape);
            let expected = saved.typed::<u16, IxDyn, shmarray::mode::ReadWrite>().unwrap();
            assert_eq!(found.to_owned_array(), expected.to_owned_array());
        }
        // In the order in which it lies in memory, so that it need not be turned.
        let text = std::fs::read(&path).unwrap();
        let fortran: &[u8] = if order == Order::C { b"order': False" } else { b"order': True" };
        assert!(text.windows(fortran.len()).any(|part| part == fortran), "{order}");
        array.slice(s![2..2, .., ..]).unwrap().save(&path).unwrap();
        assert_eq!(ErasedArray::load(&path).create().unwrap().shape(), [0, 5, 6]);
    }

    // Elements of 3 bytes, more than one piece of them, and a frozen array.
    let long: MemfdArray<[u8; 3], Ix1> = SharedArray::<[u8; 3], _>::builder(900_000)
        .backend(BackendKind::Memfd)
        .from_fn(|n| u32::try_from(n).unwrap().to_le_bytes()[..3].try_into().unwrap())
        .unwrap()
        .erased()
        .typed()
        .unwrap();
    let expected = long.to_owned_array();
    let frozen = long.freeze().unwrap();
    frozen.save(&path).unwrap();
    let found = SharedArray::<[u8; 3], Ix1>::load(&path).create().unwrap();
    assert!(found.to_owned_array() == expected);
    frozen.slice(s![..;-7]).unwrap().save(&path).unwrap();
    let found = SharedArray::<[u8; 3], Ix1>::load(&path).create().unwrap();
    assert!(found.to_owned_array() == expected.slice(s![..;-7]));
}

fn part(i: usize, j: usize, k: usize) -> u16 {
    u16::try_from(i * 100 + j * 10 + k).unwrap()
}

fn guarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guarded.npy");
    let name = name("guarded");
    let array = GuardedArray::<u64, Ix1>::load(numpy_ones(folder.path())).name(&name);
    let array = array.backend(BackendKind::Shm).create().unwrap();
    std::thread::scope(|scope| {
        let mut guard = array.write().unwrap();
        guard[0] = 2;
        let saver = scope.spawn(|| array.save(&path)); // waits, and sees both elements changed
        guard[1] = 2;
        drop(guard);
        saver.join().unwrap().unwrap();
    });
    let saved = SharedArray::<u64, Ix1>::load(&path).create().unwrap();
    assert_eq!(saved.to_owned_array(), ndarray::array![2, 2]);

    let reader = ErasedArray::attach_read_only(&name).unwrap();
    let refused = reader.save(&path).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::AccessDenied { .. }), "{refused}");
    array.write_poisoned(Timeout::Forever).unwrap().set_poisoned(true);
    let poisoned = array.save(&path).unwrap_err();
    assert!(matches!(poisoned.kind(), ErrorKind::Poisoned { .. }), "{poisoned}");
}

/// A file of two ones.
fn numpy_ones(folder: &Path) -> PathBuf {
    let path = folder.join("ones.npy");
    SharedArray::<u64, _>::builder(2).full(1).unwrap().save(&path).unwrap();
    path
}

fn no_second_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.npy");
    let large = SharedArray::<u64, _>::builder((4, MIB)); // 32 MiB
    large.full(7).unwrap().save(&path).unwrap();
    for backend in BackendKind::ALL {
        process::play("memory", &[path.to_str().unwrap(), &backend.to_string()]);
    }
}

/// Loads a file of 32 MiB and saves it, and looks at the most memory that this process ever had.
fn memory(arguments: &[String]) {
    let (path, backend) = (Path::new(&arguments[0]), arguments[1].parse().unwrap());
    let before = peak();
    let load = SharedArray::<u64, Ix2>::load(path).backend(backend);
    let array = load.create().unwrap();
    let loaded = peak();
    // Some for what loading itself maps: code, a stack. The pages of a file it does not.
    let array_itself = if backend == BackendKind::Mmap { 32 * MIB / 100 * 105 } else { 0 };
    let grown = loaded - before;
    assert!(grown < array_itself + 3 * MIB, "{backend}: {grown} bytes");
    let mut indices = shmarray::ndarray::indices((4, MIB)).into_iter().step_by(512);
    assert!(indices.all(|index| array.get(index) == Some(7)), "each page is looked at");
    let loaded = peak();
    array.save(path.with_extension("saved")).unwrap();
    let grown = peak() - loaded;
    assert!(grown < 2 * MIB, "{backend}: saving took {grown} bytes");
}

/// The most bytes that were resident in this process: see `VmHWM` in proc(5).
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

fn progress() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    SharedArray::<u8, _>::builder(3 * MIB).full(7).unwrap().save(&path).unwrap();
    leaks::none(|| {
        let mut steps = Vec::new();
        let load =
            SharedArray::<u8, Ix1>::load(&path).progress(|done, all| steps.push((done, all)));
        drop(load.create().unwrap());
        let mib = MIB as u64;
        assert_eq!(steps, [(mib, 3 * mib), (2 * mib, 3 * mib), (3 * mib, 3 * mib)]);

        let name = name("panics");
        let panics = std::panic::catch_unwind(|| {
            let load = SharedArray::<u8, Ix1>::load(&path).name(&name).backend(BackendKind::Shm);
            load.progress(|_, _| panic!("in the middle of it")).create()
        });
        assert!(panics.is_err());
        let none = ErasedArray::attach(&name).unwrap_err();
        assert!(matches!(none.kind(), ErrorKind::NotFound { .. }), "{none}");
        assert!(!private::is_private() || leaks::entries().is_empty());
    });
}

#[cfg(feature = "npz")]
fn members() {
    for archive in ["stored.npz", "deflated.npz"] {
        let first = SharedArray::<i32, Ix2>::load(numpy(archive)).member("first").create().unwrap();
        assert_eq!(first.to_owned_array(), ndarray::array![[0, 1, 2], [3, 4, 5]]);
    }
    // A member with another checksum: known at its end, when the array is nearly made.
    let mut bytes = fs::read(numpy("stored.npz")).unwrap();
    let at = bytes.windows(4).position(|four| four == [5, 0, 0, 0]).unwrap();
    bytes[at] = 6;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.npz");
    fs::write(&path, bytes).unwrap();
    leaks::none(|| {
        let load = ErasedArray::load(&path).member("first").backend(BackendKind::Shm);
        let error = load.create().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
    });
}

#[cfg(not(feature = "npz"))]
fn members() {}

//! Memory shared with a Python process: blocks of its `multiprocessing.shared_memory`, and our own.
//!
//! They need `python3`, and of it the standard library only; those with NumPy and cdxcore are run
//! by `cargo xtask python`.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use shm_conformance::{leaks, private, process};
use shmarray::ndarray::{Array1, Array2, array};
use shmarray::prelude::*;
use shmarray::{
    dtype::element,
    names::unique_name,
    raw::{RawArray, ReadOnlyRawArray},
};

/// Names the Python of an environment that has NumPy and cdxcore: `cargo xtask python` sets it.
const WITH_NUMPY: &str = "SHMARRAY_TEST_PYTHON";

fn main() {
    let mut tests: Vec<(&'static str, fn())> = vec![
        ("python_writes_and_rust_reads", python_writes),
        ("rust_writes_and_python_reads", rust_writes),
        ("both_write_at_the_same_time", both_write),
        ("fortran_order_offset_and_structures", placed),
        ("a_reader_cannot_write", read_only),
        ("what_python_has_not_reserved_is_no_sigbus", no_space),
        ("pythons_tracker_unlinks_what_it_attached_to", tracker),
        ("python_attaches_to_an_array_of_ours", ours),
        ("what_the_caller_says_is_checked", checked),
    ];
    if std::env::var_os(WITH_NUMPY).is_some() {
        tests.push(("numpy_sees_the_same_elements", numpy));
        tests.push(("cdxcore_writes_and_rust_reads", cdxcore_writes));
        tests.push(("rust_writes_and_cdxcore_reads", cdxcore_reads));
    }
    process::main(&[], &tests);
}

/// A Python process that does what it is told.
struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// One line each: statements behind a `!`, an expression behind a `=`.
const LOOP: &str = "
import struct, sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
def untracked(name):
    shm = SharedMemory(name)
    resource_tracker.unregister(shm._name, 'shared_memory')
    return shm
def write_even(view):
    for n in range(1, 101):
        for at in range(0, len(view), 2):
            view[at] = n << 32 | n
for line in sys.stdin:
    if line[0] == '=':
        print(eval(line[1:]), flush=True)
    else:
        exec(line[1:])
        print('done', flush=True)
";

impl Python {
    fn start() -> Self {
        Self::of("python3")
    }

    /// One with NumPy and cdxcore.
    fn with_numpy() -> Self {
        let mut python = Self::of(std::env::var_os(WITH_NUMPY).unwrap());
        python.run("import numpy as np; from cdxcore import npshm");
        python
    }

    fn of(program: impl AsRef<OsStr>) -> Self {
        process::die_if_hanging(100);
        let mut command = Command::new(program);
        command.args(["-c", LOOP]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, to, from: BufReader::new(from) }
    }

    fn tell(&mut self, kind: char, code: &str) -> String {
        writeln!(self.to, "{kind}{code}").unwrap();
        let mut answer = String::new();
        self.from.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    fn run(&mut self, code: &str) {
        if self.tell('!', code) != "done" {
            let mut report = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut report).unwrap();
            panic!("{code}\n{report}");
        }
    }

    fn ask(&mut self, code: &str) -> String {
        self.tell('=', code)
    }

    /// Lets it end, and gives what it and its tracker wrote to the standard error: both have ended
    /// when that does.
    fn end(self) -> String {
        let Self { child, to, from } = self;
        drop((to, from));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        process::die_if_hanging(0);
        String::from_utf8(output.stderr).unwrap()
    }
}

fn name(prefix: &str) -> String {
    unique_name(prefix).unwrap().to_string()
}

fn path(name: &str) -> PathBuf {
    format!("/dev/shm/{name}").into()
}

/// A type, how Python's `struct` writes it, and values.
fn each_way<T: Element + PartialEq + Debug>(letter: &str, values: [T; 6], text: &str) {
    let model = Array2::from_shape_vec((2, 3), values.into()).unwrap();
    let (name, len) = (name("by-python"), size_of::<T>() * 6);
    let mut python = Python::start();
    python.run(&format!("shm = SharedMemory({name:?}, True, {len})"));
    python.run(&format!("struct.pack_into('6{letter}', shm.buf, 0, *{text})"));
    let found = RawArray::<T, Ix2>::attach(&name, (2, 3)).unwrap();
    assert_eq!(found.segment_len(), len as u64); // not rounded up on Linux
    assert_eq!(found.to_owned_array(), model);

    found.copy_from(&model.slice(s![..;-1, ..;-1])).unwrap();
    let expected = python.ask(&format!("tuple(reversed({text}))"));
    assert_eq!(python.ask(&format!("struct.unpack_from('6{letter}', shm.buf)")), expected);
    python.run("shm.close(); shm.unlink()");
    assert_eq!(found.get((0, 0)), Some(model[(1, 2)]), "those attached keep their memory");
    assert!(python.end().is_empty());
    assert!(!path(&name).exists());
}

fn python_writes() {
    each_way(
        "d",
        [1.5, -2.0, f64::MAX, 0.0, f64::INFINITY, 1e-300],
        "(1.5,-2.0,1.7976931348623157e308,0.0,float('inf'),1e-300)",
    );
    each_way("i", [1, -2, i32::MAX, i32::MIN, 0, 7], "(1,-2,2**31-1,-2**31,0,7)");
    each_way("B", [0_u8, 1, 2, 127, 128, 255], "(0,1,2,127,128,255)");
}

fn rust_writes() {
    let name = name("by-rust");
    let made = RawArray::<f64, _>::create(&name, (2, 3)).unwrap();
    made.copy_from(&array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]).unwrap();
    let mut python = Python::start();
    python.run(&format!("shm = untracked({name:?})"));
    assert_eq!(python.ask("shm.size"), "48");
    python.run("grid = shm.buf.cast('d', (2, 3))");
    assert_eq!(python.ask("grid.tolist()"), "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]");
    python.run("grid[1, 0] = -1");
    assert_eq!(made.get((1, 0)), Some(-1.0));
    python.run("grid.release(); shm.close()");
    assert!(python.end().is_empty());
    drop(made);

    let next = RawArray::<f64, Ix1>::attach(&name, 6).unwrap(); // it stays
    assert_eq!(next.get(3), Some(-1.0));
    next.unlink().unwrap();
    let gone = RawArray::<f64, Ix1>::attach(&name, 6).unwrap_err();
    assert!(matches!(gone.kind(), ErrorKind::NotFound { .. }), "{gone}");
}

/// Neither loses what the other writes beside it, and no element is poisoned.
fn both_write() {
    const LEN: usize = 4096;
    let name = name("both");
    let made = RawArray::<u64, _>::create(&name, LEN).unwrap();
    let mut python = Python::start();
    python.run(&format!("shm = untracked({name:?}); view = shm.buf.cast('Q')"));
    writeln!(python.to, "!write_even(view)").unwrap();
    let whole = |n: u64| n << 32 | n;
    let mut sweeps = 0;
    loop {
        let is_last = made.get(LEN - 2) == Some(whole(100));
        for at in 0..LEN {
            let value = made.get(at).unwrap();
            assert_eq!(value, whole(value >> 32), "poisoned");
            if at % 2 == 1 {
                made.set(at, whole(sweeps)).unwrap();
            }
        }
        if is_last {
            break;
        }
        sweeps += 1;
    }
    let mut done = String::new();
    python.from.read_line(&mut done).unwrap();
    assert_eq!(done, "done\n");
    let found = python.ask("set(view[1::2].tolist()), set(view[::2].tolist())");
    assert_eq!(found, format!("({{{}}}, {{{}}})", whole(sweeps), whole(100)));
    python.run("view.release(); shm.close()");
    python.end();
    made.unlink().unwrap();
}

element! {
    /// What Python's `struct` calls `dI4s`.
    #[derive(Debug, PartialEq)]
    struct Sounding {
        depth: f64,
        station: u32,
        flags: [u8; 4],
    }
}

fn placed() {
    let name = name("placed");
    let mut python = Python::start();
    python.run(&format!("shm = SharedMemory({name:?}, True, 1000)"));
    python.run("struct.pack_into('<16s6f', shm.buf, 0, b'a header', 0, 1, 2, 3, 4, 5)");
    let builder = RawArray::<f32, Ix2>::builder((2, 3)).offset(16);
    let rows = builder.clone().attach(&name).unwrap();
    assert_eq!(rows.to_owned_array(), array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    let columns = builder.order(Order::Fortran).attach(&name).unwrap();
    assert_eq!(columns.to_owned_array(), array![[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
    assert_eq!(columns.elements().strides(), [1, 2]);
    columns.slice(s![1, ..;-1]).unwrap().copy_from(&array![7.0, 8.0, 9.0]).unwrap();
    let found = python.ask("struct.unpack_from('<8s8x6f', shm.buf)");
    assert_eq!(found, "(b'a header', 0.0, 9.0, 2.0, 8.0, 4.0, 7.0)");

    python.run("struct.pack_into('dI4sdI4s', shm.buf, 40, -9.5, 3, b'abcd', 1e9, 2**32-1, b'')");
    let soundings = RawArray::<Sounding, _>::builder(2).offset(40).attach(&name).unwrap();
    let first = Sounding { depth: -9.5, station: 3, flags: *b"abcd" };
    assert_eq!(soundings.get(0), Some(first));
    soundings.set(1, first).unwrap();
    assert_eq!(python.ask("shm.buf[40:56] == shm.buf[56:72]"), "True");

    // The last element that fits, and one byte more.
    let last = RawArray::<u8, _>::builder(1).offset(999).attach(&name).unwrap();
    last.fill(1);
    assert_eq!(python.ask("shm.buf[999]"), "1");
    let error = RawArray::<u8, _>::builder(2).offset(999).attach(&name).unwrap_err();
    assert_eq!(error.to_string(), "the raw segment is truncated: needs 1001 bytes, has 1000");
    python.run("shm.close(); shm.unlink()");
    python.end();
}

fn read_only() {
    let name = name("read-only");
    let made = RawArray::<i32, _>::create(&name, 4).unwrap();
    let reader = ReadOnlyRawArray::<i32, Ix1>::attach(&name, 4).unwrap();
    assert_eq!((made.access(), reader.access()), (Access::ReadWrite, Access::ReadOnly));
    made.set(3, 9).unwrap();
    assert_eq!((reader.get(3), reader.slice(s![2..]).unwrap().get(1)), (Some(9), Some(9)));
    let address = reader.raw_view().as_ptr();
    let child = process::Child::fork(|| {
        // SAFETY: none of it: the test is that the kernel ends the process here.
        #[allow(unsafe_code)]
        unsafe {
            address.cast_mut().write_volatile(1);
        }
        0
    });
    let status = child.wait();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(11), "{status}");
    assert_eq!(made.get(0), Some(0));
    reader.unlink().unwrap();
}

fn no_space() {
    if !private::is_private() {
        return; // it would fill everybody's
    }
    let name = name("sparse");
    let mut python = Python::start();
    python.run(&format!("shm = SharedMemory({name:?}, True, 80 << 20)")); // of 64 MiB
    let error = RawArray::<u8, _>::attach(&name, 80 << 20).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSpace { needs: 83_886_080, .. }), "{error}");
    RawArray::<u8, _>::attach(&name, 1 << 20).unwrap().fill(1);
    python.run("shm.close(); shm.unlink()");
    python.end();
}

/// The trap: a Python process that ends takes the name with it, also if it only attached.
fn tracker() {
    let (name, shm) = (name("tracked"), "shm = SharedMemory");
    let made = RawArray::<u8, _>::create(&name, 10).unwrap();
    let mut python = Python::start();
    python.run(&format!("{shm}({name:?}); shm.buf[9] = 3; shm.close()"));
    assert!(path(&name).exists());
    let warning = python.end();
    assert!(!path(&name).exists(), "Python has changed: the documents are to be, too");
    assert!(warning.contains("leaked shared_memory"), "{warning}");
    assert_eq!(made.get(9), Some(3), "those attached keep their memory");
    made.unlink().unwrap(); // is nothing

    // Three ways that leave the name: to tell the tracker, not to have one, or to map the file.
    let made = RawArray::<u8, _>::create(&name, 10).unwrap();
    let untracked =
        "SharedMemory(%r, track=False) if sys.version_info >= (3, 13) else untracked(%r)";
    for (n, way) in [format!("untracked({name:?})"), untracked.replace("%r", &format!("{name:?}"))]
        .iter()
        .enumerate()
    {
        let mut python = Python::start();
        python.run(&format!("shm = {way}; shm.buf[{n}] = 5; shm.close()"));
        assert_eq!(python.end(), "");
        assert_eq!(made.get(n), Some(5));
    }
    let mut python = Python::start();
    python.run(&format!(
        "import mmap; file = open('/dev/shm/{name}', 'r+b'); memory = mmap.mmap(file.fileno(), 0)"
    ));
    python.run("memory[2] = 5; memory.close()");
    assert_eq!(python.end(), "");
    assert_eq!(made.to_owned_array(), array![5, 5, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert!(path(&name).exists());
    made.unlink().unwrap();
}

fn ours() {
    let name = name("ours");
    let array = SharedArray::<f64, Ix2>::builder((2, 3)).name(&name).backend(BackendKind::Shm);
    let array = array.from_fn(|(i, j)| (3 * i + j) as f64).unwrap();
    let offset = array.data_offset();
    assert_eq!(ErasedArray::attach(&name).unwrap().data_offset(), offset);
    let mut python = Python::start();
    python.run(&format!(
        "shm = untracked({name:?}); grid = shm.buf[{offset}:{offset}+48].cast('d', (2, 3))"
    ));
    assert_eq!(python.ask("grid.tolist()"), "[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]");
    python.run("grid[0, 2] = 0.5");
    assert_eq!(array.get((0, 2)), Some(0.5));
    python.run("grid.release(); shm.close()");
    assert_eq!(python.end(), "");

    let raw = RawArray::<u8, _>::attach(&name, 8).unwrap_err();
    assert!(matches!(raw.kind(), ErrorKind::NotRaw { .. }), "{raw}");
    drop(array); // the last one out: Python was never counted
    assert!(!path(&name).exists());
    assert!(!private::is_private() || leaks::entries().is_empty());
}

fn checked() {
    let name = name("checked");
    for error in [
        RawArray::<f64, _>::builder(3).offset(4).create(&name).unwrap_err(),
        RawArray::<f64, _>::builder(3).offset(u64::MAX - 7).create(&name).unwrap_err(),
        RawArray::<f64, _>::create(&name, (usize::MAX / 8, 2)).unwrap_err(),
        RawArray::<f64, Ix1>::create("a/b", 3).unwrap_err(),
    ] {
        let kind = error.kind();
        let expected = matches!(
            kind,
            ErrorKind::Misaligned { .. }
                | ErrorKind::ShapeOverflow { .. }
                | ErrorKind::InvalidName { .. }
        );
        assert!(expected && !path(&name).exists(), "{error}");
    }
    let made = RawArray::<u16, _>::builder((2, 0, 3)).offset(10).create(&name).unwrap();
    assert_eq!((made.len(), made.is_empty(), made.segment_len()), (0, true, 10));
    assert!(matches!(
        RawArray::<u8, _>::create(&name, 1).unwrap_err().kind(),
        ErrorKind::AlreadyExists { .. }
    ));
    let next = RawArray::<u8, _>::builder(()).force(true).create(&name).unwrap();
    next.set((), 5).unwrap();
    assert_eq!((next.get(()), next.slice(s![]).is_ok()), (Some(5), true));
    assert_eq!(next.clone().nbytes(), 1);
    made.unlink().unwrap(); // has lost its name: the successor keeps it
    assert!(path(&name).exists());
    assert!(shmarray::names::gc().unwrap().is_empty());
    assert!(shmarray::names::delete(&name).unwrap());
}

fn numpy() {
    let mut python = Python::with_numpy();
    for order in [Order::C, Order::Fortran] {
        let (name, model) = (name("numpy"), array![[0, 1, 2], [3, 4, 5]]);
        let made =
            RawArray::<i64, _>::builder((2, 3)).order(order).offset(8).create(&name).unwrap();
        made.copy_from(&model).unwrap();
        python.run(&format!("shm = untracked({name:?})"));
        python.run(&format!("grid = np.ndarray((2, 3), 'i8', shm.buf, 8, order='{order}')"));
        assert_eq!(python.ask("grid.tolist()"), "[[0, 1, 2], [3, 4, 5]]");
        python.run("grid *= 2; del grid; shm.close()");
        assert_eq!(made.to_owned_array(), model * 2);

        let ours = SharedArray::builder((2, 3)).name(&name).force(true).order(order);
        let ours = ours.backend(BackendKind::Shm).full(1.5).unwrap();
        let at = ours.data_offset();
        python.run(&format!("shm = untracked({name:?})"));
        python.run(&format!("grid = np.ndarray((2, 3), 'f8', shm.buf, {at}, order='{order}')"));
        python.run("grid[1] = [1, 2, 3]; del grid; shm.close()");
        assert_eq!(ours.to_owned_array(), array![[1.5, 1.5, 1.5], [1.0, 2.0, 3.0]]);
    }
    assert_eq!(python.end(), "");
}

/// What cdxcore 0.1.96 writes before the elements: the length of this in bytes, a code for the
/// dtype, the number of dimensions, and the shape, all with the highest byte first. The elements
/// begin at the next multiple of 64, in C order.
fn cdxcore_header(dtype: u8, shape: &[u64]) -> Vec<u8> {
    let ndim = u8::try_from(shape.len()).unwrap();
    let mut bytes = vec![0, 0, 0, 8 + 8 * ndim, dtype, 0, 0, ndim];
    bytes.extend(shape.iter().flat_map(|len| len.to_be_bytes()));
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes
}

/// The codes of two dtypes.
const FLOAT64: u8 = 10;
const INT16: u8 = 2;

fn cdxcore_writes() {
    let (name, mut python) = (name("by-cdxcore"), Python::with_numpy());
    python
        .run(&format!("grid = npshm.create_shared_array({name:?}, (2, 3), np.float64, full=1.5)"));
    let header = ReadOnlyRawArray::<u8, Ix1>::attach(&name, 64).unwrap();
    assert_eq!(header.to_owned_array().to_vec(), cdxcore_header(FLOAT64, &[2, 3]));
    let found = RawArray::<f64, Ix2>::builder((2, 3)).offset(64).attach(&name).unwrap();
    assert_eq!(found.to_owned_array(), Array2::from_elem((2, 3), 1.5));
    found.set((1, 2), 7.0).unwrap();
    python.run("grid[0, 0] = -1");
    assert_eq!(python.ask("grid.tolist()"), "[[-1.0, 1.5, 1.5], [1.5, 1.5, 7.0]]");
    assert_eq!(found.get((0, 0)), Some(-1.0));
    python.run(&format!("del grid; npshm.delete_shared_array({name:?})"));
    python.end();
    assert!(!path(&name).exists());
}

fn cdxcore_reads() {
    let (name, mut python) = (name("for-cdxcore"), Python::with_numpy());
    let header = cdxcore_header(INT16, &[1, 1, 1, 1, 1, 2, 1, 3]);
    assert_eq!(header.len(), 128);
    let elements = RawArray::<i16, _>::builder((2, 3)).offset(128).create(&name).unwrap();
    elements.copy_from(&array![[1, 2, 3], [4, 5, -6]]).unwrap();
    let start = RawArray::<u8, Ix1>::attach(&name, 128).unwrap();
    start.copy_from(&Array1::from_vec(header)).unwrap();
    python.run(&format!("grid = npshm.attach_shared_array({name:?}, validate_dtype=np.int16)"));
    assert_eq!(python.ask("grid.shape"), "(1, 1, 1, 1, 1, 2, 1, 3)");
    assert_eq!(python.ask("grid.ravel().tolist()"), "[1, 2, 3, 4, 5, -6]");
    python.run("grid[0, 0, 0, 0, 0, 1, 0] = 9");
    assert_eq!(elements.to_owned_array(), array![[1, 2, 3], [9, 9, 9]]);
    python.run("del grid");
    python.end();
    elements.unlink().unwrap();
}

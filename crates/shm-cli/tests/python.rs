//! The Python of the documents, run beside the arrays that it is about.
//!
//! What needs NumPy is run by `cargo xtask python`; the rest by any Python.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::path::Path;
use std::process::Command;

use shm_conformance::{leaks, process};
use shmarray::names::unique_name;
use shmarray::prelude::*;

/// Names the Python of an environment that has NumPy: `cargo xtask python` sets it.
const WITH_NUMPY: &str = "SHMARRAY_TEST_PYTHON";

fn main() {
    let mut tests: Vec<(&'static str, fn())> = vec![("the_tracker_is_kept_away", untracked)];
    if std::env::var_os(WITH_NUMPY).is_some() {
        tests.push(("numpy_sees_an_array_of_ours", arrays));
    }
    process::main(&[], &tests);
}

/// The pieces of Python in the guide: between blank lines, where a block has alternatives.
fn snippets() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```python\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// Runs some Python, which prints what is expected and must say nothing else.
fn run(python: &Path, code: &str, expected: &str) {
    let command = Path::new(env!("CARGO_BIN_EXE_shmarray")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let folders = [command.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let output = Command::new(python).args(["-c", code]).env("PATH", path).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!((text(&output.stdout).trim_end(), &*text(&output.stderr)), (expected, ""), "{code}");
}

/// Each of the alternatives sees the elements, and leaves the name when it ends.
fn untracked() {
    let before = leaks::entries();
    let name = unique_name("python").unwrap().to_string();
    let array: SharedArray<u8, Ix1> =
        SharedArray::builder(3).name(&name).backend(BackendKind::Shm).full(7).unwrap();
    let alternatives = &snippets()[0];
    let mut run_through = 0;
    for snippet in alternatives.split("\n\n") {
        let code = format!(
            "import mmap\n\
             from multiprocessing import resource_tracker\n\
             from multiprocessing.shared_memory import SharedMemory\n\
             name = '{name}'\n\
             {snippet}\n\
             memory = shm.buf if 'shm' in dir() else memory\n\
             print(bytes(memory[:8]))\n\
             del memory"
        );
        if snippet.contains("track=") && !has_track() {
            continue;
        }
        run("python3".as_ref(), &code, "b'SHMARRAY'");
        run_through += 1;
        assert!(before.len() < leaks::entries().len(), "the name is gone: {snippet}");
        assert_eq!(SharedArray::<u8, Ix1>::attach(&name).unwrap().get(2), Some(7));
    }
    assert!(run_through >= 2);
    drop(array);
    assert_eq!(leaks::entries(), before);
}

/// Whether `SharedMemory` takes `track`, as it does from Python 3.13 on.
fn has_track() -> bool {
    let is_new = "import sys; sys.exit(sys.version_info < (3, 13))";
    Command::new("python3").args(["-c", is_new]).status().unwrap().success()
}

/// Structures with padding, both orders, and every kind of scalar that has its own words.
fn arrays() {
    let python = std::env::var_os(WITH_NUMPY).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shm-npy/tests/data");
    let snippet = &snippets()[1];
    for file in ["record", "unswapped", "fortran", "U5", "names", "M8_25s", "scalar", "i4"] {
        let name = unique_name("python").unwrap().to_string();
        let path = data.join(format!("{file}.npy"));
        let array = ErasedArray::load(&path).name(&name).backend(BackendKind::Shm);
        let _array = array.create().unwrap();
        let code = format!(
            "name = '{name}'\n{snippet}\n\
             model = np.load('{}')\n\
             print(array.dtype == model.dtype, array.shape == model.shape, (array == model).all())",
            path.display()
        );
        run(python.as_ref(), &code, "True True True");
    }
}

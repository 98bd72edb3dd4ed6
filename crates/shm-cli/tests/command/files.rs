//! `load` and `save`: what comes from files and goes back, and what is left when it fails.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use shm_conformance::process::Child;
use shm_conformance::{leaks, private};
use shm_npy::NpyFile;
use shmarray::prelude::*;

use crate::run::{command, finished, shmarray};

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The header of a file, and its elements.
fn contents(path: &Path) -> (shm_npy::NpyHeader, Vec<u8>) {
    let mut file = NpyFile::open(path).unwrap();
    let mut elements = vec![0; file.header().layout().nbytes()];
    file.read_into(&mut elements, |_, _| {}).unwrap();
    (file.header().clone(), elements)
}

/// A file of so many zeros, which take no space on the disk.
fn zeros(path: &Path, len: usize) {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({len},), }}");
    let mut file = fs::File::create(path).unwrap();
    let text = format!("{text:<117}\n");
    file.write_all(b"\x93NUMPY\x01\x00\x76\x00").unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let start = file.stream_position().unwrap();
    file.set_len(start + len as u64).unwrap();
}

pub(crate) fn round_trips() {
    let before = leaks::entries();
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.npy");
    let mut count = 0;
    for entry in fs::read_dir(repository("crates/shm-npy/tests/data")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|extension| extension != "npy") {
            continue;
        }
        if file.starts_with("bad_") {
            let done = shmarray(&["load", text(&path), "round"]).expect(1);
            assert!(done.out.is_empty() && done.err.contains("cannot load"), "{done:#?}");
            continue;
        }
        let done = if ["swapped.npy", "big_fortran.npy"].contains(&file) {
            let done = shmarray(&["load", text(&path), "round"]).expect(1);
            assert!(done.err.contains("`--native`"), "{done:#?}");
            shmarray(&["load", text(&path), "round", "--native"]).expect(0)
        } else {
            shmarray(&["load", text(&path), "round"]).expect(0)
        };
        let (header, elements) = contents(&path);
        let told =
            format!("round: loaded, {} bytes of elements, {} (", elements.len(), header.dtype());
        assert!(done.out.starts_with(&told), "{done:#?}");
        shmarray(&["save", "round", text(&saved)]).expect(0);
        let (again, same) = contents(&saved);
        assert_eq!(again.foreign_dtype(), None, "{file}");
        assert_eq!((again.dtype(), again.layout()), (header.dtype(), header.layout()), "{file}");
        assert_eq!(same, elements, "{file}");
        shmarray(&["rm", "round"]).expect(0);
        count += 1;
    }
    assert!(count > 25, "only {count} files");
    assert_eq!(leaks::entries(), before);
}

pub(crate) fn members() {
    let archive = repository("crates/shm-npy/tests/data/deflated.npz");
    shmarray(&["load", text(&archive), "member", "--member", "first"]).expect(0);
    assert_eq!(shmarray(&["show", "member"]).expect(0).out, "[[0 1 2]\n [3 4 5]]\n");
    let done = shmarray(&["load", text(&archive), "other", "--member", "third"]).expect(1);
    assert!(done.err.contains("it has no array \"third\"; it has first"), "{done:#?}");
    let done = shmarray(&["load", text(&archive), "other"]).expect(1);
    assert!(done.err.contains("with --member; it has first"), "{done:#?}");
    for member in ["i4", "i4.npy"] {
        let packed = repository("crates/shm-npy/tests/data/lzma.npz");
        let done = shmarray(&["load", text(&packed), "other", "--member", member]).expect(1);
        assert!(done.err.contains("\"i4.npy\" is compressed by Lzma"), "{done:#?}");
        let done = shmarray(&["load", text(&packed), "other", "--member", "i5"]).expect(1);
        assert!(done.err.contains("no array \"i5\"; it has i4, readme.txt"), "{done:#?}");
    }
    let texts = repository("crates/shm-npy/tests/data/U5.npy");
    shmarray(&["load", text(&texts), "member", "--replace"]).expect(0);
    let shown = shmarray(&["show", "member"]).expect(0).out;
    assert_eq!(shown, "[['0' '1' '2']\n ['3' '4' '5']]\n");
    let done = shmarray(&["save", "member", "/dev/shm/member"]).expect(1);
    assert!(done.err.contains("it is a shared array, which would lose its name"), "{done:#?}");
    let plain = repository("crates/shm-npy/tests/data/i4.npy");
    let done = shmarray(&["load", text(&plain), "other", "--member", "first"]).expect(1);
    assert!(done.err.ends_with("it is not an .npz archive: leave out --member\n"), "{done:#?}");
    shmarray(&["load", "nothing.npy", "other"]).expect(1);
    shmarray(&["rm", "member"]).expect(0);
    shmarray(&["stat", "other"]).expect(3);
}

pub(crate) fn taken() {
    let file = |name: &str| repository(&format!("crates/shm-npy/tests/data/{name}"));
    let (i4, i2, f4) = (file("i4.npy"), file("i2.npy"), file("empty.npy"));
    shmarray(&["load", text(&i4), "taken"]).expect(0);
    let there = shmarray::ErasedArray::attach("taken").unwrap();
    let refused = shmarray(&["load", text(&i2), "taken"]).expect(4);
    let expected =
        "array \"taken\" exists already; take another name, `--replace`, or `--attach`\n";
    assert!(refused.err.ends_with(expected), "{refused:#?}");
    let attached = shmarray(&["load", text(&i4), "taken", "--attach"]).expect(0);
    assert!(attached.out.starts_with("taken: was there already, "), "{attached:#?}");
    for (other, what) in [(&i2, "dtype mismatch"), (&f4, "dtype mismatch")] {
        let done = shmarray(&["load", text(other), "taken", "--attach"]).expect(1);
        assert!(done.err.contains(what), "{done:#?}");
    }
    let deflated = file("version1.npy");
    shmarray(&["load", text(&deflated), "taken", "--attach"]).expect(0);
    shmarray(&["load", text(&i2), "taken", "--force"]).expect(0);
    let done = shmarray(&["load", text(&i4), "taken", "--replace"]).expect(0);
    assert!(done.out.starts_with("taken: loaded, "), "{done:#?}");
    shmarray(&["load", text(&i2), "taken", "--replace"]).expect(0);
    assert_eq!(there.dtype().to_string(), "<i4", "who has it keeps it");
    assert_eq!(shmarray(&["stat", "taken", "--json"]).expect(0).json()["dtype"], "<i2");
    shmarray(&["load", text(&i2), "taken", "--replace", "--attach"]).expect(2);
    shmarray(&["rm", "taken"]).expect(0);
    let done = shmarray(&["load", text(&i2), "taken", "--attach"]).expect(0);
    assert!(done.out.starts_with("taken: loaded, "), "{done:#?}");
    shmarray(&["rm", "taken"]).expect(0);
}

/// `load` does not take over a file that is no array.
pub(crate) fn foreign() {
    let file = repository("crates/shm-npy/tests/data/i4.npy");
    fs::write("/dev/shm/load-bytes", "none of ours").unwrap();
    fs::write("/dev/shm/load-broken", "SHMARRAY and then nothing that fits").unwrap();
    fs::write("/dev/shm/load-short", "SHM").unwrap();
    fs::create_dir("/dev/shm/load-folder").unwrap();
    std::os::unix::fs::symlink("load-bytes", "/dev/shm/load-link").unwrap();
    for name in ["load-bytes", "load-short", "load-folder", "load-link"] {
        for more in [&[][..], &["--replace"], &["--attach"], &["--force"]] {
            let done = shmarray(&[&["load", text(&file), name], more].concat()).expect(4);
            let expected = format!(
                "shmarray: cannot load {}: {name} is a file in /dev/shm that is no array; remove it \
                 with rm /dev/shm/{name}, or take another name\n",
                file.display()
            );
            assert_eq!((done.err, done.out), (expected, String::new()));
        }
    }
    assert_eq!(fs::read("/dev/shm/load-bytes").unwrap(), b"none of ours");
    fs::rename("/dev/shm/load-short", "/dev/shm/load short").unwrap();
    let done = shmarray(&["load", text(&file), "load short", "--replace"]).expect(4);
    assert!(done.err.contains("rm '/dev/shm/load short', or"), "{done:#?}");
    // A broken file that begins as an array does is ours.
    shmarray(&["load", text(&file), "load-broken"]).expect(4);
    shmarray(&["load", text(&file), "load-broken", "--replace"]).expect(0);
    shmarray(&["rm", "load-broken"]).expect(0);
    let done = shmarray(&["load", text(&file), "/dev/shm/load-x"]).expect(1);
    assert!(done.err.contains("leave out /dev/shm/"), "{done:#?}");
    fs::remove_dir("/dev/shm/load-folder").unwrap();
    for name in ["load-bytes", "load short", "load-link"] {
        fs::remove_file(format!("/dev/shm/{name}")).unwrap();
    }
}

/// Where nothing can be written is said before anything is.
pub(crate) fn nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = repository("crates/shm-npy/tests/data/i4.npy");
    shmarray(&["load", text(&file), "nowhere"]).expect(0);
    let missing = folder.path().join("nodir");
    let (npy, png) = (missing.join("x.npy"), missing.join("x.png"));
    let expected = format!("there is no folder {}\n", missing.display());
    for arguments in
        [&["save", "nowhere", text(&npy)][..], &["show", "nowhere", "--png", text(&png)]]
    {
        let done = shmarray(arguments).expect(1);
        assert!(done.out.is_empty() && done.err.ends_with(&expected), "{done:#?}");
    }
    let below = file.join("x.npy");
    let done = shmarray(&["save", "nowhere", text(&below)]).expect(1);
    assert!(done.err.ends_with("i4.npy is no folder\n"), "{done:#?}");
    for arguments in [&["save", "nowhere", "-"][..], &["show", "nowhere", "--png", "-"]] {
        let mut command = command(arguments);
        command.current_dir(folder.path());
        let done = finished(command).expect(2);
        assert!(done.err.contains("./-"), "{done:#?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    shmarray(&["rm", "nowhere"]).expect(0);
}

/// The environment moves nothing that has to stay, and that is said.
pub(crate) fn environment() {
    let file = repository("crates/shm-npy/tests/data/i4.npy");
    let mut load = command(&["load", text(&file), "moved"]);
    load.env("SHMARRAY_BACKEND", "memfd");
    let done = finished(load).expect(0);
    assert!(done.err.contains("made on shm, though SHMARRAY_BACKEND is memfd"), "{done:#?}");
    shmarray(&["rm", "moved"]).expect(0);
}

/// Whenever it is killed, there is no array or a whole one.
pub(crate) fn killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zeros.npy");
    zeros(&file, 24 << 20);
    let before = leaks::entries();
    let mut early = 0;
    for _ in 0..10 {
        let mut load = command(&["load", text(&file), "killed"]);
        let mut child = load.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let fds = format!("/proc/{}/fd", child.id());
        // The array has no name while it is filled.
        let is_filling = || {
            fs::read_dir(&fds).is_ok_and(|fds| {
                let mut links = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
                links.any(|link| link.starts_with("/dev/shm"))
            })
        };
        while child.try_wait().unwrap().is_none() && !is_filling() {}
        child.kill().unwrap();
        child.wait().unwrap();
        if leaks::entries() == before {
            early += 1;
            continue;
        }
        let stat = shmarray(&["stat", "killed", "--json"]).expect(0).json();
        assert_eq!(stat["bytes"], 24 << 20);
        shmarray(&["rm", "killed"]).expect(0);
    }
    assert!(early > 0, "it was always done before it was killed");
}

/// Without space it is an error with figures, and nothing is left.
pub(crate) fn small() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zeros.npy");
    zeros(&file, 8 << 20);
    let status = Child::fork(|| {
        if !private::shm("size=4m") {
            return 0;
        }
        let done = shmarray(&["load", text(&file), "small"]).expect(1);
        assert!(
            done.err.contains("no space: needs 8400896 bytes")
                && done.err.contains("has 4194304 free"),
            "{done:#?}"
        );
        assert!(leaks::entries().is_empty());
        0
    });
    assert!(status.wait().success());
}

/// A failed `save` leaves the file that was there.
pub(crate) fn truncated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.npy");
    fs::write(&file, "before").unwrap();
    let array = SharedArray::<u8, Ix1>::builder(1 << 20).name("truncated");
    let array = array.backend(BackendKind::Shm).zeros().unwrap();
    let used = shmarray(&["save", "truncated", text(&file)]).expect(0);
    assert!(used.err.contains("in use"), "{used:#?}");
    assert_eq!(contents(&file).1.len(), 1 << 20);
    fs::write(&file, "before").unwrap();
    let bytes = fs::OpenOptions::new().write(true).open("/dev/shm/truncated").unwrap();
    bytes.set_len(8192).unwrap();
    let done = shmarray(&["save", "truncated", text(&file)]).expect(1);
    assert!(done.err.contains("truncated"), "{done:#?}");
    assert_eq!(fs::read(&file).unwrap(), b"before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    shmarray(&["save", "nobody", text(&file)]).expect(3);
    let folder = text(folder.path());
    let done = shmarray(&["save", "truncated", folder]).expect(1);
    assert!(done.err.contains("not a regular file") || done.err.contains("truncated"), "{done:#?}");
    drop(array);
}

/// Paths that are not UTF-8 are paths.
pub(crate) fn odd_paths() {
    let folder = tempfile::tempdir().unwrap();
    let source = repository("crates/shm-npy/tests/data/i4.npy");
    shmarray(&["load", text(&source), "odd-path"]).expect(0);
    let (npy, png) = (OsStr::from_bytes(b"a\xff.npy"), OsStr::from_bytes(b"a\xff.png"));
    let run = |arguments: &[&str], path: &OsStr| {
        let mut command = command(arguments);
        command.arg(path).current_dir(folder.path());
        finished(command)
    };
    run(&["save", "odd-path"], npy).expect(0);
    assert_eq!(contents(&folder.path().join(npy)), contents(&source));
    run(&["show", "odd-path", "--png"], png).expect(0);
    assert!(folder.path().join(png).exists());
    shmarray(&["rm", "odd-path"]).expect(0);
    let mut load = command(&["load"]);
    load.arg(folder.path().join(npy)).arg("odd-path");
    finished(load).expect(0);
    shmarray(&["rm", "odd-path"]).expect(0);
}

/// A command that cannot print its success says so in its error.
pub(crate) fn unheard() {
    let folder = tempfile::tempdir().unwrap();
    let (file, saved) =
        (repository("crates/shm-npy/tests/data/i4.npy"), folder.path().join("s.npy"));
    for (arguments, done) in [
        (["load", text(&file), "unheard"], "unheard is there: ".to_owned()),
        (["save", "unheard", text(&saved)], format!("{} is saved: ", saved.display())),
    ] {
        let mut err = tempfile::tempfile().unwrap();
        let mut command = command(&arguments);
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        command.stdout(full).stderr(err.try_clone().unwrap());
        assert_eq!(crate::run::wait(command.spawn().unwrap()).code(), Some(1));
        err.rewind().unwrap();
        let told = std::io::read_to_string(err).unwrap();
        let expected = format!("shmarray: {done}cannot write to standard output: No space left");
        assert!(told.starts_with(&expected), "{told}");
    }
    assert!(saved.exists());
    shmarray(&["rm", "unheard"]).expect(0);
}

/// Errors name no file that only this command knows.
pub(crate) fn temporary_names() {
    let file = repository("crates/shm-npy/tests/data/i4.npy");
    shmarray(&["load", text(&file), "temporary"]).expect(0);
    for arguments in
        [&["save", "temporary", "/proc/x.npy"][..], &["show", "temporary", "--png", "/proc/x.png"]]
    {
        let done = shmarray(arguments).expect(1);
        assert!(done.err.contains("/proc/x.") && !done.err.contains(".shmarray-"), "{done:#?}");
    }
    let version = tempfile::NamedTempFile::new().unwrap();
    fs::write(version.path(), b"\x93NUMPY\x01\x01\x04\x00{}  ").unwrap();
    let done = shmarray(&["load", text(version.path()), "versioned"]).expect(1);
    assert!(done.err.contains("version 1.1;"), "{done:#?}");
    shmarray(&["rm", "temporary"]).expect(0);
}

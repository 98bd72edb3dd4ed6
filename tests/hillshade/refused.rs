//! Requests that cannot be met are refused: one line that says what to do, exit code 2, nothing left.

use std::fs::{Permissions, create_dir, set_permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::RELIEF;
use crate::npy::{npy, npy_of};
use crate::run::Folder;

/// Fails unless an input of these bytes is refused with these words.
fn refused(file: &[u8], words: &[&str]) {
    let folder = Folder::new();
    folder.write("in.npy", file);
    let finished = folder.run(&["--input", "in.npy"]);
    finished.assert_error(2, words);
    finished.assert_error(2, &["in.npy"]);
    assert!(!folder.path("hillshade.png").exists());
}

#[test]
fn inputs_that_are_not_2_d() {
    for shape in ["()", "(8,)", "(2, 2, 2)"] {
        refused(&npy(1, "'<f4'", false, shape, &[0; 32]), &["not 2-D", "give"]);
    }
    for shape in ["(0, 5)", "(5, 0)"] {
        refused(&npy(1, "'<f4'", false, shape, &[]), &["empty", "give"]);
    }
}

#[test]
fn inputs_that_are_not_numeric() {
    for descr in
        ["'|b1'", "'<c8'", "'<c16'", "'|S4'", "'<U2'", "'|O'", "'<M8[D]'", "[('z', '<f4')]"]
    {
        refused(&npy(1, descr, false, "(2, 2)", &[0; 64]), &["is not numeric", "give"]);
    }
    refused(&npy(1, "'<f16'", false, "(2, 2)", &[0; 64]), &["too wide", "astype"]);
}

#[test]
fn inputs_that_are_truncated() {
    let file = npy_of(4, 4, |y, x| (y + x) as f64);
    refused(&file[..file.len() - 1], &["truncated", "needs 256 bytes, has 255"]);
    refused(&npy(1, "'<i2'", false, "(1000000, 1000000)", &[]), &["truncated"]);
    for len in [0, 5, 9, 11, 40] {
        refused(&file[..len], &["not a .npy file", "numpy.save"]);
    }
}

#[test]
fn inputs_that_are_not_npy() {
    let hostile = |shape: &str| npy(1, "'<f4'", false, shape, &[]);
    let not_npy: &[Vec<u8>] = &[
        b"elevation,1,2,3,4,5,6,7,8,9\n".to_vec(),
        b"\x93NUMPY\x09\x00\x00\x00\x00\x00\x00\x00".to_vec(), // version 9
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff\x00\x00".to_vec(), // a header of 4 GiB
        npy(1, "'<q9'", false, "(2, 2)", &[0; 64]),
        hostile("(18446744073709551616, 1)"),
        hostile("(4294967296, 4294967296)"),
        hostile("(4294967296, 4294967296, 4294967296)"),
        hostile("(-1, 4)"),
        hostile(&"(".repeat(5000)),
        hostile("(2, 2"),
    ];
    for file in not_npy {
        refused(file, &["not a .npy file", "numpy.save"]);
    }
}

#[test]
fn inputs_that_are_not_files() {
    let folder = Folder::new();
    create_dir(folder.path("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("fifo")).status().unwrap().success());
    folder.run(&["--input", "missing.npy"]).assert_error(2, &["missing.npy", "--input"]);
    for name in ["folder", "fifo"] {
        folder.run(&["--input", name]).assert_error(2, &[name, "not a regular file"]);
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    create_dir(folder.path("folder")).unwrap();
    symlink("/dev/null", folder.path("null")).unwrap();
    for option in ["--png", "--output"] {
        for path in ["missing/out", "folder", "/dev/null", "null", "/proc/out", ".."] {
            let finished = folder.run(&["--input", RELIEF, option, path]);
            finished.assert_error(2, &["cannot be written", "name another"]);
        }
    }
    assert!(!folder.path("hillshade.png").exists());
    assert!(std::fs::symlink_metadata(folder.path("null")).unwrap().is_symlink());
}

#[test]
fn an_output_gets_the_usual_permissions_and_goes_through_links() {
    let folder = Folder::new();
    folder.write("real.png", b"old");
    set_permissions(folder.path("real.png"), Permissions::from_mode(0o600)).unwrap();
    symlink("real.png", folder.path("link.png")).unwrap();
    folder.run(&["--input", RELIEF, "--png", "link.png"]).assert_right();
    assert!(std::fs::symlink_metadata(folder.path("link.png")).unwrap().is_symlink());
    assert!(folder.read("real.png").starts_with(b"\x89PNG"));
    folder.write("other", b"");
    let mode = |name: &str| std::fs::metadata(folder.path(name)).unwrap().permissions().mode();
    assert_eq!(mode("real.png"), mode("other"));
}

#[test]
fn arguments_that_make_no_sense() {
    let folder = Folder::new();
    for (args, words) in [
        (&["--workers", "0"][..], &["--workers", "at least 1"][..]),
        (&["--workers", "-1"], &["--workers", "at least 1"]),
        (&["--workers", "two"], &["--workers", "at least 1"]),
        (&["--scale", "0"], &["--scale", "at least 1"]),
        (&["--scale", "18446744073709551615"], &["--scale", "smaller"]),
        (&["--scale", "10000000"], &["--scale", "smaller"]),
        (&["--dx", "0"], &["--dx", "greater than 0"]),
        (&["--dy", "-3"], &["--dy", "greater than 0"]),
        (&["--azimuth", "inf"], &["--azimuth", "finite"]),
        (&["--altitude", "high"], &["--altitude", "finite"]),
        (&["--backend", "shmem"], &["--backend", "shm, mmap, memfd"]),
        (&["--start", "thread"], &["--start", "spawn, fork"]),
        (&["--start", "spawn", "--backend", "mmap"], &["mmap", "--start fork", "memfd"]),
        (&["--backend", "mmap"], &["mmap", "--start fork", "memfd"]),
        (&["--backend", "mmap", "--kill-one"], &["mmap", "--start fork", "memfd"]),
        (&["--dx", "5e-324", "--scale", "3"], &["--dx", "too small"]),
        (&["--png", "one", "--output", "./one"], &["--png and --output", "name two"]),
        (&["--png", RELIEF], &["--png", "replace the input"]),
        (&["--output", RELIEF], &["--output", "replace the input"]),
        (&["--colour"], &["--colour", "--help"]),
        (&["relief.npy"], &["relief.npy", "--help"]),
    ] {
        let finished = folder.run(&[&["--input", RELIEF], args].concat());
        finished.assert_error(2, words);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn the_environment_is_held_to_the_same() {
    let folder = Folder::new();
    let run = |value, start| {
        folder.run_with(&[("SHMARRAY_BACKEND", value)], &["--input", RELIEF, "--start", start])
    };
    run("mmap", "spawn").assert_error(2, &["mmap", "spawned workers", "use shm or memfd"]);
    run("floppy", "spawn").assert_error(2, &["floppy", "SHMARRAY_BACKEND", "memfd"]);
    let finished = run(" MMAP ", "fork");
    finished.assert_right();
    assert!(finished.stdout.starts_with("backend: mmap, as SHMARRAY_BACKEND asks"));
    let spare = [("SHMARRAY_SHM_MIN_FREE", "18446744073709551615")];
    let finished = folder.run_with(&spare, &["--input", RELIEF]);
    finished.assert_right();
    assert!(finished.stdout.starts_with("backend: memfd, chosen automatically"));
}

#[test]
fn nobody_is_killed_midway_where_there_is_no_middle() {
    let folder = Folder::new();
    folder.write("in.npy", &npy_of(1, 9, |_, x| x as f64));
    folder.run(&["--input", "in.npy", "--kill-one"]).assert_error(2, &["--kill-one", "two rows"]);
}

#[test]
fn a_worker_by_itself_is_told_what_it_lacks() {
    let this = std::process::id().to_string();
    for (parent, word) in [(this.as_str(), "elevation"), ("1", "is gone"), ("-1", "is gone")] {
        let finished = Folder::new().run(&["--worker", parent, "--rows", "3"]);
        assert_eq!(finished.code, Some(1));
        assert!(finished.stdout.starts_with("failed "), "{finished:?}");
        assert!(finished.stdout.contains(word), "{finished:?}");
    }
}

//! SIGKILL at each step of writing a file, and file systems that make it hard. Needs strace(1).
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Resource;
use shm_conformance::limits::{assert_reached, limit};
use shm_conformance::{kill, private, process};
use shm_core::{ErrorKind, Order};
use shm_npy::{NpyFile, NpyWriter};

fn main() {
    process::main(
        &[
            ("write", |arguments| write(arguments[0].as_ref(), 7)),
            ("without unnamed files", |_| without_unnamed_files()),
            ("on a full disk", |_| on_a_full_disk()),
            ("beyond a limit", |_| beyond_a_limit()),
            ("without permission", |arguments| without_permission(arguments[0].as_ref())),
        ],
        &[
            ("a_new_file_is_whole_or_not_there", new_file),
            ("a_file_is_replaced_as_a_whole", replaced),
            ("without_unnamed_files", || process::play("without unnamed files", &[])),
            ("where_unnamed_files_get_no_name", no_name_for_unnamed_files),
            ("a_file_that_may_not_be_written_to_stays", read_only_file),
            ("on_a_full_disk", || process::play("on a full disk", &[])),
            ("beyond_the_largest_file_that_is_allowed", || process::play("beyond a limit", &[])),
        ],
    );
}

fn write(path: &Path, value: u8) {
    kill::between(|| {
        let mut writer =
            NpyWriter::create(path, &"|u1".parse().unwrap(), &[4, 5], Order::C).unwrap();
        writer.write(&[value; 8]).unwrap();
        writer.write(&[value; 12]).unwrap();
        writer.finish().unwrap();
    });
}

/// The file's elements, which must be all there and all the same.
fn value(path: &Path) -> u8 {
    let mut file = NpyFile::open(path).unwrap();
    let mut elements = [0; 20];
    file.read_into(&mut elements, |_, _| {}).unwrap();
    assert_eq!(elements, [elements[0]; 20]);
    elements[0]
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// To write beyond the limit would be SIGXFSZ, which kills.
fn beyond_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.npy");
    limit(Resource::Fsize, 147);
    let create = |len| NpyWriter::create(&path, &"|u1".parse().unwrap(), &[len], Order::C);
    assert_reached(create(20), "RLIMIT_FSIZE", 147);
    let mut writer = create(19).unwrap();
    writer.write(&[7; 19]).unwrap();
    writer.finish().unwrap();
    assert_eq!(names(folder.path()), ["large.npy"]);
}

fn new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.npy");
    kill::at_every_step("write", &[path.to_str().unwrap()], |at, steps| {
        let names = names(folder.path());
        if at == steps.len() {
            assert_eq!(names, ["new.npy"]);
        }
        for name in names {
            assert_eq!(name, "new.npy", "killed at {:?}", steps.get(at));
            assert_eq!(value(&path), 7);
            fs::remove_file(&path).unwrap();
        }
    });
}

fn replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.npy");
    write(&path, 1);
    let mut left_over = 0;
    kill::at_every_step("write", &[path.to_str().unwrap()], |at, steps| {
        assert!(path.exists(), "killed at {:?}", steps.get(at));
        for name in names(folder.path()) {
            if name == "old.npy" {
                assert!([1, 7].contains(&value(&path)), "killed at {:?}", steps.get(at));
            } else {
                // Killed between link and rename: the file is whole, and bears a name to sweep by.
                assert!(name.starts_with(".shmarray-"), "{name}");
                let left = folder.path().join(name);
                assert_eq!(value(&left), 7);
                fs::remove_file(left).unwrap();
                left_over += 1;
            }
        }
        write(&path, 1);
    });
    assert!(left_over <= 2, "{left_over} of the steps left a file");
}

/// Hardened kernels and sandboxes refuse linkat(2): the file is copied to one that has a name.
fn no_name_for_unnamed_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    for (round, error) in ["EACCES", "EPERM", "EXDEV", "ENOSYS"].into_iter().enumerate() {
        if round == 2 {
            fs::remove_file(&path).unwrap(); // then it is new again
        }
        let again = process::again("write", &[path.to_str().unwrap()]);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat"]);
        strace.args(["-e", &format!("inject=linkat:error={error}")]).arg(again.get_program());
        strace.args(again.get_args());
        strace.envs(again.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let output = strace.output().unwrap();
        assert!(output.status.success(), "{error}: {output:?}");
        assert_eq!(names(folder.path()), ["x.npy"], "{error}");
        assert_eq!(value(&path), 7);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if round == 0 || round == 2 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        } else {
            assert_eq!(mode, 0o640, "{error}");
        }
    }
}

/// As numpy.save, which opens the old file, does not.
fn read_only_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let path = folder.path().join("x.npy");
    write(&path, 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    process::play("without permission", &[path.to_str().unwrap()]);
    assert_eq!((names(folder.path()), value(&path)), (vec!["x.npy".into()], 1));
}

fn without_permission(path: &Path) {
    // Root may write to every file, so this process becomes somebody else.
    if rustix::process::geteuid().is_root() {
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
    }
    let create = |path: &Path| NpyWriter::create(path, &"|u1".parse().unwrap(), &[20], Order::C);
    let error = create(path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
    assert!(error.to_string().contains("x.npy may not be opened for"), "{error}");
    drop(create(&path.with_extension("new")).unwrap());
}

/// Where `/proc` is hidden, an unnamed file could not be given a name.
fn without_unnamed_files() {
    if !private::shm("size=4m") || !private::hide("/proc") {
        return;
    }
    let folder = Path::new("/dev/shm");
    let path = folder.join("x.npy");
    for round in 1..3 {
        let mut writer =
            NpyWriter::create(&path, &"|u1".parse().unwrap(), &[20], Order::C).unwrap();
        writer.write(&[round; 20]).unwrap();
        let begun = names(folder);
        assert!(begun.iter().any(|name| name.starts_with(".shmarray-")), "{begun:?}");
        writer.finish().unwrap();
        assert_eq!((names(folder), value(&path)), (vec!["x.npy".into()], round));
        drop(NpyWriter::create(&path, &"|u1".parse().unwrap(), &[20], Order::C).unwrap());
        assert_eq!(names(folder), ["x.npy"]);
    }
}

fn on_a_full_disk() {
    if !private::shm("size=1m") {
        return;
    }
    let path = Path::new("/dev/shm/x.npy");
    write(path, 1);
    let len = 2 << 20;
    let mut writer = NpyWriter::create(path, &"|u1".parse().unwrap(), &[len], Order::C).unwrap();
    let error = writer.write(&vec![2; len]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSpace { needs: 0x20_0000, .. }), "{error}");
    drop(writer);
    assert_eq!((names(Path::new("/dev/shm")), value(path)), (vec!["x.npy".into()], 1));
}

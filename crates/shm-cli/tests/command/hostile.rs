//! A `/dev/shm` full of what others may put there: an error or a skip, never a panic, a signal or a
//! hang.

use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use shm_conformance::dice::Dice;
use shm_conformance::process::Child;
use shm_conformance::{leaks, private};

use crate::listing::{keep, shared};
use crate::run::{command, finished, shmarray};

fn bytes(dice: &mut Dice, len: usize) -> Vec<u8> {
    (0..len).map(|_| dice.roll().to_le_bytes()[7]).collect()
}

fn at(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

/// The bytes of a segment that is well.
fn segment() -> Vec<u8> {
    let child = Child::idle(|| keep(shared("pattern")));
    let bytes = fs::read(at("pattern")).unwrap();
    drop(child);
    shmarray(&["gc"]).expect(0);
    bytes
}

/// Fills the folder.
fn fill(dice: &mut Dice) {
    let segment = segment();
    fs::write(at("well"), &segment).unwrap();
    for number in 0..12 {
        let len = dice.index(20_000);
        fs::write(at(&format!("random-{number}")), bytes(dice, len)).unwrap();
        let garbage = [b"SHMARRAY".to_vec(), bytes(dice, len)].concat();
        fs::write(at(&format!("magic-{number}")), garbage).unwrap();
        let cut = &segment[..dice.index(segment.len())];
        fs::write(at(&format!("cut-{number}")), cut).unwrap();
    }
    for number in 0..48 {
        // A few bytes of the header, or of what stands behind it, are others.
        let mut changed = segment.clone();
        for _ in 0..=dice.index(4) {
            let place = if number % 2 == 0 { dice.index(92) } else { 1024 + dice.index(64) };
            changed[place] = bytes(dice, 1)[0];
        }
        fs::write(at(&format!("changed-{number}")), changed).unwrap();
    }
    for (name, start) in [("huge-zeros", &[][..]), ("huge-magic", b"SHMARRAY"), ("huge", &segment)]
    {
        let file = File::create(at(name)).unwrap();
        file.write_all_at(start, 0).unwrap();
        file.set_len(1 << 40).unwrap();
    }
    // A header that is whole, and 1 TiB of data that nobody wrote.
    let mut large = segment[..4096.min(segment.len())].to_vec();
    let data_offset = u64::from_le_bytes(large[16..24].try_into().unwrap());
    large[24..32].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    large[32..40].copy_from_slice(&(data_offset + (1 << 40)).to_le_bytes());
    large[1024..1032].copy_from_slice(&(1_u64 << 19).to_le_bytes());
    large[1032..1040].copy_from_slice(&(1_u64 << 19).to_le_bytes());
    let file = File::create(at("sparse")).unwrap();
    file.write_all_at(&large, 0).unwrap();
    file.set_len(data_offset + (1 << 40)).unwrap();

    symlink("well", at("link")).unwrap();
    symlink("nowhere", at("link-to-nothing")).unwrap();
    symlink("link-to-itself", at("link-to-itself")).unwrap();
    symlink("/dev/zero", at("link-to-zeros")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    drop(UnixListener::bind(at("socket")).unwrap());
    fs::write(at("closed"), &segment).unwrap();
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o0)).unwrap();
    for name in [&b"bytes-\xff\xfe"[..], b"line\nend", b"\x1b[2J", b"-", b"--help", b"1:2", b" "] {
        fs::write(Path::new("/dev/shm").join(std::ffi::OsStr::from_bytes(name)), &segment).unwrap();
    }
    for (name, bytes) in [("0", &[][..]), ("1", b"SHMARRAY"), ("2", b"other"), ("3", &segment)] {
        fs::write(at(&format!(".shmarray-tmp-{name}")), bytes).unwrap();
    }
}

/// Every subcommand that only looks, and those that name an entry, on each.
fn look(entries: &[String], folder: &Path) {
    let lists: [&[&str]; 6] = [
        &["ls"],
        &["ls", "--json"],
        &["watch", "--count", "1"],
        &["gc", "--dry-run"],
        &["gc", "--dry-run", "--json"],
        &["doctor"],
    ];
    for arguments in lists {
        shmarray(arguments).expect(0);
    }
    let picture = folder.join("picture.png");
    let picture = picture.to_str().unwrap();
    for entry in entries {
        for arguments in
            [&["stat", "--json", "--", entry][..], &["stat", "--", entry], &["show", "--", entry]]
        {
            let done = shmarray(arguments);
            assert!(matches!(done.code, 0 | 1 | 3), "{arguments:?}: {done:#?}");
            assert_eq!(done.code == 0, done.err.is_empty(), "{arguments:?}: {done:#?}");
        }
        // A tebibyte takes its time to draw, and as much of the disk to save.
        if entry != "sparse" {
            let done = shmarray(&["show", "--png", picture, "--", entry]);
            assert!(matches!(done.code, 0 | 1 | 3), "{entry}: {done:#?}");
            let file = folder.join("saved.npy");
            let done = shmarray(&["save", "--", entry, file.to_str().unwrap()]);
            assert_eq!(done.code == 0, fs::remove_file(file).is_ok(), "{entry}: {done:#?}");
        }
    }
}

pub(crate) fn files() {
    if !private::is_private() {
        return;
    }
    let before = leaks::entries();
    fill(&mut Dice::new(0x5eed));
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let entries = fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name());
        Vec::from_iter(entries.filter_map(|name| name.into_string().ok()))
    };
    let all = leaks::entries();
    look(&names(), folder.path());
    assert_eq!(leaks::entries(), all, "who looks changes nothing");
    assert!(shmarray(&["stat", "well"]).expect(0).out.contains("(30, 50)"));
    let listing = shmarray(&["ls", "--json"]).expect(0);
    assert!(listing.segment("pattern").is_some(), "what is well is listed beside the rest");
    assert!(listing.json()["unreadable"].as_array().unwrap().len() > 20);

    shmarray(&["gc"]).expect(0);
    assert!(fs::exists(at("fifo")).unwrap() && fs::exists(at("random-3")).unwrap());
    for name in names() {
        let done = shmarray(&["rm", "--", &name]);
        assert!(matches!(done.code, 0 | 1), "{name:?}: {done:#?}");
    }
    assert!(fs::exists(at("random-3")).unwrap() && fs::exists(at("folder")).unwrap());
    assert!(!fs::exists(at("magic-3")).unwrap() && !fs::exists(at("huge-magic")).unwrap());
    for entry in fs::read_dir("/dev/shm").unwrap() {
        let path = entry.unwrap().path();
        let is_ours =
            before.iter().any(|name| path.as_os_str().as_bytes().ends_with(name.as_bytes()));
        match path.symlink_metadata().unwrap().is_dir() {
            _ if is_ours => {}
            true => fs::remove_dir(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    assert_eq!(leaks::entries(), before);
}

/// Rounds of all subcommands while a process changes what they look at.
const ROUNDS: usize = 20;

pub(crate) fn changing() {
    if !private::is_private() {
        return;
    }
    let segment = segment();
    fs::write(at("changing"), &segment).unwrap();
    let vandal = Child::fork(|| {
        let dice = &mut Dice::new(0xbad5eed);
        let file = File::options().write(true).open(at("changing")).unwrap();
        loop {
            match dice.index(6) {
                0 => file.set_len(dice.index(segment.len() + 5000) as u64).unwrap(),
                1 => file.set_len(segment.len() as u64).unwrap(),
                2 => file.write_all_at(&bytes(dice, 64), dice.index(1200) as u64).unwrap(),
                3 => {
                    let file = at("changing-new");
                    fs::write(&file, &segment).unwrap();
                    fs::rename(file, at("changing-too")).unwrap();
                }
                _ => file.write_all_at(&segment, 0).unwrap(),
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.npy");
    let picture = folder.path().join("picture.png");
    let (saved, picture) = (saved.to_str().unwrap(), picture.to_str().unwrap());
    let mut ends = [0; 5];
    for _ in 0..ROUNDS {
        for arguments in [
            &["ls"][..],
            &["ls", "--json"],
            &["stat", "changing"],
            &["stat", "changing", "--json"],
            &["show", "changing"],
            &["show", "changing", "--png", picture],
            &["save", "changing", saved],
            &["watch", "--count", "1"],
            &["gc", "--dry-run"],
            &["stat", "changing-too"],
        ] {
            let done = finished(command(arguments));
            assert!(matches!(done.code, 0 | 1 | 3 | 4), "{arguments:?}: {done:#?}");
            ends[usize::try_from(done.code).unwrap()] += 1;
        }
    }
    vandal.kill();
    vandal.wait();
    println!("ends by code: {ends:?}");
    assert!(ends[0] > 0 && ends[1] > 0, "it was seen whole, and not whole: {ends:?}");
    for name in fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name()) {
        if name.clone().into_vec().starts_with(b"changing") {
            fs::remove_file(Path::new("/dev/shm").join(name)).unwrap();
        }
    }
}

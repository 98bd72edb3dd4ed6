//! A `/dev/shm` and memfds that are not segments, or garbled ones.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{
    CWD, FileType, MemfdFlags, Mode, OFlags, makedev, memfd_create, mkfifoat, mknodat, open,
};
use rustix::process::Resource;
use shm_conformance::limits::limit;
use shm_conformance::process::{self, Child, in_a_child};
use shm_conformance::user::as_nobody;
use shm_conformance::{leaks, unique_name};
use shm_core::{ErrorKind, Header};
use shm_presence::join;
use shm_survey::{Listing, Locator, SegmentInfo, Unreadable, find, holders, list};

use common::{data, is_alone, path, whole};

fn main() {
    process::main(
        &[],
        &[
            ("random_files", random_files),
            ("segments_cut_at_every_length", cut_segments),
            ("segments_with_garbage_in_their_headers", garbled_headers),
            ("sparse_files_of_a_tebibyte", sparse_files),
            ("what_is_no_regular_file", no_regular_files),
            ("a_fifo_whose_other_end_waits", fifo_is_not_opened),
            ("files_that_may_not_be_opened", no_permissions),
            ("names_that_no_array_can_have", impossible_names),
            ("temporary_entries", temporary_entries),
            ("memfds_with_garbage", memfds_with_garbage),
            ("times_beyond_the_clock", strange_times),
            ("more_segments_than_descriptors", || in_a_child(many_segments)),
        ],
    );
}

/// Random bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// Looks at everything in every way that there is, twice; nothing may change, leak, or reach the
/// terminal that it would obey.
fn look() -> Listing {
    process::die_if_hanging(100);
    let before = leaks::Snapshot::take();
    drop(list().unwrap());
    before.assert_unchanged("looking");
    let mut listing = list().unwrap();
    listing.segments.retain(|found| is_of_this_test(found.locator()));
    listing.unreadable.retain(|found| is_of_this_test(&found.locator));
    for segment in &listing.segments {
        let locator = segment.locator().to_string();
        assert!(!locator.contains(char::is_control), "{locator:?}");
        assert!(!segment.header().name().as_str().contains(char::is_control));
        assert_eq!(find(&locator).unwrap().header(), segment.header());
        segment.is_in_use().unwrap();
        segment.participants().unwrap();
        segment.lock_state().unwrap();
        let nbytes = segment.header().layout().nbytes() as u64;
        let mut byte = [0];
        assert!(segment.read_at(&mut byte, nbytes).is_err(), "{locator}");
        if nbytes > 0 {
            segment.read_at(&mut byte, nbytes - 1).unwrap();
        }
    }
    for Unreadable { locator, error, .. } in &listing.unreadable {
        for text in [locator.to_string(), error.to_string()] {
            assert!(!text.contains(char::is_control), "{text:?}");
        }
        assert!(find(&locator.to_string()).is_err(), "{locator}: {error}");
    }
    process::die_if_hanging(0);
    listing
}

/// Whether this test made it, and no other program on this machine.
fn is_of_this_test(locator: &Locator) -> bool {
    match locator {
        Locator::Entry(_) => true,
        Locator::Descriptor { pid, .. } => *pid == std::process::id(),
    }
}

/// Removes what a test has made.
fn clear() {
    for entry in fs::read_dir("/dev/shm").unwrap() {
        let path = entry.unwrap().path();
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    }
}

fn random_files() {
    if !is_alone() {
        return;
    }
    let mut random = Random(0x5eed);
    for file in 0..300 {
        let len = random.below(20_000);
        fs::write(path(&format!("random-{file}")), random.bytes(len)).unwrap();
    }
    fs::write(path("empty"), "").unwrap();
    fs::write(path("a letter less"), "SHMARRA").unwrap();
    let listing = look();
    assert_eq!(listing.foreign, 302);
    assert!(listing.segments.is_empty() && listing.unreadable.is_empty());
    for entry in ["empty", "random-0"] {
        let error = find(entry).unwrap_err();
        let kind = error.kind();
        let is_told = matches!(kind, ErrorKind::Truncated { .. } | ErrorKind::BadMagic { .. });
        assert!(is_told, "{error}");
    }
    clear();
}

/// Where a part of a segment ends, and one byte before and behind.
const ENDS: [usize; 9] = [8, 12, 128, 1024, 1032, 4096, 12_288, 12_296, 13_088];

fn cut_segments() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("whole"));
    assert_eq!(bytes.len(), 13_088);
    let mut lens: Vec<_> = ENDS.iter().flat_map(|end| [end - 1, *end, end + 1]).collect();
    lens.retain(|len| *len < bytes.len());
    for len in &lens {
        fs::write(path(&format!("cut-{len}")), &bytes[..*len]).unwrap();
    }
    let longer = [&bytes[..], &[7; 5000]].concat(); // any process of this user may append
    fs::write(path("longer"), longer).unwrap();
    let listing = look();
    assert_eq!(listing.foreign, 1, "only what is shorter than the magic");
    assert_eq!(listing.unreadable.len(), lens.len() - 1);
    for Unreadable { locator, len, error, .. } in &listing.unreadable {
        assert_eq!(locator.to_string(), format!("cut-{len}"));
        assert!(matches!(error.kind(), ErrorKind::Truncated { has, .. } if has == len), "{error}");
    }
    assert_eq!(listing.segments.len(), 1);
    assert_eq!(data(&listing.segments[0]), [1; 800]);
    clear();
}

fn garbled_headers() {
    if !is_alone() {
        return;
    }
    let mut random = Random(0xbad);
    for file in 0..200 {
        let len = random.below(20_000);
        let bytes = [&Header::MAGIC[..], &random.bytes(len)].concat();
        fs::write(path(&format!("garbage-{file}")), bytes).unwrap();
    }
    let listing = look();
    assert_eq!((listing.unreadable.len(), listing.foreign), (200, 0));
    clear();

    // Right but for a few bytes, in the header or the words behind it: whatever that means.
    let bytes = whole(&unique_name("garbled"));
    let (mut right, mut wrong) = (0, 0);
    for _ in 0..400 {
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(3) {
            let end = [120, 1100, 12_280][random.below(3)];
            let at = 8 + random.below(end);
            bytes[at] = random.next().to_be_bytes()[0];
        }
        fs::write(path("garbled"), bytes).unwrap();
        let listing = look();
        right += listing.segments.len();
        wrong += listing.unreadable.len();
    }
    assert_eq!(right + wrong, 400);
    println!("{right} of 400 can be read, {wrong} cannot");
    assert!(right > 50 && wrong > 50);
    clear();
}

/// They take no memory; being looked at must not change that.
fn sparse_files() {
    if !is_alone() {
        return;
    }
    const TEBIBYTE: u64 = 1 << 40;
    let mut bytes = whole(&unique_name("huge"));
    bytes.truncate(8192);
    bytes[24..32].copy_from_slice(&TEBIBYTE.to_ne_bytes());
    bytes[32..40].copy_from_slice(&(TEBIBYTE + 12_288).to_ne_bytes());
    bytes[1024..1032].copy_from_slice(&(TEBIBYTE / 8).to_ne_bytes());
    let contents: [(&str, &[u8]); 3] =
        [("nothing", &[]), ("garbage", b"SHMARRAY garbage"), ("huge", &bytes)];
    for (entry, content) in contents {
        let file = File::create_new(path(entry)).unwrap();
        file.set_len(TEBIBYTE + 12_288).unwrap();
        file.write_all_at(content, 0).unwrap();
    }
    let listing = look();
    assert_eq!((listing.foreign, listing.unreadable.len()), (1, 1));
    assert_eq!(listing.unreadable[0].len, TEBIBYTE + 12_288);
    let huge = &listing.segments[0];
    assert_eq!(huge.len(), TEBIBYTE + 12_288);
    let mut part = vec![1; 1 << 20];
    for offset in [0, TEBIBYTE / 2 + 1, TEBIBYTE - (1 << 20)] {
        part.fill(1);
        huge.read_at(&mut part, offset).unwrap();
        assert!(part.iter().all(|byte| *byte == 0));
    }
    for offset in [TEBIBYTE - 1, TEBIBYTE, u64::MAX] {
        let error = huge.read_at(&mut part, offset).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::OutOfBounds { .. }), "{error}");
    }
    let again = find("huge").unwrap();
    assert_eq!(again.allocated(), huge.allocated(), "reading has taken memory");
    assert_eq!(again.allocated(), 8192);
    clear();
}

fn no_regular_files() {
    if !is_alone() {
        return;
    }
    fs::write(path("segment"), whole(&unique_name("target"))).unwrap();
    symlink(path("segment"), path("symlink")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("/etc/passwd", path("outside")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    mkfifoat(CWD, path("fifo"), Mode::RWXU).unwrap();
    drop(UnixListener::bind(path("socket")).unwrap());
    let mut strange = 7;
    let null = mknodat(CWD, path("null"), FileType::CharacterDevice, Mode::RWXU, makedev(1, 3));
    strange += usize::from(null.is_ok()); // not everybody may
    let listing = look();
    assert_eq!((listing.segments.len(), listing.unreadable.len()), (1, 0));
    assert_eq!(listing.foreign, strange);
    for entry in ["symlink", "dangling", "loop", "outside", "folder", "fifo", "socket"] {
        let error = find(entry).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotASegment { .. }), "{entry}: {error}");
    }
    clear();
}

/// Whoever waits for a reader must not be woken by one that only looks.
fn fifo_is_not_opened() {
    if !is_alone() {
        return;
    }
    mkfifoat(CWD, path("fifo"), Mode::RWXU).unwrap();
    let writer = Child::fork(|| {
        process::die_if_hanging(100);
        drop(File::options().write(true).open(path("fifo")).unwrap()); // waits
        0
    });
    look();
    find("fifo").unwrap_err();
    assert!(!writer.ends_within(std::time::Duration::from_millis(20)), "it was opened");
    drop(open(path("fifo"), OFlags::RDONLY, Mode::empty()).unwrap());
    assert!(writer.wait().success());
    clear();
}

fn no_permissions() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("closed"));
    let close = |entry: &str| {
        fs::write(path(entry), &bytes).unwrap();
        fs::set_permissions(path(entry), Permissions::from_mode(0o000)).unwrap();
    };
    close("closed");
    as_nobody(|| {
        close("my own");
        close(".shmarray-tmp-0");
        let listing = look();
        assert_eq!((listing.segments.len(), listing.foreign), (0, 2));
        let [Unreadable { locator, len: 0, owner, error, .. }] = &listing.unreadable[..] else {
            panic!()
        };
        assert_eq!(*owner, Some(rustix::process::geteuid().as_raw()));
        assert_eq!(locator.to_string(), ".shmarray-tmp-0");
        assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
        let error = find("my own").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
        let error = find("closed").unwrap_err();
        let is_denied = match error.kind() {
            ErrorKind::WrongOwner { owner, me, .. } => owner != me,
            kind => matches!(kind, ErrorKind::AccessDenied { .. }), // we were nobody before
        };
        assert!(is_denied, "{error}");
    });
    clear();
}

fn impossible_names() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("named"));
    let names: [&[u8]; 7] = [
        b"\x1b[31mred",
        b"two\nlines",
        b"\xc2\x9b2J",
        b"not \xff UTF-8",
        b".shmarray-cache",
        b".shmarray-tmp-\x1b]0;title\x07",
        &[b'x'; 255],
    ];
    for name in names {
        fs::write(path("").join(OsStr::from_bytes(name)), &bytes).unwrap();
        fs::write(path("").join(OsStr::from_bytes(&name[..name.len() - 1])), "foreign").unwrap();
    }
    let listing = look();
    assert!(listing.segments.is_empty());
    assert_eq!(listing.foreign, names.len() - 1); // one has a temporary name
    assert_eq!(listing.unreadable.len(), names.len() + 1);
    let is_invalid = |found: &&Unreadable| {
        matches!(found.error.kind(), ErrorKind::InvalidName { .. }) && found.len == 13_088
    };
    assert_eq!(listing.unreadable.iter().filter(is_invalid).count(), names.len());
    let shown: Vec<_> = listing.unreadable.iter().map(|found| found.locator.to_string()).collect();
    assert!(shown.contains(&"\\u{1b}[31mred".into()), "{shown:?}");
    assert!(shown.contains(&"not \\xff UTF-8".into()), "{shown:?}");
    for traversal in ["", ".", "..", "../shm/x", "/dev/shm/x", "x/", "x\0", "\u{1b}[31mred"] {
        let error = find(traversal).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{traversal:?}: {error}");
    }
    clear();
}

fn temporary_entries() {
    if !is_alone() {
        return;
    }
    let name = unique_name("draft");
    fs::write(path(".shmarray-tmp-whole"), whole(&name)).unwrap();
    fs::write(path(".shmarray-tmp-empty"), "").unwrap();
    fs::write(path(".shmarray-tmp-zeros"), [0; 13_088]).unwrap();
    fs::write(path(".shmarray-tmp-notes"), "not a draft").unwrap();
    fs::create_dir(path(".shmarray-tmp-folder")).unwrap();
    let listing = look();
    assert_eq!(listing.foreign, 0);
    let locators: Vec<_> =
        listing.unreadable.iter().map(|found| found.locator.to_string()).collect();
    let all = ["empty", "folder", "notes", "zeros"].map(|what| format!(".shmarray-tmp-{what}"));
    assert_eq!(locators, all);
    let draft = find(".shmarray-tmp-whole").unwrap();
    assert_eq!(draft.locator(), &Locator::Entry(".shmarray-tmp-whole".into()));
    assert_eq!(draft.header().name(), &name);
    assert_eq!(draft.locator(), listing.segments[0].locator());
    clear();
}

/// Those of other programs are not told of; those that begin as ours do are.
fn memfds_with_garbage() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("copied"));
    let made = |name: &str, bytes: &[u8], len: u64| {
        let file = File::from(memfd_create(name, MemfdFlags::CLOEXEC).unwrap());
        file.write_all_at(bytes, 0).unwrap();
        file.set_len(len).unwrap();
        file
    };
    let foreign = [
        made("shmarray-locks", &[], 0),
        made("random", &Random(1).bytes(5000), 5000),
        made("huge", &[], 1 << 40),
    ];
    let ours = [
        made("\u{1b}[2J", b"SHMARRAY garbage", 1 << 40),
        made("short", &bytes, 13_087),
        made("magic", b"SHMARRAY", 8),
    ];
    let whole = made("not its name", &bytes, 13_088);
    let locator = |file: &File| format!("{}:{}", std::process::id(), file.as_raw_fd());
    let count = || {
        let listing = look();
        assert_eq!(listing.foreign, 0);
        let mut errors = listing.unreadable.iter().map(|found| found.locator.to_string());
        assert!(foreign.iter().all(|file| errors.all(|error| error != locator(file))));
        let is_whole = |found: &SegmentInfo| found.locator().to_string() == locator(&whole);
        (listing.unreadable.len(), listing.segments.iter().any(is_whole))
    };
    assert_eq!(count(), (0, false), "nobody is present");
    ours.iter().chain([&whole]).for_each(|file| join(file).unwrap());
    assert_eq!(count(), (3, true));

    // What is no memfd at all, and nothing.
    let me = std::process::id();
    let fd = |file: &dyn AsRawFd| format!("{me}:{}", file.as_raw_fd());
    assert_eq!(data(&find(&fd(&whole)).unwrap()), [1; 800]);
    let (pipe, _end) = std::io::pipe().unwrap();
    for strange in [fd(&pipe), fd(&File::open("/proc/self/status").unwrap())] {
        let error = find(&strange).unwrap_err();
        let kind = error.kind();
        let is_refused = matches!(kind, ErrorKind::NotASegment { .. } | ErrorKind::NotFound { .. });
        assert!(is_refused, "{strange}: {error}");
    }
    for nowhere in [format!("{me}:999999"), "4294967295:0".into(), "0:0".into()] {
        let error = find(&nowhere).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{nowhere}: {error}");
    }
}

fn strange_times() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("old"));
    let file = File::create(path("old")).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    for tv_sec in [i64::MIN, -1, 0, i64::MAX] {
        let time = rustix::fs::Timespec { tv_sec, tv_nsec: 999_999_999 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::futimens(&file, &times).unwrap();
        let modified = find("old").unwrap().modified();
        if tv_sec == -1 {
            let before = std::time::UNIX_EPOCH.duration_since(modified).unwrap();
            assert_eq!(before.as_nanos(), 1);
        }
    }
    clear();
}

/// Then some of them are opened anew each time; being out of descriptors is an error.
fn many_segments() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("many"));
    for entry in 0..200 {
        fs::write(path(&format!("many-{entry}")), &bytes).unwrap();
    }
    limit(Resource::Nofile, 64);
    let listing = look();
    assert_eq!(listing.segments.len(), 200);
    assert!(leaks::Snapshot::take().descriptors.len() < 40, "it leaves room for others");
    for entry in 0..100 {
        fs::remove_file(path(&format!("many-{entry}"))).unwrap();
        fs::write(path(&format!("many-{entry}")), &bytes).unwrap(); // another
    }
    let mut part = [0; 800];
    let read = listing.segments.iter().map(|found| found.read_at(&mut part, 0));
    let errors: Vec<_> = read.filter_map(Result::err).collect();
    assert!((50..=100).contains(&errors.len()), "{} errors", errors.len());
    for error in errors {
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
    }

    drop(listing);
    let mut all = Vec::new();
    while let Ok(file) = File::open(path("many-0")) {
        all.push(file);
    }
    let out_of = |error: shm_core::Error| {
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::LimitReached { limit: "RLIMIT_NOFILE", .. }), "{error}");
    };
    out_of(find("many-0").map(drop).unwrap_err());
    out_of(holders().map(drop).unwrap_err());
    out_of(list().map(drop).unwrap_err());
    while let Err(error) = list() {
        out_of(error); // at one step or the other
        all.pop().unwrap();
    }
    assert!(all.len() > 40, "it needs few");
    drop(all);
    clear();
}

//! Errors tell their figures, and unknown words name those that are known.

use std::error::Error as _;
use std::io;

use shm_core::{Access, BackendKind, Error, ErrorKind, Order};

const WHAT: &str = "segment";

/// Each kind, with what its text must contain.
fn kinds() -> Vec<(ErrorKind, &'static [&'static str])> {
    use ErrorKind::*;
    let text = str::to_owned;
    let object = || text("/dev/shm/elevation");
    let (name, reason) = (|| text("elevation"), || text("because of 17"));
    let backend = BackendKind::Memfd;
    vec![
        (InvalidName { name: text("a/b"), reason: "slash" }, &["\"a/b\"", "slash"]),
        (ShapeOverflow { shape: vec![11, 12], itemsize: 13 }, &["[11, 12]", "13-byte"]),
        (TooManyDimensions { ndim: 65, max: 64 }, &["65", "64"]),
        (InvalidDType { descr: text("<f3"), reason: reason() }, &["\"<f3\"", "of 17"]),
        (DTypeMismatch { expected: text("<f4"), found: text("<i2") }, &["<f4", "<i2"]),
        (ShapeMismatch { expected: vec![11], found: vec![12] }, &["[11]", "[12]"]),
        (NdimMismatch { expected: 11, found: 12 }, &["11", "12"]),
        (
            GuardMismatch { name: name(), guarded: true },
            &["\"elevation\" is guarded", "a GuardedArray", "read(), write() and chunks()"],
        ),
        (
            GuardMismatch { name: name(), guarded: false },
            &["\"elevation\" is not guarded", "a SharedArray", "GuardedArray::builder"],
        ),
        (OutOfBounds { reason: reason() }, &["of 17"]),
        (ZeroStep { axis: 3 }, &["step 0", "axis 3"]),
        (InvalidWindow { reason: reason() }, &["of 17"]),
        (ReshapeMismatch { shape: vec![11, 12], wanted: vec![13] }, &["[11, 12]", "[13]"]),
        (
            NotContiguous {
                shape: vec![11],
                strides: vec![-12],
                order: Order::Fortran,
                wanted: vec![13],
            },
            &["[11]", "[-12]", "F order", "[13]"],
        ),
        (
            NotWhole { operation: "a round", whole: vec![11], shown: vec![12] },
            &["a round", "[11]", "[12]"],
        ),
        (InvalidAlignment { bytes: 5000 }, &["5000", "4096"]),
        (
            NoSlot { name: name(), reason: reason(), hint: "take it before" },
            &["\"elevation\"", "of 17", "take it before"],
        ),
        (
            NoSuchArray { arena: name(), index: 11, generation: 12, reason: reason() },
            &["\"elevation\"", "array 11", "generation 12", "of 17"],
        ),
        (InvalidSlots { slots: 5000, most: 1024 }, &["5000", "1024"]),
        (Misaligned { offset: 11, dtype: text("<f4"), align: 4 }, &["11", "<f4", "of 4"]),
        (
            LengthMismatch { what: WHAT, expected: 11, found: 12 },
            &[WHAT, "12 bytes", "expected 11"],
        ),
        (AlreadyExists { name: name(), backend }, &["\"elevation\"", "memfd", "force"]),
        (NotFound { name: name(), backend, hint: "gone" }, &["\"elevation\"", "memfd", "gone"]),
        (Ambiguous { name: name(), places: "7:3, 9:4".into() }, &["\"elevation\"", "7:3, 9:4"]),
        (NotASegment { object: object(), reason: reason() }, &["shm/elevation", "of 17"]),
        (NotRaw { object: object() }, &["shm/elevation", "SharedArray::attach"]),
        (WrongOwner { object: object(), owner: 11, me: 12 }, &["shm/elevation", "11", "12"]),
        (
            AccessDenied { object: object(), access: Access::ReadOnly },
            &["shm/elevation", "for reading"],
        ),
        (Truncated { what: WHAT, needs: 12, has: 11 }, &[WHAT, "needs 12", "has 11"]),
        (Oversized { what: WHAT, max: 11, has: 12 }, &[WHAT, "12 bytes", "at most 11"]),
        (BadMagic { what: WHAT, found: *b"\x7fELF\0\0\0\0" }, &[WHAT, "7f, 45, 4c, 46"]),
        (UnsupportedVersion { what: WHAT, found: 12, supported: 11 }, &[WHAT, "12", "11"]),
        (ForeignByteOrder { what: WHAT, found: 0x0403_0201 }, &[WHAT, "0x04030201"]),
        (Corrupt { what: WHAT, reason: reason() }, &[WHAT, "of 17"]),
        (
            SegmentMismatch { what: "dtype", expected: text("<f4"), found: text("<i2") },
            &["dtype", "is <i2", "expected <f4"],
        ),
        (
            NoSpace { needs: 12, has: Some(11), place: text("/dev/shm") },
            &["needs 12 bytes", "/dev/shm has 11 free"],
        ),
        (NoSpace { needs: 12, has: None, place: text("/dev/shm") }, &["12", "/dev/shm has less"]),
        (
            LimitReached { limit: "RLIMIT_NOFILE", value: Some(1024), hint: "raise it" },
            &["RLIMIT_NOFILE is 1024", "raise it"],
        ),
        (
            LimitReached { limit: "RLIMIT_NOFILE", value: None, hint: "raise it" },
            &["RLIMIT_NOFILE; raise it"],
        ),
        (
            Busy { object: object(), holder: "process 11", waited_ms: 12 },
            &["shm/elevation", "process 11", "12 ms"],
        ),
        (
            TimedOut { name: name(), reason: text("held in slot 13"), waited_ms: 14 },
            &["\"elevation\"", "slot 13", "14 ms"],
        ),
        (Interrupted { name: name(), waited_ms: 14 }, &["\"elevation\"", "interrupted", "14 ms"]),
        (Poisoned { name: name() }, &["\"elevation\"", "set_poisoned(false)"]),
        (InvalidBarrier { name: name(), reason: reason() }, &["\"elevation\"", "of 17"]),
        (
            BarrierBroken { name: name(), slot: 15, how: "died" },
            &["\"elevation\"", "slot 15", "died"],
        ),
        (InvalidRing { name: name(), reason: reason() }, &["ring", "of 17"]),
        (NobodyLeft { name: name(), reason: reason() }, &["ring", "of 17", "start one"]),
        (InvalidRound { reason: reason() }, &["round", "of 17"]),
        (StillWritable { name: name() }, &["\"elevation\"", "writable"]),
        (NotSealed { missing: text("F_SEAL_WRITE") }, &["F_SEAL_WRITE"]),
        (
            UnknownBackend { value: text("disk"), origin: "SHMARRAY_BACKEND", valid: "shm, auto" },
            &["\"disk\" in SHMARRAY_BACKEND", "shm, auto"],
        ),
        (
            UnknownBackend { value: text("disk"), origin: "", valid: "shm, auto" },
            &["\"disk\"; valid are shm, auto"],
        ),
        (BackendNotCompiled { backend, feature: "memfd" }, &["backend memfd", "`memfd`"]),
        (BackendRefused { backend, reason: reason() }, &["memfd", "of 17"]),
        (NoNames { reason: reason() }, &["of 17", "backend shm", "label"]),
        (
            BackendCannot { operation: "passing", backend, reason: "no name", able: "shm, mmap" },
            &["passing", "memfd", "no name", "shm, mmap"],
        ),
        (ForkedChild { operation: "destroy" }, &["destroy", "forked child"]),
        (
            InvalidSetting { variable: "SHMARRAY_X", value: text("-1"), reason: "negative" },
            &["SHMARRAY_X=\"-1\"", "negative"],
        ),
        (Transport { operation: "receive", reason: reason() }, &["receive", "of 17"]),
        (
            Os { call: "mmap", object: object(), error: io::Error::from_raw_os_error(2) },
            &["mmap", "shm/elevation", "os error 2"],
        ),
        (Path { path: object().into(), reason: reason() }, &["shm/elevation", "of 17"]),
    ]
}

#[test]
fn every_kind_shows_its_figures() {
    for (kind, figures) in kinds() {
        let text = Error::from(kind).to_string();
        for figure in figures {
            assert!(text.contains(figure), "{figure:?} is not in {text:?}");
        }
        assert!(!text.contains('\n'), "{text:?} is more than one line");
    }
}

#[test]
fn every_kind_is_in_the_table() {
    let source = include_str!("../../src/error/kind.rs");
    let (_, rest) = source.split_once("pub enum ErrorKind {\n").unwrap();
    let (declared, _) = rest.split_once("\n}").unwrap();
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.strip_suffix(" {")?;
        name.starts_with(char::is_uppercase).then(|| name.to_owned())
    };
    let variants: Vec<String> = declared.lines().filter_map(variant).collect();
    assert!(variants.len() > 30);
    let table: Vec<String> = kinds().iter().map(|(kind, _)| format!("{kind:?}")).collect();
    for name in variants {
        let begins = |text: &String| text.split(' ').next() == Some(&name);
        assert!(table.iter().any(begins), "add {name} to the table of this test");
    }
}

#[test]
fn a_failed_call_keeps_the_systems_reason() {
    let failed = Error::os("mmap", "elevation", io::Error::from_raw_os_error(12));
    let ErrorKind::Os { error, .. } = failed.kind() else { panic!("{failed}") };
    assert_eq!(error.raw_os_error(), Some(12));
}

/// Whoever prints an error and its sources one after the other reads nothing twice.
#[test]
fn no_text_stands_twice_in_a_chain() {
    for (kind, _) in kinds() {
        let error = Error::from(kind);
        let mut texts = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            texts.push(error.to_string());
            source = error.source();
        }
        for (at, text) in texts.iter().enumerate() {
            assert!(!texts[..at].iter().any(|earlier| earlier.contains(text)), "{texts:?}");
        }
    }
}

#[test]
fn backends_by_the_names_that_users_write() {
    for kind in BackendKind::ALL {
        let shouted = format!(" {}\t", kind.as_str().to_uppercase());
        assert_eq!(shouted.parse::<BackendKind>().unwrap(), kind);
    }
    let error = "ramdisk".parse::<BackendKind>().unwrap_err();
    assert_eq!(error.to_string(), "unknown backend \"ramdisk\"; valid are shm, mmap, memfd, auto");
    let error = "x".repeat(1 << 20).parse::<BackendKind>().unwrap_err();
    assert!(error.to_string().len() < 200);
}

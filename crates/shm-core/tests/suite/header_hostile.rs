//! Headers from an enemy: whatever the bytes are, an error or a header that is sound.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use shm_core::{Error, ErrorKind, Header};

use crate::header::{assert_sound, example};
use crate::strategies::header;

/// Where a field of fixed place is, and how many bytes it has.
type Field = (usize, usize);

const MAGIC: Field = (0, 8);
const MARK: Field = (8, 4);
const VERSION: Field = (12, 2);
const CLEANUP: Field = (14, 1);
const ORDER: Field = (15, 1);
const DATA_OFFSET: Field = (16, 8);
const DATA_LEN: Field = (24, 8);
const SEGMENT_LEN: Field = (32, 8);
const NDIM: Field = (68, 2);
const NAME_LEN: Field = (70, 2);
const DESCR_LEN: Field = (72, 2);
const FLAGS: Field = (74, 2);
const META_OFFSET: Field = (76, 4);
const SYNC_OFFSET: Field = (80, 4);
const SLOTS_OFFSET: Field = (84, 4);
const SLOT_COUNT: Field = (88, 4);
/// Where the fields of fixed place end.
const FIXED_END: usize = 92;
/// Where the shape begins, and in [`example`] the name and the descr.
const SHAPE: usize = 1024;
const NAME: usize = SHAPE + 2 * 8;
const DESCR: usize = NAME + 9;

/// The fields that are looked at once magic, byte order and version are right.
const FIGURES: [Field; 13] = [
    CLEANUP,
    ORDER,
    DATA_OFFSET,
    DATA_LEN,
    SEGMENT_LEN,
    NDIM,
    NAME_LEN,
    DESCR_LEN,
    FLAGS,
    META_OFFSET,
    SYNC_OFFSET,
    SLOTS_OFFSET,
    SLOT_COUNT,
];

fn put(bytes: &mut [u8], (at, len): Field, value: u64) {
    let field = &mut bytes[at..at + len];
    field.copy_from_slice(&value.to_le_bytes()[..len]);
    if cfg!(target_endian = "big") {
        field.reverse();
    }
}

fn decode(bytes: &[u8]) -> Result<Header, Error> {
    Header::decode(bytes, example().segment_len())
}

/// The error of the example with one field changed.
fn refused(field: Field, value: u64) -> Error {
    let mut bytes = example().encode();
    put(&mut bytes, field, value);
    decode(&bytes).unwrap_err()
}

/// What every attacher does with bytes from a segment of that length.
fn read_harmlessly(bytes: &[u8], segment_len: u64) {
    let needed = Header::needed(bytes);
    if let Ok(needed) = needed {
        assert!(needed <= Header::MAX_LEN);
    }
    match Header::decode(bytes, segment_len) {
        Ok(header) => {
            assert!(needed.unwrap() <= bytes.len());
            assert_sound(&header, segment_len);
        }
        Err(error) => assert!(error.to_string().len() < 4096, "{error}"),
    }
}

fn extreme() -> impl Strategy<Value = u64> {
    let edges = select(vec![0, 64, 128, 1024, 4096, 8192, 1 << 31, 1 << 32, 1 << 62, 1 << 63]);
    let near = (edges, -65..=65_i64).prop_map(|(n, d)| u64::wrapping_add_signed(n, d));
    prop_oneof![Just(0), Just(u64::MAX), near, any::<u64>()]
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..2000), segment_len in extreme()) {
        read_harmlessly(&bytes, segment_len);
    }

    #[test]
    fn garbage_behind_a_valid_beginning(
        keep in select(vec![8_usize, 12, 14, 16, 40, 68, 76, 84, FIXED_END, SHAPE, NAME, DESCR]),
        garbage in vec(any::<u8>(), 0..2000),
        segment_len in extreme(),
    ) {
        read_harmlessly(&[&example().encode()[..keep], &garbage].concat(), segment_len);
    }

    #[test]
    fn figures_of_extreme_value(
        (_, _, header) in header(),
        values in vec((select(&FIGURES[..]), extreme()), 1..5),
        axis in any::<Index>(),
        length in prop::option::of(extreme()),
        segment_len in extreme(),
    ) {
        let mut bytes = header.encode();
        for (field, value) in values {
            put(&mut bytes, field, value);
        }
        let ndim = header.layout().ndim();
        if let Some(length) = length && ndim > 0 {
            put(&mut bytes, (SHAPE + 8 * axis.index(ndim), 8), length);
        }
        read_harmlessly(&bytes, segment_len);
        read_harmlessly(&bytes, u64::MAX);
    }

    #[test]
    fn mutations_of_any_header(
        (_, _, header) in header(),
        edits in vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = header.encode();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read_harmlessly(&bytes, header.segment_len());
    }
}

#[test]
fn each_figure_at_its_extremes() {
    for field in FIGURES.into_iter().chain([(SHAPE, 8), (SHAPE + 8, 8)]) {
        let max = u64::MAX >> (64 - 8 * field.1);
        for value in [0, 1, max >> 1, (max >> 1) + 1, max - 63, max - 1, max] {
            let mut bytes = example().encode();
            put(&mut bytes, field, value);
            read_harmlessly(&bytes, example().segment_len());
            read_harmlessly(&bytes, u64::MAX);
        }
    }
}

#[test]
fn every_mutation_of_a_single_byte() {
    let (header, valid) = (example(), example().encode());
    for at in (0..FIXED_END).chain(SHAPE..valid.len()) {
        for flip in 1..=u8::MAX {
            let mut bytes = valid.clone();
            bytes[at] ^= flip;
            read_harmlessly(&bytes, header.segment_len());
            let result = decode(&bytes);
            let kind = result.as_ref().map_err(Error::kind);
            let expected = match at {
                0..8 => matches!(kind, Err(ErrorKind::BadMagic { .. })),
                8..12 => matches!(kind, Err(ErrorKind::ForeignByteOrder { .. })),
                12..14 => matches!(kind, Err(ErrorKind::UnsupportedVersion { .. })),
                // One blank for another leaves a descr what it was.
                DESCR.. => true,
                _ => kind.is_err() || kind.is_ok_and(|found| *found != header),
            };
            assert!(expected, "byte {at} ^ {flip:#x}: {result:?}");
        }
    }
    // The sync area changes while others read; what is before it is kept for later.
    let mut live = valid;
    live[FIXED_END..SHAPE].fill(0xff);
    assert_eq!(decode(&live).unwrap(), header.clone().with_huge(true));
    // Of the hints, one is known.
    live[FIXED_END] = 0xfe;
    assert_eq!(decode(&live).unwrap(), header);
}

#[test]
fn of_all_flags_only_none_and_guarded_are_known() {
    let (mut bytes, header) = (example().encode(), example());
    for flags in 0..=u64::from(u16::MAX) {
        put(&mut bytes, FLAGS, flags);
        match decode(&bytes) {
            Ok(found) => {
                assert_eq!(found.guarded(), flags == 1);
                assert_eq!(found == header, flags == 0);
                assert_eq!(found.encode(), bytes);
            }
            Err(error) => {
                assert!(flags > 1 && matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
            }
        }
    }
}

#[test]
fn truncated_at_every_length() {
    let bytes = example().encode();
    for has in 0..bytes.len() {
        let needs = if has < 128 { 128 } else { bytes.len() };
        let expected = format!("header is truncated: needs {needs} bytes, has {has}");
        assert_eq!(decode(&bytes[..has]).unwrap_err().to_string(), expected);
        match Header::needed(&bytes[..has]) {
            Ok(needed) => assert!(needed == bytes.len() && has >= 128),
            Err(error) => assert_eq!(error.to_string(), expected),
        }
    }
}

#[test]
fn each_fault_has_its_own_error_with_its_figures() {
    let magic = refused(MAGIC, 0);
    assert!(matches!(magic.kind(), ErrorKind::BadMagic { found: [0, 0, 0, 0, 0, 0, 0, 0], .. }));
    let mark = refused(MARK, 0x0403_0201);
    assert!(matches!(mark.kind(), ErrorKind::ForeignByteOrder { found: 0x0403_0201, .. }));
    let version = refused(VERSION, 2);
    assert!(matches!(version.kind(), ErrorKind::UnsupportedVersion { found: 2, supported: 5, .. }));
    let ndim = refused(NDIM, 65);
    assert!(matches!(ndim.kind(), ErrorKind::TooManyDimensions { ndim: 65, max: 64 }));
    let shape = refused((SHAPE, 8), 1 << 62);
    let ErrorKind::ShapeOverflow { shape, itemsize: 16 } = shape.kind() else {
        panic!("{shape:?}")
    };
    assert_eq!(shape[..], [1 << 62, 3]);
    let name = refused((NAME, 1), b'/'.into());
    assert!(matches!(name.kind(), ErrorKind::InvalidName { name, .. } if name == "/levation"));
    let dtype = refused((DESCR + 1, 1), b'?'.into());
    assert!(matches!(dtype.kind(), ErrorKind::InvalidDType { .. }));
    assert!(dtype.to_string().contains("expected '(', found \"?'t'"), "{dtype}");
}

#[test]
fn contradictions_are_corrupt_and_say_their_figures() {
    let header = example();
    let (slots, data) = (header.slots_offset(), header.data_offset());
    let data_len = header.layout().nbytes() as u64;
    let meta_end = header.encode().len();
    for (field, value, figures) in [
        (CLEANUP, 3, "cleanup has the unknown code 3".to_owned()),
        (ORDER, 2, "order has the unknown code 2".into()),
        (NAME_LEN, 241, "a name of 241 bytes".into()),
        (DESCR_LEN, 10_001, "a dtype of 10001 bytes".into()),
        (FLAGS, 2, "flags 0x0002 have unknown bits".into()),
        (FLAGS, 3, "flags 0x0003 have unknown bits".into()),
        (FLAGS, 0x8001, "flags 0x8001 have unknown bits".into()),
        (META_OFFSET, 512, "[512, 128], not at their place".into()),
        (SYNC_OFFSET, 64, "[1024, 64], not at their place".into()),
        (SLOTS_OFFSET, 1024, format!("overlap: shape to {meta_end}, slots 1024 to 9216")),
        (SLOTS_OFFSET, slots - 1, format!("slots {} to {}", slots - 1, slots - 1 + 8192)),
        (SLOT_COUNT, 129, format!("slots {slots} to {}, data {data}", data + 64)),
        (SLOT_COUNT, 1024, format!("slots {slots} to {}, data {data}", slots + (1 << 16))),
        (SLOT_COUNT, 0, "0 slots, there can be 1 to 1024".into()),
        (SLOT_COUNT, 1025, "1025 slots, there can be 1 to 1024".into()),
        (SLOT_COUNT, 0xffff_ffff, "4294967295 slots, there can be 1 to 1024".into()),
        (DATA_OFFSET, slots, format!("data {slots} with {data_len} bytes")),
        (DATA_OFFSET, data + 64, format!("data {} with {data_len} bytes, segment", data + 64)),
        (DATA_OFFSET, u64::MAX - 63, format!("data {} with", u64::MAX - 63)),
        (DATA_LEN, u64::MAX, format!("data {data} with {} bytes", u64::MAX)),
        (DATA_LEN, data_len - 16, format!("has {data_len} bytes, the data {}", data_len - 16)),
        (SEGMENT_LEN, data + data_len - 1, format!("segment {}", data + data_len - 1)),
        ((SHAPE, 8), 1, format!("has {} bytes, the data {data_len}", data_len / 2)),
        ((NAME, 1), 0xff, "its name is not UTF-8".into()),
        ((DESCR + 3, 1), 0xff, "its dtype is not UTF-8".into()),
    ] {
        let error = refused(field, value);
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(&figures), "{error}: {figures}");
    }
    // In a longer segment there is room for data that is not aligned.
    let mut bytes = header.encode();
    put(&mut bytes, DATA_OFFSET, data + 32);
    put(&mut bytes, SEGMENT_LEN, data + data_len + 64);
    let error = Header::decode(&bytes, u64::MAX).unwrap_err();
    assert!(error.to_string().contains(&format!("data at {}, not a multiple of 64", data + 32)));
}

#[test]
fn a_dtype_of_the_other_byte_order_is_refused() {
    let mut bytes = example().encode();
    for byte in &mut bytes[DESCR..] {
        *byte = match *byte {
            b'<' => b'>',
            b'>' => b'<',
            other => other,
        };
    }
    let error = decode(&bytes).unwrap_err();
    assert!(error.to_string().contains("not of this machine's byte order"), "{error}");
}

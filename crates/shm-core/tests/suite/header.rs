//! Headers of valid arrays: what is encoded is decoded, and every part has its place.

use proptest::prelude::*;
use shm_core::{
    Align, BackendKind, Cleanup, DType, Descriptor, ErrorKind, Field, Header, Layout, MAX_SLOTS,
    Name, Order, SLOT_LEN, SYNC_LEN, ScalarKind, Spec, Stamp, TimeUnit, Unit, Window,
};

use crate::strategies::header;

/// A header of six elements, for tests that change something about it.
pub(crate) fn example() -> Header {
    let dtype: DType = "[('t', '=M8[ms]'), ('xyz', '=f4', (2,))]".parse().unwrap();
    let layout = Layout::new([2, 3], Order::Fortran, 16).unwrap();
    let stamp = Stamp { uuid: uuid::Uuid::from_u128(7), created: 8, creator: 9 };
    let name = Name::new("elevation").unwrap();
    let spec = Spec { cleanup: Cleanup::Owner, ..Spec::new(name, dtype, layout) };
    Header::new(&spec, stamp).unwrap()
}

/// What whoever has a header relies on: the parts lie in the segment, in order and aligned.
pub(crate) fn assert_sound(header: &Header, segment_len: u64) {
    let (dtype, layout) = (header.dtype(), header.layout());
    assert_eq!(dtype.itemsize(), layout.itemsize());
    assert!(dtype.is_native());
    assert!(header.sync_offset() >= 128 && header.sync_offset().is_multiple_of(SLOT_LEN.into()));
    assert!(header.sync_offset() + u64::from(SYNC_LEN) <= header.slots_offset());
    assert!(header.slots_offset().is_multiple_of(SLOT_LEN.into()));
    let slots_end = header.slots_offset() + u64::from(header.slot_count()) * u64::from(SLOT_LEN);
    assert!(slots_end <= header.data_offset());
    assert!((1..=MAX_SLOTS).contains(&header.slot_count()));
    assert!(header.data_offset().is_multiple_of(64));
    let data_end = header.data_offset() + layout.nbytes() as u64;
    assert!(data_end <= header.segment_len());
    assert!(header.segment_len() <= segment_len && i64::try_from(header.segment_len()).is_ok());
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded((spec, stamp, header) in header()) {
        let bytes = header.encode();
        prop_assert!(bytes.len() <= Header::MAX_LEN);
        let first = &bytes[..bytes.len().min(Header::FIRST_READ)];
        prop_assert_eq!(Header::needed(first).unwrap(), bytes.len());
        let len = header.segment_len();
        prop_assert_eq!(&Header::decode(&bytes, len).unwrap(), &header);
        // What lies behind it, and a longer segment, do not matter.
        let more = [&bytes[..], &[0xa5; 100]].concat();
        prop_assert_eq!(&Header::decode(&more, len + 4096).unwrap(), &header);

        prop_assert_eq!(header.name(), &spec.name);
        prop_assert_eq!(header.dtype(), &spec.dtype);
        prop_assert_eq!(header.layout(), &spec.layout);
        prop_assert_eq!(header.cleanup(), spec.cleanup);
        prop_assert_eq!(header.guarded(), spec.guarded);
        prop_assert_eq!(header.stamp(), &stamp);
    }

    #[test]
    fn every_part_has_its_place((spec, _, header) in header()) {
        assert_sound(&header, header.segment_len());
        let meta_end = header.encode().len() as u64;
        prop_assert!(header.sync_offset() + u64::from(SYNC_LEN) <= meta_end);
        prop_assert!(meta_end <= header.slots_offset());
        prop_assert_eq!(header.slots_offset() % 4096, 0);
        prop_assert_eq!(header.slot_count(), spec.slots);
        prop_assert_eq!(header.data_offset() % spec.align.bytes(), 0);
        let data_len = spec.layout.nbytes() as u64;
        prop_assert_eq!(header.data_offset() + data_len, header.segment_len());
    }

    #[test]
    fn a_shorter_segment_is_truncated((_, _, header) in header(), missing in 1..4096_u64) {
        let (needs, has) = (header.segment_len(), header.segment_len() - missing);
        let error = Header::decode(&header.encode(), has).unwrap_err();
        let expected = format!("segment is truncated: needs {needs} bytes, has {has}");
        prop_assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn specs_that_cannot_be() {
    let refused = |dtype: &DType, shape: &[usize], itemsize, align| {
        let layout = Layout::new(shape, Order::C, itemsize).unwrap();
        let spec = Spec { align, ..Spec::new(Name::new("a").unwrap(), dtype.clone(), layout) };
        Header::new(&spec, Stamp::default()).unwrap_err().to_string()
    };
    let byte = DType::native(ScalarKind::UInt(1));
    let line = Align::CacheLine;
    let foreign = if cfg!(target_endian = "little") { ">f4" } else { "<f4" };
    for (error, figures) in [
        (refused(&foreign.parse().unwrap(), &[1], 4, line), "byte order"),
        (refused(&byte, &[1], 2, line), "size is not that of the layout's elements"),
        (refused(&DType::native(ScalarKind::Bytes(0)), &[1], 0, line), "no bytes"),
        (refused(&byte, &[1], 1, Align::Page(2048)), "alignment 2048"),
        (refused(&byte, &[1], 1, Align::Page(5000)), "alignment 5000"),
        (refused(&byte, &[1], 1, Align::Page(0)), "alignment 0"),
        (refused(&byte, &[isize::MAX.unsigned_abs()], 1, line), "overflows"),
    ] {
        assert!(error.contains(figures), "{error}");
    }
}

#[test]
fn as_many_slots_as_there_can_be() {
    let with_slots = |slots| {
        let (dtype, layout) = (DType::native(ScalarKind::UInt(1)), Layout::new([1], Order::C, 1));
        let spec = Spec::new(Name::new("a").unwrap(), dtype, layout.unwrap());
        Header::new(&Spec { slots, ..spec }, Stamp::default())
    };
    for slots in [1, 128, MAX_SLOTS] {
        let header = with_slots(slots).unwrap();
        assert_eq!(header.slot_count(), slots);
        assert_eq!(Header::decode(&header.encode(), header.segment_len()).unwrap(), header);
    }
    for slots in [0, MAX_SLOTS + 1, u32::MAX] {
        let error = with_slots(slots).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidSlots { .. }), "{error}");
    }
}

#[test]
fn no_header_is_made_that_nobody_could_read() {
    let byte = || DType::native(ScalarKind::UInt(1));
    let deep =
        (0..=DType::MAX_DEPTH).fold(byte(), |dtype, _| DType::Struct(vec![Field::new("a", dtype)]));
    for dtype in [
        DType::native(ScalarKind::Int(3)),
        DType::native(ScalarKind::Float(16)),
        DType::native(ScalarKind::Bytes(u32::MAX)),
        DType::native(ScalarKind::DateTime(TimeUnit::Of(0, Unit::Second))),
        DType::Struct(vec![]),
        DType::Struct(vec![Field::new("a", byte()), Field::new("a", byte())]),
        DType::Struct(vec![Field { shape: vec![0], ..Field::new("a", byte()) }]),
        DType::Struct(vec![Field::new("x".repeat(DType::MAX_DESCR_LEN), byte())]),
        deep,
    ] {
        let layout = Layout::new([1], Order::C, dtype.itemsize()).unwrap();
        let spec = Spec::new(Name::new("a").unwrap(), dtype, layout);
        let error = Header::new(&spec, Stamp::default()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error:?}");
    }
}

#[test]
fn a_descriptor_of_another_segment_is_a_mismatch() {
    let header = example();
    let own = || Descriptor::of(BackendKind::Shm, &header, false);
    header.check_described_by(&own()).unwrap();
    let window = Window { offset: 1, shape: vec![2], strides: vec![-1] };
    header.check_described_by(&Descriptor { window: Some(window), ..own() }).unwrap();

    let refused = |other: Descriptor| header.check_described_by(&other).unwrap_err();
    let layout = |shape, order, size| Layout::new(shape, order, size).unwrap();
    let (fortran, byte) = (Order::Fortran, DType::native(ScalarKind::UInt(1)));
    let len = header.segment_len();
    for (other, text) in [
        (
            Descriptor { uuid: uuid::Uuid::nil(), ..own() },
            "UUID is 00000000-0000-0000-0000-000000000007, \
             expected 00000000-0000-0000-0000-000000000000"
                .to_owned(),
        ),
        (Descriptor { segment_len: 5, ..own() }, format!("size in bytes is {len}, expected 5")),
        (Descriptor { dtype: byte, ..own() }, format!("dtype is {}, expected |u1", header.dtype())),
        (
            Descriptor { layout: layout([3, 2], fortran, 16), ..own() },
            "shape is [2, 3] in F order of 16-byte elements, \
             expected [3, 2] in F order of 16-byte elements"
                .into(),
        ),
        (
            Descriptor { layout: layout([2, 3], Order::C, 8), ..own() },
            "shape is [2, 3] in F order of 16-byte elements, \
             expected [2, 3] in C order of 8-byte elements"
                .into(),
        ),
    ] {
        let error = refused(other);
        assert!(matches!(error.kind(), ErrorKind::SegmentMismatch { .. }), "{error:?}");
        assert!(error.to_string().ends_with(&text), "{error}");
    }
    let window = Some(Window { offset: 4, shape: vec![3], strides: vec![1] });
    let error = refused(Descriptor { window, ..own() });
    assert!(matches!(error.kind(), ErrorKind::InvalidWindow { .. }), "{error:?}");
}

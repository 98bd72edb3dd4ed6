//! Payloads of valid arrays: what is sent is received, in bincode and in other formats.

use proptest::prelude::*;
use shm_core::{
    BackendKind, DType, Descriptor, ErrorKind, Field, Layout, MAX_NDIM, MAX_PAYLOAD_LEN, Name,
    Order, Origin, Payload, ScalarKind, Window,
};

use crate::header::example;
use crate::strategies::payload;

/// A payload with every part that one can have.
pub(crate) fn full() -> Payload {
    let window = Window { offset: 5, shape: vec![3, 2], strides: vec![-2, -1] };
    let whole = Descriptor::of(BackendKind::Memfd, &example(), true);
    let origin = Origin { pid: 4_000_000, fd: 1000 };
    Payload { descriptor: Descriptor { window: Some(window), ..whole }, origin: Some(origin) }
}

proptest! {
    #[test]
    fn what_is_sent_is_received(payload in payload()) {
        let bytes = payload.to_bytes().unwrap();
        prop_assert!(bytes.len() <= MAX_PAYLOAD_LEN);
        prop_assert_eq!(Payload::from_bytes(&bytes).unwrap(), payload);
    }

    #[test]
    fn other_formats_carry_it_too(payload in payload()) {
        let json = serde_json::to_string(&payload).unwrap();
        prop_assert_eq!(serde_json::from_str::<Payload>(&json).unwrap(), payload);
    }
}

#[test]
fn a_typical_one_has_a_few_hundred_bytes() {
    assert!(full().to_bytes().unwrap().len() < 200);
    let name = Name::new("x".repeat(Name::MAX_LEN)).unwrap();
    let dtype: DType = "=f8".parse().unwrap();
    let layout = Layout::new([100_000, 2000, 3, 4], Order::C, dtype.itemsize()).unwrap();
    let window = Some(Window::whole(&layout));
    let descriptor = Descriptor { name, dtype, layout, window, ..full().descriptor };
    let longest_name = Payload { descriptor, ..full() };
    assert!(longest_name.to_bytes().unwrap().len() < 400);
}

#[test]
fn the_longest_that_a_header_allows_fits_and_no_more() {
    let long = |name: usize| {
        DType::Struct(vec![Field::new("x".repeat(name), DType::native(ScalarKind::UInt(1)))])
    };
    let with = |dtype| {
        let name = Name::new("x".repeat(Name::MAX_LEN)).unwrap();
        let layout = Layout::new([1; MAX_NDIM], Order::C, 1).unwrap();
        let (shape, strides) = (vec![usize::MAX; MAX_NDIM], vec![isize::MIN; MAX_NDIM]);
        let window = Some(Window { offset: usize::MAX, shape, strides });
        let descriptor = Descriptor { name, dtype, layout, window, ..full().descriptor };
        Payload { descriptor, ..full() }
    };
    let payload = with(long(DType::MAX_DESCR_LEN - long(0).to_string().len()));
    assert_eq!(payload.descriptor.dtype.to_string().len(), DType::MAX_DESCR_LEN);
    assert_eq!(Payload::from_bytes(&payload.to_bytes().unwrap()).unwrap(), payload);

    for len in [MAX_PAYLOAD_LEN, 1 << 17] {
        let error = with(long(len)).to_bytes().unwrap_err();
        let ErrorKind::Oversized { max, has, .. } = *error.kind() else { panic!("{error:?}") };
        assert!(max == MAX_PAYLOAD_LEN as u64 && has > len as u64, "{error}");
    }
}

#[cfg(target_endian = "little")] // the descr says so
#[test]
fn the_bytes_of_version_1_stay() {
    let uuid = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let descr = b"[('t', '<M8[ms]'), ('xyz', '<f4', (2,))]";
    let (layout, window) = ([2, 2, 3, 1, 16], [1, 5, 2, 3, 2, 2, 3, 1]);
    let parts: [&[u8]; 11] = [
        &[b's', b'h', b'm', 1, 2, 0, 95, 0, 2, 9],
        b"elevation",
        &[16],
        &uuid,
        &[251, 96, 48, 40],
        descr,
        &layout,
        &window,
        &[1, 1],
        &[252, 0, 9, 61, 0],
        &[251, 232, 3],
    ];
    let bytes = parts.concat();
    assert_eq!(full().to_bytes().unwrap(), bytes);
    assert_eq!(Payload::from_bytes(&bytes).unwrap(), full());
}

//! Any bytes as a payload: an error, or a payload that is written and read back, and whose window,
//! if it is said to fit, shows each element within the array once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shm_core::{ErrorKind, Header, MAX_NDIM, MAX_PAYLOAD_LEN, Order, Payload, Spec, Stamp, Window};
use shmarray_fuzz::{check_error, memory, payload};

/// Bytes that serde allocates before it has seen the elements.
const MOST: usize = 1 << 20;
/// Windows of more elements are not gone through.
const SHOWN: usize = 1 << 10;

fuzz_target!(|input: &[u8]| {
    let Some(bytes) = payload::expand(input) else {
        return;
    };
    match memory::at_most(MOST, || Payload::from_bytes(&bytes)) {
        Ok(payload) => check(&bytes, &payload),
        Err(error) => check_error(&error),
    }
});

fn check(bytes: &[u8], payload: &Payload) {
    assert!(bytes.len() <= MAX_PAYLOAD_LEN);
    let descriptor = &payload.descriptor;
    let ndim =
        descriptor.window.as_ref().map_or(0, |window| window.shape.len().max(window.strides.len()));
    match payload.to_bytes() {
        Ok(again) => assert_eq!(Payload::from_bytes(&again).unwrap(), *payload),
        // No window that fits is so long; its numbers can have been packed closer.
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Oversized { .. }), "{error}");
            assert!(ndim > MAX_NDIM, "{error}");
        }
    }
    let layout = &descriptor.layout;
    assert!(layout.ndim() <= MAX_NDIM && layout.nbytes() <= isize::MAX as usize);
    assert_eq!(layout.strides().len(), layout.ndim());
    if let Some(window) = &descriptor.window {
        match window.check(layout) {
            Ok(()) => check_window(window, layout.len(), layout.itemsize()),
            Err(error) => check_error(&error),
        }
    }
    let spec = Spec::new(descriptor.name.clone(), descriptor.dtype.clone(), layout.clone());
    match Header::new(&spec, Stamp { uuid: descriptor.uuid, ..Stamp::default() }) {
        Ok(header) => {
            if let Err(error) = header.check_described_by(descriptor) {
                check_error(&error);
            }
            assert_eq!(Header::decode(&header.encode(), header.segment_len()).unwrap(), header);
        }
        Err(error) => check_error(&error),
    }
}

/// A window that is said to fit.
fn check_window(window: &Window, total: usize, itemsize: usize) {
    let len = window.len().unwrap();
    assert!(len <= total && window.offset <= total);
    if len > SHOWN {
        return;
    }
    for order in [Order::C, Order::Fortran] {
        let places = places(window, order);
        assert!(places.iter().all(|place| (0..total).contains(place)), "{window:?}");
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]), "an element twice: {window:?}");
        let in_row = places.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        assert_eq!(window.is_contiguous(order), in_row, "{order} order: {window:?}");
        match window.reshape(&[len], order, itemsize) {
            Ok(flat) => {
                assert!(in_row);
                flat.check(&shm_core::Layout::new([total], order, itemsize).unwrap()).unwrap();
                assert_eq!(self::places(&flat, order), places);
            }
            Err(error) => assert!(!in_row, "{error}"),
        }
    }
}

/// Where each element lies, in elements from the array's first.
fn places(window: &Window, order: Order) -> Vec<usize> {
    if window.shape.contains(&0) {
        return Vec::new(); // whatever its other axes are
    }
    let mut places = vec![window.offset];
    let axes = window.shape.iter().zip(&window.strides);
    let axes: Vec<_> = if order == Order::C { axes.collect() } else { axes.rev().collect() };
    for (n, stride) in axes {
        let along =
            |place: usize| (0..*n).map(move |i| place.wrapping_add_signed(i as isize * stride));
        places = places.into_iter().flat_map(along).collect();
    }
    places
}

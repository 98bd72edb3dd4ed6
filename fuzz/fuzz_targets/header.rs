//! Any bytes at a segment's start: an error, or a header whose parts lie within the segment, in
//! order, and that is written and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shm_core::{
    BackendKind, Descriptor, ErrorKind, Header, MAX_NDIM, Payload, Result, SLOT_LEN, SYNC_LEN,
};
use shmarray_fuzz::{check_error, memory, segment};

/// Bytes; the dtype's text has at most 10 000.
const MOST: usize = 1 << 19;

fuzz_target!(|input: &[u8]| {
    let Some((bytes, len)) = segment::expand(input) else {
        return;
    };
    let first = &bytes[..bytes.len().min(Header::FIRST_READ)];
    let needed = memory::at_most(MOST, || Header::needed(first));
    let header = memory::at_most(MOST, || Header::decode(&bytes, len));
    match (needed, header) {
        (Ok(needed), Ok(header)) => check(&bytes, len, needed, &header),
        (Err(error), Ok(_)) => panic!("a header that cannot be asked for: {error}"),
        (Ok(needed), Err(error)) => {
            assert!(needed <= Header::MAX_LEN);
            check_error(&error);
        }
        (Err(_), Err(error)) => check_error(&error),
    }
});

fn check(bytes: &[u8], len: u64, needed: usize, header: &Header) {
    assert!(needed <= bytes.len() && needed <= Header::MAX_LEN, "{needed} bytes needed");
    assert_eq!(Header::decode(&bytes[..needed], len).unwrap(), *header);
    let short = Header::decode(&bytes[..needed - 1], len).unwrap_err();
    assert!(matches!(short.kind(), ErrorKind::Truncated { .. }), "{short}");

    let (layout, dtype) = (header.layout(), header.dtype());
    assert!(layout.ndim() <= MAX_NDIM && dtype.is_native());
    assert_eq!(dtype.itemsize(), layout.itemsize());
    let size = layout.shape().iter().try_fold(layout.itemsize(), |size, n| size.checked_mul(*n));
    assert_eq!(size, Some(layout.nbytes()));
    assert_eq!(layout.strides().len(), layout.ndim());

    let ends = [
        header.sync_offset(),
        header.sync_offset() + u64::from(SYNC_LEN),
        needed as u64,
        header.slots_offset(),
        header.slots_offset() + u64::from(header.slot_count()) * u64::from(SLOT_LEN),
        header.data_offset(),
        header.data_offset().checked_add(layout.nbytes() as u64).unwrap(),
        header.segment_len(),
        len,
    ];
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(header.mapped_len() as u64, header.segment_len());
    assert_eq!((header.data_offset() % 64, header.slots_offset() % 64), (0, 0));

    // As it is written again, the dtype can be longer than it came, and overlap what follows.
    let before = 1024 + 8 * layout.ndim() + header.name().as_str().len();
    let again = Header::decode(&header.encode(), len);
    if before + dtype.to_string().len() <= needed {
        assert_eq!(again.unwrap(), *header);
    }
    check_descriptor(header).unwrap();
}

/// The header and its descriptor agree.
fn check_descriptor(header: &Header) -> Result<()> {
    let descriptor = Descriptor::of(BackendKind::Shm, header, false);
    header.check_described_by(&descriptor)?;
    let payload = Payload { descriptor, origin: None };
    assert_eq!(Payload::from_bytes(&payload.to_bytes()?)?, payload);
    Ok(())
}

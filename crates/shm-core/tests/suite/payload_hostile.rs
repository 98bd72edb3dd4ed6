//! Payloads from an enemy: whatever the bytes are, an error or a payload that can be checked.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use shm_core::{Error, ErrorKind, MAX_PAYLOAD_LEN, Order, Payload};

use crate::header::example;
use crate::payload::full;
use crate::strategies::payload;

/// A body behind the prefix that belongs to it.
fn framed(backend: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_le_bytes();
    [&[b's', b'h', b'm', 1, backend, 0][..], &len, body].concat()
}

fn refused(bytes: &[u8]) -> Error {
    Payload::from_bytes(bytes).unwrap_err()
}

/// What every receiver does with bytes.
fn read_harmlessly(bytes: &[u8]) {
    match Payload::from_bytes(bytes) {
        Ok(payload) => {
            assert_eq!(Payload::from_bytes(&payload.to_bytes().unwrap()).unwrap(), payload);
            let descriptor = &payload.descriptor;
            let _ = example().check_described_by(descriptor);
            let layout = &descriptor.layout;
            let _ = (layout.len(), layout.nbytes(), layout.strides());
            if let Some(window) = &descriptor.window {
                let _ = window.check(layout);
                let _ = window.reshape(&[window.len().unwrap_or(1)], Order::C, 1);
            }
        }
        Err(error) => assert!(error.to_string().len() < 4096, "{error}"),
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..600), backend in 0..4_u8) {
        read_harmlessly(&bytes);
        read_harmlessly(&framed(backend, &bytes));
    }

    #[test]
    fn mutations_of_any_payload(
        payload in payload(),
        edits in vec((any::<Index>(), vec(any::<u8>(), 0..4), 0..4_usize), 1..5),
    ) {
        let mut body = payload.to_bytes().unwrap().split_off(8);
        for (at, put, take) in edits {
            let at = at.index(body.len() + 1);
            let end = (at + take).min(body.len());
            body.splice(at..end, put);
        }
        for backend in 0..3 {
            read_harmlessly(&framed(backend, &body));
        }
    }
}

#[test]
fn every_mutation_of_a_single_byte() {
    let valid = full().to_bytes().unwrap();
    for at in 0..valid.len() {
        for flip in 1..=u8::MAX {
            let mut bytes = valid.clone();
            bytes[at] ^= flip;
            read_harmlessly(&bytes);
            let result = Payload::from_bytes(&bytes);
            let kind = result.as_ref().map_err(Error::kind);
            let expected = match at {
                0..3 => matches!(kind, Err(ErrorKind::BadMagic { .. })),
                3 => matches!(kind, Err(ErrorKind::UnsupportedVersion { .. })),
                // Another backend outside than inside is a contradiction.
                4 if bytes[4] < 3 => matches!(kind, Err(ErrorKind::Corrupt { .. })),
                4 => matches!(kind, Err(ErrorKind::UnknownBackend { .. })),
                // Kept for later.
                5 => kind.is_ok(),
                6 | 7 => {
                    matches!(kind, Err(ErrorKind::Truncated { .. } | ErrorKind::Oversized { .. }))
                }
                _ => matches!(kind, Ok(_) | Err(ErrorKind::Corrupt { .. })),
            };
            assert!(expected, "byte {at} ^ {flip:#x}: {result:?}");
        }
    }
}

#[test]
fn truncated_at_every_length() {
    let valid = full().to_bytes().unwrap();
    for has in 0..valid.len() {
        let needs = if has < 8 { 8 } else { valid.len() };
        let expected = format!("payload is truncated: needs {needs} bytes, has {has}");
        assert_eq!(refused(&valid[..has]).to_string(), expected);
    }
    // Cut short where the prefix does not tell.
    for has in 8..valid.len() {
        let error = refused(&framed(2, &valid[8..has]));
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
    }
}

#[test]
fn extended_or_oversized() {
    let mut bytes = full().to_bytes().unwrap();
    let max = bytes.len();
    for has in [max + 1, max + 300, MAX_PAYLOAD_LEN + 1, 1 << 20] {
        bytes.resize(has, 0);
        let expected = format!("payload is too large: {has} bytes, at most {max}");
        assert_eq!(refused(&bytes).to_string(), expected);
    }
    let error = refused(&framed(2, &vec![0; MAX_PAYLOAD_LEN]));
    assert_eq!(error.to_string(), "payload is too large: 16392 bytes, at most 16384");
    // Extended where the prefix does not tell.
    let body = full().to_bytes().unwrap().split_off(8);
    let error = refused(&framed(2, &[&body[..], &[0]].concat()));
    let figures = format!("{} bytes of {} are used", body.len(), body.len() + 1);
    assert!(error.to_string().contains(&figures), "{error}");
}

#[test]
fn each_fault_has_its_own_error_with_its_figures() {
    let changed = |at: usize, value| {
        let mut bytes = full().to_bytes().unwrap();
        bytes[at] = value;
        refused(&bytes).to_string()
    };
    assert!(changed(0, b'S').starts_with("payload has magic [53, 68, 6d, 01, 02"));
    assert_eq!(changed(3, 2), "payload has version 2; this build understands 1");
    let unknown = "unknown backend \"code 3\" in the payload; valid are 0 shm, 1 mmap, 2 memfd";
    assert_eq!(changed(4, 3), unknown);
    assert_eq!(changed(4, 0), "payload is corrupt: shm outside, memfd inside");
}

#[test]
fn parts_are_checked_in_other_formats_too() {
    let valid = serde_json::to_value(full()).unwrap();
    for (place, bad, why) in [
        ("/descriptor/name", "\"../x\"", "invalid array name \"../x\""),
        ("/descriptor/dtype", "\"<f3\"", "invalid dtype \"<f3\""),
        ("/descriptor/layout/shape", "[4611686018427387904, 4]", "overflows"),
        ("/descriptor/layout/shape", "[-1]", "-1"),
        ("/descriptor/backend", "\"Disk\"", "Disk"),
    ] {
        let mut value = valid.clone();
        *value.pointer_mut(place).unwrap() = serde_json::from_str(bad).unwrap();
        let error = serde_json::from_value::<Payload>(value).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

//! The bytes of a message, without files and sockets.
//!
//! A message is one or more parts. Each part (numbers little-endian):
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `SHMP` |
//! | 4 | version, `u8` |
//! | 5 | 1 if another part follows, else 0 |
//! | 6 | number of arrays, `u16` |
//! | 8 | length of the body, `u32` |
//! | 12 | number of fds, `u16`: at most 253; so many come with byte 0 |
//! | 14 | zero, `u16` |
//! | 16 | the body: for each array the number of its fds, `u8`, the length of its payload, `u16`, and the payload |
//!
//! An array has one fd, or two: behind the first, another open file description of the same file, for
//! the locks of the recipient. A part that others follow has no room for another array of two.

use shm_core::{ErrorKind, MAX_PAYLOAD_LEN, Payload, PayloadRef, Result};

use crate::transfer::check_backend;

/// The most fds in one part: the kernel's `SCM_MAX_FD`. See unix(7).
pub(crate) const MOST: usize = 253;
/// Bytes before the body.
pub(crate) const PREAMBLE_LEN: usize = 16;

const WHAT: &str = "message";
const MAGIC: [u8; 4] = *b"SHMP";
const VERSION: u8 = 2;
/// Bytes before a payload.
const ENTRY_LEN: usize = 3;

/// What the preamble says of its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) more: bool,
    pub(crate) count: usize,
    pub(crate) fds: usize,
    pub(crate) body_len: usize,
}

/// Begins a part at the end of a message.
pub(crate) fn begin(message: &mut Vec<u8>) {
    message.extend([0; PREAMBLE_LEN]);
}

/// Appends a payload, of an array with or without a file for locks, to the part that is at the end of
/// a message.
pub(crate) fn append(
    message: &mut Vec<u8>,
    payload: &PayloadRef<'_>,
    has_locks: bool,
) -> Result<()> {
    let at = message.len();
    message.extend([1 + u8::from(has_locks), 0, 0]);
    let len = payload.append_to(message)?;
    let len = u16::try_from(len).unwrap_or(u16::MAX); // MAX_PAYLOAD_LEN is less
    message[at + 1..at + ENTRY_LEN].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Ends a part of so many payloads and fds: writes its preamble.
pub(crate) fn end(part: &mut [u8], count: usize, fds: usize, more: bool) {
    let [count, fds] = [count, fds].map(|many| u16::try_from(many).unwrap_or(u16::MAX)); // MOST is less
    let body_len = u32::try_from(part.len() - PREAMBLE_LEN).unwrap_or(u32::MAX); // MOST are less
    part[..4].copy_from_slice(&MAGIC);
    part[4..6].copy_from_slice(&[VERSION, more.into()]);
    part[6..8].copy_from_slice(&count.to_le_bytes());
    part[8..12].copy_from_slice(&body_len.to_le_bytes());
    part[12..14].copy_from_slice(&fds.to_le_bytes());
}

/// The first part of a message that was made here, the number of its fds, and what is behind it.
pub(crate) fn split(message: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let (head, _) = message.split_first_chunk()?;
    let Preamble { fds, body_len, .. } = preamble(head).ok()?;
    let (part, behind) = message.split_at_checked(PREAMBLE_LEN + body_len)?;
    Some((part, fds, behind))
}

/// Reads and checks a preamble.
pub(crate) fn preamble(bytes: &[u8; PREAMBLE_LEN]) -> Result<Preamble> {
    let [m0, m1, m2, m3, version, more, c0, c1, l0, l1, l2, l3, f0, f1, z0, z1] = *bytes;
    if [m0, m1, m2, m3] != MAGIC {
        let found = std::array::from_fn(|i| bytes[i]);
        return Err(ErrorKind::BadMagic { what: WHAT, found }.into());
    }
    if version != VERSION {
        let (found, supported) = (version.into(), VERSION.into());
        return Err(ErrorKind::UnsupportedVersion { what: WHAT, found, supported }.into());
    }
    let count = usize::from(u16::from_le_bytes([c0, c1]));
    let fds = usize::from(u16::from_le_bytes([f0, f1]));
    let body_len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if count > MOST {
        let (max, has) = (MOST as u64, count as u64);
        return Err(ErrorKind::Oversized { what: "number of arrays in a message", max, has }.into());
    }
    let most = count * (ENTRY_LEN + MAX_PAYLOAD_LEN);
    if body_len > most {
        let (max, has) = (most as u64, body_len as u64);
        return Err(ErrorKind::Oversized { what: WHAT, max, has }.into());
    }
    let has_fds = (count..=MOST.min(2 * count)).contains(&fds);
    if more > 1 || [z0, z1] != [0; 2] || !has_fds || (more == 1 && fds < MOST - 1) {
        return corrupt(format!("its preamble is {bytes:02x?}"));
    }
    Ok(Preamble { more: more == 1, count, fds, body_len })
}

/// Reads and checks the next payload of a body, and whether its array has a file for locks.
pub(crate) fn payload(body: &mut &[u8]) -> Result<(Payload, bool)> {
    let Some(([fds, l0, l1], rest)) = body.split_first_chunk::<ENTRY_LEN>() else {
        return truncated(ENTRY_LEN, body.len());
    };
    if !(1..=2).contains(fds) {
        return corrupt(format!("an array in it has {fds} descriptors"));
    }
    let (len, has_locks) = (usize::from(u16::from_le_bytes([*l0, *l1])), *fds == 2);
    let Some((payload, rest)) = rest.split_at_checked(len) else {
        return truncated(len, rest.len());
    };
    *body = rest;
    let payload = Payload::from_bytes(payload);
    if let Ok(Payload { descriptor, .. }) = &payload {
        check_backend(descriptor.backend)?;
    }
    payload.map(|payload| (payload, has_locks))
}

/// The error for a body whose arrays have more or fewer fds than the preamble says.
#[cold]
pub(crate) fn miscounted<T>() -> Result<T> {
    corrupt("its arrays have another number of descriptors than its preamble says".into())
}

/// Checks that nothing is left of a body behind its payloads.
pub(crate) fn check_end(rest: &[u8]) -> Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    corrupt(format!("{} bytes are left behind its arrays", rest.len()))
}

#[cold]
fn truncated<T>(needs: usize, has: usize) -> Result<T> {
    let (needs, has) = (needs as u64, has as u64);
    Err(ErrorKind::Truncated { what: WHAT, needs, has }.into())
}

#[cold]
fn corrupt<T>(reason: String) -> Result<T> {
    Err(ErrorKind::Corrupt { what: WHAT, reason }.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shm_core::{BackendKind, Descriptor, Element, Layout, Name, Order};

    use super::*;

    fn payload(backend: BackendKind) -> Payload {
        let descriptor = Descriptor {
            backend,
            name: Name::new("x").unwrap(),
            uuid: Default::default(),
            segment_len: 16384,
            dtype: f32::dtype(),
            layout: Layout::new([3, 4], Order::C, 4).unwrap(),
            window: None,
            frozen: false,
        };
        Payload { descriptor, origin: None }
    }

    fn encode(payloads: &[&Payload]) -> Vec<u8> {
        let mut part = Vec::new();
        begin(&mut part);
        payloads.iter().for_each(|payload| append(&mut part, &(*payload).into(), false).unwrap());
        end(&mut part, payloads.len(), payloads.len(), false);
        part
    }

    fn decode(part: &[u8]) -> Result<Vec<Payload>> {
        let Some((head, rest)) = part.split_first_chunk() else {
            return truncated(PREAMBLE_LEN, part.len());
        };
        let head = preamble(head)?;
        let mut body = &rest[..head.body_len.min(rest.len())];
        let payloads =
            (0..head.count).map(|_| Ok(super::payload(&mut body)?.0)).collect::<Result<_>>()?;
        check_end(body)?;
        Ok(payloads)
    }

    #[test]
    fn what_goes_in_comes_out() {
        let (one, two) = (payload(BackendKind::Memfd), payload(BackendKind::Shm));
        let part = encode(&[&one, &two]);
        assert_eq!(decode(&part).unwrap(), [one, two]);
        assert!(decode(&encode(&[])).unwrap().is_empty());
    }

    #[test]
    fn each_wrong_form_has_its_error() {
        let part = encode(&[&payload(BackendKind::Memfd)]);
        let with = |at: usize, byte: u8| {
            let mut bad = part.clone();
            bad[at] = byte;
            decode(&bad).unwrap_err()
        };
        assert!(matches!(with(0, b'X').kind(), ErrorKind::BadMagic { .. }));
        assert!(matches!(with(4, 9).kind(), ErrorKind::UnsupportedVersion { found: 9, .. }));
        assert!(matches!(with(5, 1).kind(), ErrorKind::Corrupt { .. }));
        assert!(matches!(with(7, 1).kind(), ErrorKind::Oversized { has: 257, .. }));
        assert!(matches!(with(11, 1).kind(), ErrorKind::Oversized { .. }));
        assert!(matches!(with(4, 1).kind(), ErrorKind::UnsupportedVersion { found: 1, .. }));
        assert!(matches!(with(6, 2).kind(), ErrorKind::Corrupt { .. }));
        assert!(matches!(with(6, 0).kind(), ErrorKind::Oversized { max: 0, .. }));
        for fds in [0, 3] {
            assert!(matches!(with(12, fds).kind(), ErrorKind::Corrupt { .. }));
            assert!(matches!(with(PREAMBLE_LEN, fds).kind(), ErrorKind::Corrupt { .. }));
        }
        assert!(matches!(with(15, 1).kind(), ErrorKind::Corrupt { .. }));
        let mmap = encode(&[&payload(BackendKind::Mmap)]);
        assert!(matches!(decode(&mmap).unwrap_err().kind(), ErrorKind::BackendCannot { .. }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_payloads(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn any_change_is_an_error_or_payloads(at in 0_usize..120, byte: u8, cut in 0_usize..140) {
            let mut part = encode(&[&payload(BackendKind::Memfd)]);
            let at = at % part.len();
            part[at] = byte;
            part.truncate(cut);
            let _ = decode(&part);
        }
    }
}

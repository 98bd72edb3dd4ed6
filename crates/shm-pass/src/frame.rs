//! The bytes of a message, without files and sockets.
//!
//! A message is one or more parts. Each part (numbers little-endian):
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `SHMP` |
//! | 4 | version, `u8` |
//! | 5 | 1 if another part follows, else 0 |
//! | 6 | number of arrays, `u16`: at most 253; as many fds come with byte 0 |
//! | 8 | length of the body, `u32` |
//! | 12 | zero, `u32` |
//! | 16 | the body: for each array the length of its payload, `u16`, and the payload |

use shm_core::{ErrorKind, MAX_PAYLOAD_LEN, Payload, PayloadRef, Result};

use crate::transfer::check_backend;

/// The most fds in one part: the kernel's `SCM_MAX_FD`. See unix(7).
pub(crate) const MOST: usize = 253;
/// Bytes before the body.
pub(crate) const PREAMBLE_LEN: usize = 16;

const WHAT: &str = "message";
const MAGIC: [u8; 4] = *b"SHMP";
const VERSION: u8 = 1;

/// What the preamble says of its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) more: bool,
    pub(crate) count: usize,
    pub(crate) body_len: usize,
}

/// Begins a part at the end of a message.
pub(crate) fn begin(message: &mut Vec<u8>) {
    message.extend([0; PREAMBLE_LEN]);
}

/// Appends a payload to the part that is at the end of a message.
pub(crate) fn append(message: &mut Vec<u8>, payload: &PayloadRef<'_>) -> Result<()> {
    let at = message.len();
    message.extend([0; 2]);
    let len = payload.append_to(message)?;
    let len = u16::try_from(len).unwrap_or(u16::MAX); // MAX_PAYLOAD_LEN is less
    message[at..at + 2].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Ends a part of so many payloads: writes its preamble.
pub(crate) fn end(part: &mut [u8], count: usize, more: bool) {
    let count = u16::try_from(count).unwrap_or(u16::MAX); // MOST is less
    let body_len = u32::try_from(part.len() - PREAMBLE_LEN).unwrap_or(u32::MAX); // MOST are less
    part[..4].copy_from_slice(&MAGIC);
    part[4..6].copy_from_slice(&[VERSION, more.into()]);
    part[6..8].copy_from_slice(&count.to_le_bytes());
    part[8..12].copy_from_slice(&body_len.to_le_bytes());
}

/// The first part of a message that was made here, and what is behind it.
pub(crate) fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body_len, _) = message.get(8..)?.split_first_chunk()?;
    message.split_at_checked(PREAMBLE_LEN + u32::from_le_bytes(*body_len) as usize)
}

/// Reads and checks a preamble.
pub(crate) fn preamble(bytes: &[u8; PREAMBLE_LEN]) -> Result<Preamble> {
    let [m0, m1, m2, m3, version, more, c0, c1, l0, l1, l2, l3, ..] = *bytes;
    if [m0, m1, m2, m3] != MAGIC {
        let found = std::array::from_fn(|i| bytes[i]);
        return Err(ErrorKind::BadMagic { what: WHAT, found }.into());
    }
    if version != VERSION {
        let (found, supported) = (version.into(), VERSION.into());
        return Err(ErrorKind::UnsupportedVersion { what: WHAT, found, supported }.into());
    }
    let count = usize::from(u16::from_le_bytes([c0, c1]));
    let body_len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if count > MOST {
        let (max, has) = (MOST as u64, count as u64);
        return Err(ErrorKind::Oversized { what: "number of arrays in a message", max, has }.into());
    }
    let most = count * (2 + MAX_PAYLOAD_LEN);
    if body_len > most {
        let (max, has) = (most as u64, body_len as u64);
        return Err(ErrorKind::Oversized { what: WHAT, max, has }.into());
    }
    if more > 1 || bytes[12..] != [0; 4] || (more == 1 && count < MOST) {
        return corrupt(format!("its preamble is {bytes:02x?}"));
    }
    Ok(Preamble { more: more == 1, count, body_len })
}

/// Reads and checks the next payload of a body.
pub(crate) fn payload(body: &mut &[u8]) -> Result<Payload> {
    let Some((len, rest)) = body.split_first_chunk() else {
        return truncated(2, body.len());
    };
    let len = usize::from(u16::from_le_bytes(*len));
    let Some((payload, rest)) = rest.split_at_checked(len) else {
        return truncated(len, rest.len());
    };
    *body = rest;
    let payload = Payload::from_bytes(payload);
    if let Ok(Payload { descriptor, .. }) = &payload {
        check_backend(descriptor.backend)?;
    }
    payload
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
        payloads.iter().for_each(|payload| append(&mut part, &(*payload).into()).unwrap());
        end(&mut part, payloads.len(), false);
        part
    }

    fn decode(part: &[u8]) -> Result<Vec<Payload>> {
        let Some((head, rest)) = part.split_first_chunk() else {
            return truncated(PREAMBLE_LEN, part.len());
        };
        let head = preamble(head)?;
        let mut body = &rest[..head.body_len.min(rest.len())];
        let payloads = (0..head.count).map(|_| super::payload(&mut body)).collect::<Result<_>>()?;
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
        assert!(matches!(with(6, 2).kind(), ErrorKind::Truncated { .. }));
        assert!(matches!(with(6, 0).kind(), ErrorKind::Oversized { max: 0, .. }));
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

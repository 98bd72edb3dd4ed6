//! Inputs of `descriptor`: a payload with its prefix left out, which has to fit the rest. The first
//! byte is the backend's code, or [`WHOLE`] before a payload with its prefix.

/// Says that what follows is a payload as it is sent.
pub const WHOLE: u8 = 0x80;

/// Bytes of the prefix.
const PREFIX_LEN: usize = 8;

/// The bytes that an input stands for.
pub fn expand(input: &[u8]) -> Option<Vec<u8>> {
    let (first, body) = input.split_first()?;
    if *first >= WHOLE {
        return Some(body.to_vec());
    }
    let len = u16::try_from(body.len()).ok()?.to_le_bytes();
    Some([&[b's', b'h', b'm', 1, *first, 0], len.as_slice(), body].concat())
}

/// The input that stands for these bytes.
pub fn input(bytes: &[u8]) -> Vec<u8> {
    [&bytes[4..5], &bytes[PREFIX_LEN..]].concat()
}

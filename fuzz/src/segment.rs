//! Inputs of `header`: the start of a segment, without the bytes that nobody reads.
//!
//! | at | what |
//! |---|---|
//! | 0 | how many bytes are missing at the end of what was read, `u16`, little-endian |
//! | 2 | the segment's length as the kernel tells it, `u64`, little-endian |
//! | 10 | bytes 0 to 127 of the segment |
//! | 138 | the bytes from 1024 on |

/// Bytes of the header's first part.
const FIXED_LEN: usize = 128;
/// Where shape, name and dtype begin.
const META_OFFSET: usize = 1024;

/// The bytes that an input stands for, and the length of the segment.
pub fn expand(input: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (cut, rest) = input.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (fixed, meta) = rest.split_at(rest.len().min(FIXED_LEN));
    let mut bytes = fixed.to_vec();
    if bytes.len() == FIXED_LEN {
        bytes.resize(META_OFFSET, 0x5a);
        bytes.extend(meta);
    }
    bytes.truncate(bytes.len().saturating_sub(u16::from_le_bytes(*cut).into()));
    Some((bytes, u64::from_le_bytes(*len)))
}

/// The input that stands for these bytes.
pub fn input(bytes: &[u8], len: u64) -> Vec<u8> {
    [&[0; 2], len.to_le_bytes().as_slice(), &bytes[..FIXED_LEN], &bytes[META_OFFSET..]].concat()
}

//! Inputs of `message`: what a peer does, step by step. The first byte has the flags. Each step
//! has three bytes before its own: descriptors that come with it and how often its bytes are
//! repeated (0 to 15, or [`MOST`]), their number.

/// Flag, of four bits, as it takes time: the peer does the next step when the receiver has read the one before.
pub const SLOWLY: u8 = 0xf0;
/// Flag: the socket does not block.
pub const NON_BLOCKING: u8 = 2;
/// Flag: the socket tells credentials.
pub const CREDENTIALS: u8 = 4;

/// The most descriptors in one step, and in a part of a message.
pub const MOST: usize = 253;
/// The byte that stands for [`MOST`]: few inputs have it, as it takes time.
pub const AS_MANY: u8 = u8::MAX;

/// Bytes and descriptors that the peer sends in one call.
pub struct Step {
    /// How many descriptors come with the first byte.
    pub fds: usize,
    /// At least one.
    pub bytes: Vec<u8>,
}

/// The steps that an input stands for, as many as `most` bytes allow.
pub fn expand(mut input: &[u8], mut most: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let [fds, repeat, len, rest @ ..] = input {
        let (bytes, rest) = rest.split_at(rest.len().min((*len).into()));
        input = rest;
        let bytes = bytes.repeat(number(*repeat).max(1));
        if bytes.is_empty() {
            continue;
        }
        let Some(left) = most.checked_sub(bytes.len()) else {
            break;
        };
        most = left;
        steps.push(Step { fds: number(*fds), bytes });
    }
    steps
}

fn number(byte: u8) -> usize {
    if byte == AS_MANY { MOST } else { usize::from(byte % 16) }
}

/// The bytes of an input for one step, or for more where there are too many bytes for one.
pub fn step(fds: u8, repeat: u8, bytes: &[u8]) -> Vec<u8> {
    let mut input = Vec::new();
    for (i, piece) in bytes.chunks(u8::MAX.into()).enumerate() {
        let len = u8::try_from(piece.len()).unwrap_or(u8::MAX);
        input.extend([if i == 0 { fds } else { 0 }, repeat, len]);
        input.extend(piece);
    }
    input
}

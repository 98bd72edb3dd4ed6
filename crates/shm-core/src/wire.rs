//! The compact form of a [`Payload`]: the only module that knows `bincode`.
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `shm` |
//! | 3 | version, `u8` |
//! | 4 | backend: 0 `shm`, 1 `mmap`, 2 `memfd` |
//! | 5 | zero |
//! | 6 | length of what follows, `u16`, little-endian |
//! | 8 | the payload by bincode 2, standard configuration |

use crate::{BackendKind, ErrorKind, Payload, Result};

const MAGIC: [u8; 3] = *b"shm";
const VERSION: u8 = 1;
const PREFIX_LEN: usize = 8;

/// The most bytes an encoded payload can have; most have 100 to 300.
pub const MAX_PAYLOAD_LEN: usize = 16 * 1024;

const BACKENDS: [BackendKind; 3] = [BackendKind::Shm, BackendKind::Mmap, BackendKind::Memfd];

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_PAYLOAD_LEN>()
}

impl Payload {
    /// The compact form, for a message or a file.
    ///
    /// # Errors
    /// [`ErrorKind::Oversized`] beyond [`MAX_PAYLOAD_LEN`] bytes, as only a huge structured dtype
    /// can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        self.append_to(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the compact form to a message, and tells its length in bytes.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes); what was appended by then is of no use.
    pub fn append_to(&self, message: &mut Vec<u8>) -> Result<usize> {
        let backend = self.descriptor.backend;
        let code = (0_u8..).zip(BACKENDS).find(|(_, kind)| *kind == backend).map_or(0, |(i, _)| i);
        let [a, b, c] = MAGIC;
        let start = message.len();
        message.extend([a, b, c, VERSION, code, 0, 0, 0]);
        bincode::serde::encode_into_std_write(self, message, config())
            .map_err(|error| ErrorKind::Corrupt { what: "payload", reason: error.to_string() })?;
        let has = message.len() - start;
        let body = u16::try_from(has - PREFIX_LEN).ok().filter(|_| has <= MAX_PAYLOAD_LEN);
        let Some(body) = body else {
            let (max, has) = (MAX_PAYLOAD_LEN as u64, has as u64);
            return Err(ErrorKind::Oversized { what: "payload", max, has }.into());
        };
        message[start + PREFIX_LEN - 2..start + PREFIX_LEN].copy_from_slice(&body.to_le_bytes());
        Ok(has)
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// Each its own: [`ErrorKind::Truncated`], [`ErrorKind::Oversized`] (also for bytes behind
    /// its end), [`ErrorKind::BadMagic`], [`ErrorKind::UnsupportedVersion`],
    /// [`ErrorKind::UnknownBackend`]; [`ErrorKind::Corrupt`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let what = "payload";
        let Some((prefix, body)) = bytes.split_first_chunk::<PREFIX_LEN>() else {
            let (needs, has) = (PREFIX_LEN as u64, bytes.len() as u64);
            return Err(ErrorKind::Truncated { what, needs, has }.into());
        };
        let [a, b, c, version, code, _, low, high] = *prefix;
        if [a, b, c] != MAGIC {
            return Err(ErrorKind::BadMagic { what, found: *prefix }.into());
        }
        if version != VERSION {
            let (found, supported) = (version.into(), VERSION.into());
            return Err(ErrorKind::UnsupportedVersion { what, found, supported }.into());
        }
        let Some(backend) = BACKENDS.get(usize::from(code)).copied() else {
            let (value, valid) = (format!("code {code}"), "0 shm, 1 mmap, 2 memfd");
            return Err(ErrorKind::UnknownBackend { value, origin: "the payload", valid }.into());
        };
        let needs = PREFIX_LEN + usize::from(u16::from_le_bytes([low, high]));
        let (has, needs) = (bytes.len() as u64, needs as u64);
        if has < needs {
            return Err(ErrorKind::Truncated { what, needs, has }.into());
        }
        if has > needs || needs > MAX_PAYLOAD_LEN as u64 {
            let max = needs.min(MAX_PAYLOAD_LEN as u64);
            return Err(ErrorKind::Oversized { what, max, has }.into());
        }
        let corrupt = |reason| ErrorKind::Corrupt { what, reason };
        let (payload, used): (Self, _) = bincode::serde::borrow_decode_from_slice(body, config())
            .map_err(|error| corrupt(error.to_string()))?;
        if used != body.len() {
            return Err(corrupt(format!("{} bytes of {} are used", used, body.len())).into());
        }
        if payload.descriptor.backend != backend {
            let (outer, inner) = (backend, payload.descriptor.backend);
            return Err(corrupt(format!("{outer} outside, {inner} inside")).into());
        }
        Ok(payload)
    }
}

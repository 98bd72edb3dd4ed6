//! The compact form of a [`Payload`]: the only module that knows `bincode`.
//!
//! | at | what |
//! |---|---|
//! | 0 | magic `shm` |
//! | 3 | version, `u8` |
//! | 4 | backend: 0 `shm`, 1 `mmap`, 2 `memfd` |
//! | 5 | kept for later: written as zero, and not read |
//! | 6 | length of what follows, `u16`, little-endian |
//! | 8 | the payload by bincode 2, standard configuration, field by field as in [`write()`] |

use std::fmt::Display;

use bincode::de::read::{Reader, SliceReader};
use bincode::de::{BorrowDecode, BorrowDecoder, Decoder, DecoderImpl};
use bincode::enc::write::Writer;
use bincode::enc::{Encode, Encoder, EncoderImpl};
use bincode::error::EncodeError;
use uuid::Uuid;

use crate::backend_kind::BackendKind;
use crate::descriptor::{Descriptor, Origin, Payload, PayloadRef};
use crate::error::kind::ErrorKind;
use crate::error::{Error, Result};
use crate::layout::{Layout, Lengths, check_ndim};
use crate::name::Name;
use crate::options::Order;
use crate::window::Window;

const MAGIC: [u8; 3] = *b"shm";
const VERSION: u8 = 1;
const PREFIX_LEN: usize = 8;

/// The most bytes an encoded payload can have; most have 100 to 300.
pub const MAX_PAYLOAD_LEN: usize = 16 * 1024;

/// Their codes are their places here, which belong to the version.
const BACKENDS: [BackendKind; 3] = [BackendKind::Shm, BackendKind::Mmap, BackendKind::Memfd];
const _: () = assert!(BACKENDS.len() == BackendKind::ALL.len(), "each backend has a code");
const ORDERS: [Order; 2] = [Order::C, Order::Fortran];

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_PAYLOAD_LEN>()
}

impl PayloadRef<'_> {
    /// Appends the compact form to a message, and tells its length in bytes.
    ///
    /// # Errors
    /// As [`Payload::to_bytes`]; what was appended by then is of no use.
    pub fn append_to(&self, message: &mut Vec<u8>) -> Result<usize> {
        let [a, b, c] = MAGIC;
        let start = message.len();
        message.extend([a, b, c, VERSION, code(&BACKENDS, self.backend), 0, 0, 0]);
        write(self, &mut EncoderImpl::new(Appended(message), config())).map_err(corrupt)?;
        let has = message.len() - start;
        let body = u16::try_from(has - PREFIX_LEN).ok().filter(|_| has <= MAX_PAYLOAD_LEN);
        let Some(body) = body else {
            let (max, has) = (MAX_PAYLOAD_LEN as u64, has as u64);
            return Err(ErrorKind::Oversized { what: "payload", max, has }.into());
        };
        message[start + PREFIX_LEN - 2..start + PREFIX_LEN].copy_from_slice(&body.to_le_bytes());
        Ok(has)
    }

    /// The compact form by itself.
    ///
    /// # Errors
    /// As [`Payload::to_bytes`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        self.append_to(&mut bytes)?;
        Ok(bytes)
    }
}

impl Payload {
    /// The compact form, for a message or a file.
    ///
    /// # Errors
    /// [`ErrorKind::Oversized`] beyond [`MAX_PAYLOAD_LEN`] bytes, as only a huge structured dtype
    /// can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        PayloadRef::from(self).to_bytes()
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
        let mut decoder = DecoderImpl::new(SliceReader::new(body), config(), ());
        let payload = read(&mut decoder);
        if let Ok(Self { descriptor, .. }) = &payload {
            // The decoder does not tell how much is left, only whether so many bytes are.
            let mut reaches = |len: &usize| decoder.reader().peek_read(*len).is_some();
            let left = (1..=body.len()).take_while(&mut reaches).count();
            if left > 0 {
                return Err(corrupt(format!(
                    "{} bytes of {} are used",
                    body.len() - left,
                    body.len()
                )));
            }
            if descriptor.backend != backend {
                let inner = descriptor.backend;
                return Err(corrupt(format!("{backend} outside, {inner} inside")));
            }
        }
        payload
    }
}

/// The bytes go to the end of a message.
struct Appended<'a>(&'a mut Vec<u8>);

impl Writer for Appended<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Writes a payload field by field, in the order in which they are declared: that belongs to the
/// version.
fn write(payload: &PayloadRef<'_>, to: &mut impl Encoder) -> Result<(), EncodeError> {
    let PayloadRef { backend, name, uuid, segment_len, dtype, layout, window, frozen, origin } =
        payload;
    code(&BACKENDS, *backend).encode(to)?;
    name.as_bytes().encode(to)?;
    uuid.as_bytes().as_slice().encode(to)?;
    segment_len.encode(to)?;
    dtype.descr().encode(to)?;
    layout.shape().encode(to)?;
    code(&ORDERS, layout.order()).encode(to)?;
    layout.itemsize().encode(to)?;
    window.is_some().encode(to)?;
    if let Some(Window { offset, shape, strides }) = window {
        offset.encode(to)?;
        shape.encode(to)?;
        strides.encode(to)?;
    }
    frozen.encode(to)?;
    origin.is_some().encode(to)?;
    if let Some(Origin { pid, fd }) = origin {
        pid.encode(to)?;
        fd.encode(to)?;
    }
    Ok(())
}

/// Reads what [`write()`] wrote.
fn read<'de>(from: &mut impl BorrowDecoder<'de, Context = ()>) -> Result<Payload> {
    let descriptor = Descriptor {
        backend: coded(&BACKENDS, "backend", from)?,
        name: name(field(from)?)?,
        uuid: Uuid::from_slice(field(from)?).map_err(corrupt)?,
        segment_len: field(from)?,
        dtype: field::<&str>(from)?.parse().map_err(corrupt)?,
        layout: layout(from)?,
        window: if field(from)? { Some(window(from)?) } else { None },
        frozen: field(from)?,
    };
    let origin =
        if field(from)? { Some(Origin { pid: field(from)?, fd: field(from)? }) } else { None };
    Ok(Payload { descriptor, origin })
}

fn layout<'de>(from: &mut impl BorrowDecoder<'de, Context = ()>) -> Result<Layout> {
    let ndim = length(field(from)?)?;
    check_ndim(ndim).map_err(corrupt)?;
    let shape = Lengths::read(ndim, || length(field(from)?))?;
    let order = coded(&ORDERS, "order", from)?;
    Layout::of(shape, order, length(field(from)?)?).map_err(corrupt)
}

fn window<'de>(from: &mut impl BorrowDecoder<'de, Context = ()>) -> Result<Window> {
    let offset = length(field(from)?)?;
    let shape = field::<Vec<u64>>(from)?.into_iter().map(length).collect::<Result<_>>()?;
    let stride = |stride: i64| isize::try_from(stride).map_err(corrupt);
    let strides = field::<Vec<i64>>(from)?.into_iter().map(stride).collect::<Result<_>>()?;
    Ok(Window { offset, shape, strides })
}

/// The code of a value: its place in its table. Below 251, bincode writes a number of any width as
/// this one byte, so it can be read as a `u32`.
fn code<T: PartialEq>(table: &[T], value: T) -> u8 {
    (0..).zip(table).find(|(_, known)| **known == value).map_or(0, |(code, _)| code)
}

/// The value of the code that comes next.
fn coded<'de, T: Copy>(
    table: &[T],
    what: &str,
    from: &mut impl BorrowDecoder<'de, Context = ()>,
) -> Result<T> {
    let code: u32 = field(from)?;
    let known = usize::try_from(code).ok().and_then(|code| table.get(code));
    known.copied().ok_or_else(|| corrupt(format!("{what} {code} is not known")))
}

fn field<'de, T: BorrowDecode<'de, ()>>(
    from: &mut impl BorrowDecoder<'de, Context = ()>,
) -> Result<T> {
    T::borrow_decode(from).map_err(corrupt)
}

fn name(bytes: &[u8]) -> Result<Name> {
    let unusual = || Name::new(std::str::from_utf8(bytes).map_err(corrupt)?).map_err(corrupt);
    Name::plain(bytes).map_or_else(unusual, Ok)
}

/// One of this machine's width, of the 64 bits that it has on the wire.
fn length(number: u64) -> Result<usize> {
    usize::try_from(number).map_err(corrupt)
}

#[cold]
fn corrupt(reason: impl Display) -> Error {
    ErrorKind::Corrupt { what: "payload", reason: reason.to_string() }.into()
}

//! Element types at run time, in NumPy's words.
//!
//! The common language is NumPy's `descr`: `<f4`, `|S16`, `<M8[ns]`, or a list of named fields for
//! structures. Source: the NumPy format, "The array interface protocol" and `numpy.lib.format`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::parsed;

mod parse;

/// The order of bytes within a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first (`<`).
    Little,
    /// Most significant byte first (`>`).
    Big,
    /// One byte, or bytes without order (`|`).
    None,
}

impl ByteOrder {
    /// The order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

/// A unit of time of `datetime64` and `timedelta64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `Y`
    Year,
    /// `M`
    Month,
    /// `W`
    Week,
    /// `D`
    Day,
    /// `h`
    Hour,
    /// `m`
    Minute,
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `ns`
    Nanosecond,
    /// `ps`
    Picosecond,
    /// `fs`
    Femtosecond,
    /// `as`
    Attosecond,
}

impl Unit {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Year, "Y"),
        (Self::Month, "M"),
        (Self::Week, "W"),
        (Self::Day, "D"),
        (Self::Hour, "h"),
        (Self::Minute, "m"),
        (Self::Second, "s"),
        (Self::Millisecond, "ms"),
        (Self::Microsecond, "us"),
        (Self::Nanosecond, "ns"),
        (Self::Picosecond, "ps"),
        (Self::Femtosecond, "fs"),
        (Self::Attosecond, "as"),
    ];

    fn code(self) -> &'static str {
        Self::ALL.iter().find(|(unit, _)| *unit == self).map_or("", |(_, code)| code)
    }
}

/// What one tick of a `datetime64` or `timedelta64` lasts: `count` units, or generic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// No unit (`<M8`).
    Generic,
    /// So many of a unit (`<M8[25s]`); one in almost all arrays.
    Of(u32, Unit),
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generic => Ok(()),
            Self::Of(1, unit) => write!(f, "[{}]", unit.code()),
            Self::Of(count, unit) => write!(f, "[{count}{}]", unit.code()),
        }
    }
}

/// What a scalar is, without its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScalarKind {
    /// `b1`: zero is false.
    Bool,
    /// `i1` to `i8`: signed, so many bytes.
    Int(u8),
    /// `u1` to `u8`: unsigned, so many bytes.
    UInt(u8),
    /// `f2`, `f4`, `f8`: IEEE 754, so many bytes.
    Float(u8),
    /// bfloat16, written `<V2` as `ml_dtypes` does (NumPy has no character of its own for it).
    BFloat16,
    /// `c8`, `c16`: real and imaginary part, so many bytes together.
    Complex(u8),
    /// `S`: so many bytes, padded with NUL.
    Bytes(u32),
    /// `V`: so many bytes without meaning; padding in structures.
    Void(u32),
    /// `M8`: ticks since 1970-01-01T00:00.
    DateTime(TimeUnit),
    /// `m8`: ticks.
    TimeDelta(TimeUnit),
}

/// A scalar type with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    kind: ScalarKind,
    order: ByteOrder,
}

impl Scalar {
    /// A scalar of this machine's byte order.
    pub const fn native(kind: ScalarKind) -> Self {
        Self::with_order(kind, ByteOrder::NATIVE)
    }

    const fn with_order(kind: ScalarKind, order: ByteOrder) -> Self {
        let order = match kind {
            ScalarKind::Bool
            | ScalarKind::Int(1)
            | ScalarKind::UInt(1)
            | ScalarKind::Bytes(_)
            | ScalarKind::Void(_) => ByteOrder::None,
            _ => order,
        };
        Self { kind, order }
    }

    /// What it is.
    pub const fn kind(self) -> ScalarKind {
        self.kind
    }

    /// The order of its bytes.
    pub const fn byte_order(self) -> ByteOrder {
        self.order
    }

    /// Bytes per element.
    pub const fn itemsize(self) -> usize {
        match self.kind {
            ScalarKind::Bool => 1,
            ScalarKind::Int(n)
            | ScalarKind::UInt(n)
            | ScalarKind::Float(n)
            | ScalarKind::Complex(n) => n as usize,
            ScalarKind::BFloat16 => 2,
            ScalarKind::Bytes(n) | ScalarKind::Void(n) => n as usize,
            ScalarKind::DateTime(_) | ScalarKind::TimeDelta(_) => 8,
        }
    }
}

/// The scalars that most arrays consist of, to their `descr` and back without taking it apart.
macro_rules! common {
    ($($kind:ident $(($size:literal))? => $little:literal $big:literal,)*) => {
        impl Scalar {
            const fn common(self) -> Option<&'static str> {
                let [little, big] = match self.kind {
                    $(ScalarKind::$kind $(($size))? => [$little, $big],)*
                    _ => return None,
                };
                Some(if matches!(self.order, ByteOrder::Big) { big } else { little })
            }

            /// Of those of this machine's byte order.
            fn from_common(descr: &str) -> Option<Self> {
                const LITTLE: bool = cfg!(target_endian = "little");
                $(
                    if descr == const { if LITTLE { $little } else { $big } } {
                        return Some(Self::native(ScalarKind::$kind $(($size))?));
                    }
                )*
                None
            }
        }
    };
}

common! {
    Bool => "|b1" "|b1",
    Int(1) => "|i1" "|i1",
    Int(2) => "<i2" ">i2",
    Int(4) => "<i4" ">i4",
    Int(8) => "<i8" ">i8",
    UInt(1) => "|u1" "|u1",
    UInt(2) => "<u2" ">u2",
    UInt(4) => "<u4" ">u4",
    UInt(8) => "<u8" ">u8",
    Float(2) => "<f2" ">f2",
    Float(4) => "<f4" ">f4",
    Float(8) => "<f8" ">f8",
    BFloat16 => "<V2" ">V2",
    Complex(8) => "<c8" ">c8",
    Complex(16) => "<c16" ">c16",
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(descr) = self.common() {
            return f.write_str(descr);
        }
        f.write_str(match self.order {
            ByteOrder::Little => "<",
            ByteOrder::Big => ">",
            ByteOrder::None => "|",
        })?;
        match self.kind {
            ScalarKind::Bool => write!(f, "b1"),
            ScalarKind::Int(n) => write!(f, "i{n}"),
            ScalarKind::UInt(n) => write!(f, "u{n}"),
            ScalarKind::Float(n) => write!(f, "f{n}"),
            ScalarKind::BFloat16 => write!(f, "V2"),
            ScalarKind::Complex(n) => write!(f, "c{n}"),
            ScalarKind::Bytes(n) => write!(f, "S{n}"),
            ScalarKind::Void(n) => write!(f, "V{n}"),
            ScalarKind::DateTime(unit) => write!(f, "M8{unit}"),
            ScalarKind::TimeDelta(unit) => write!(f, "m8{unit}"),
        }
    }
}

/// One field of a structure, placed right behind the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name; padding has an empty one.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// The shape of a sub-array, in elements; empty for a single value.
    pub shape: Vec<usize>,
}

impl Field {
    /// A field with a single value.
    pub fn new(name: impl Into<String>, dtype: DType) -> Self {
        Self { name: name.into(), dtype, shape: Vec::new() }
    }

    fn itemsize(&self) -> usize {
        self.shape.iter().fold(self.dtype.itemsize(), |size, n| size.saturating_mul(*n))
    }
}

/// The type of an array's elements.
///
/// It displays as, and is parsed from, NumPy's `descr`:
///
/// ```
/// # fn main() -> shm_core::Result<()> {
/// use shm_core::DType;
/// let dtype: DType = "[('t', '<M8[ms]'), ('xyz', '<f4', (3,))]".parse()?;
/// assert_eq!(dtype.itemsize(), 20);
/// assert_eq!(dtype.to_string(), "[('t', '<M8[ms]'), ('xyz', '<f4', (3,))]");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// One value.
    Scalar(Scalar),
    /// Named fields, one after the other (NumPy's structured types).
    Struct(Vec<Field>),
}

impl DType {
    /// The longest `descr` that is understood, in bytes.
    pub const MAX_DESCR_LEN: usize = 8192;

    /// The deepest nesting of structures that is understood.
    pub const MAX_DEPTH: usize = 8;

    /// A scalar of this machine's byte order.
    pub const fn native(kind: ScalarKind) -> Self {
        Self::Scalar(Scalar::native(kind))
    }

    /// Bytes per element.
    pub fn itemsize(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.itemsize(),
            Self::Struct(fields) => {
                fields.iter().fold(0, |size: usize, field| size.saturating_add(field.itemsize()))
            }
        }
    }

    /// What it displays as. Where that is borrowed, it is known that it can be read back.
    pub(crate) fn descr(&self) -> Cow<'static, str> {
        let common = match self {
            Self::Scalar(scalar) => scalar.common(),
            Self::Struct(_) => None,
        };
        common.map_or_else(|| self.to_string().into(), Cow::Borrowed)
    }

    /// Whether every part of it has this machine's byte order.
    pub fn is_native(&self) -> bool {
        match self {
            Self::Scalar(scalar) => {
                matches!(scalar.order, ByteOrder::None) || scalar.order == ByteOrder::NATIVE
            }
            Self::Struct(fields) => fields.iter().all(|field| field.dtype.is_native()),
        }
    }
}

impl Serialize for DType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.descr())
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl From<DType> for String {
    fn from(dtype: DType) -> Self {
        dtype.to_string()
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = match self {
            Self::Scalar(scalar) => return scalar.fmt(f),
            Self::Struct(fields) => fields,
        };
        f.write_str("[")?;
        for (i, field) in fields.iter().enumerate() {
            let name = field.name.replace('\\', "\\\\").replace('\'', "\\'");
            write!(f, "{}('{name}', ", if i == 0 { "" } else { ", " })?;
            match &field.dtype {
                DType::Scalar(scalar) => write!(f, "'{scalar}'")?,
                nested => write!(f, "{nested}")?,
            }
            match field.shape.as_slice() {
                [] => {}
                [n] => write!(f, ", ({n},)")?,
                many => {
                    let list: Vec<_> = many.iter().map(ToString::to_string).collect();
                    write!(f, ", ({})", list.join(", "))?;
                }
            }
            f.write_str(")")?;
        }
        f.write_str("]")
    }
}

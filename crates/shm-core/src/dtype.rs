//! Element types at run time, in NumPy's words.
//!
//! The common language is NumPy's `descr`: `<f4`, `|S16`, `<M8[ns]`, or a list of named fields for
//! structures. Source: the NumPy format, "The array interface protocol" and `numpy.lib.format`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::parsed;

mod aliases;
mod literal;
mod parse;
pub(crate) mod scalar;
mod swap;
pub(crate) mod time;

pub use literal::Literal;
pub use scalar::{ByteOrder, Scalar, ScalarKind};
pub use swap::ByteSwap;
pub use time::{TimeUnit, Unit};

/// One field of a structure, placed right behind the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name; that of padding is empty.
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

    /// Whether it is what NumPy puts between fields and behind the last: it has no name and no
    /// meaning.
    fn is_padding(&self) -> bool {
        let is_void = matches!(&self.dtype, DType::Scalar(scalar) if matches!(scalar.kind(), ScalarKind::Void(_)));
        self.name.is_empty() && is_void
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
    /// The longest `descr` that is understood, in bytes: NumPy reads no longer header of a file.
    pub const MAX_DESCR_LEN: usize = 10_000;

    /// The deepest nesting of structures that is understood: Python reads no more brackets.
    pub const MAX_DEPTH: usize = 99;

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
            Self::Scalar(scalar) => scalar.is_native(),
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
            let name = Literal::repr(&field.name);
            write!(f, "{}({name}, ", if i == 0 { "" } else { ", " })?;
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

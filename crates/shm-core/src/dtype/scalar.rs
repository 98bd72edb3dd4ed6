//! Scalars: what they are, how many bytes they have, and in which order.

use std::fmt;

use super::time::TimeUnit;

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
    /// `U`: so many code points of four bytes, padded with NUL.
    Unicode(u32),
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

    pub(super) const fn with_order(kind: ScalarKind, order: ByteOrder) -> Self {
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

    /// Whether its bytes have this machine's order, or none.
    pub(super) const fn is_native(self) -> bool {
        matches!(
            (self.order, cfg!(target_endian = "little")),
            (ByteOrder::None, _) | (ByteOrder::Little, true) | (ByteOrder::Big, false)
        )
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
            ScalarKind::Unicode(n) => (n as usize).saturating_mul(4),
            ScalarKind::DateTime(_) | ScalarKind::TimeDelta(_) => 8,
        }
    }
}

/// The scalars that most arrays consist of, to their `descr` and back without taking it apart.
macro_rules! common {
    ($($kind:ident $(($size:literal))? => $little:literal $big:literal,)*) => {
        impl Scalar {
            pub(super) const fn common(self) -> Option<&'static str> {
                let [little, big] = match self.kind {
                    $(ScalarKind::$kind $(($size))? => [$little, $big],)*
                    _ => return None,
                };
                Some(if matches!(self.order, ByteOrder::Big) { big } else { little })
            }

            /// Of those of this machine's byte order.
            pub(super) fn from_common(descr: &str) -> Option<Self> {
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
            ScalarKind::Unicode(n) => write!(f, "U{n}"),
            ScalarKind::Void(n) => write!(f, "V{n}"),
            ScalarKind::DateTime(unit) => write!(f, "M8{unit}"),
            ScalarKind::TimeDelta(unit) => write!(f, "m8{unit}"),
        }
    }
}

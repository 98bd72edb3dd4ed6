//! Rust types that can be elements of a shared array.
//!
//! `bool`, `char`, enums and references are not: another process may write any bits, and not all
//! bits are valid values of theirs. [`Bool`] takes the place of `bool`.
#![allow(unsafe_code)] // `unsafe impl Element`: each type is plain old data, see the trait.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic;

use crate::dtype::DType;
use crate::dtype::scalar::ScalarKind;
use crate::dtype::time::TimeUnit;

mod float;
mod unicode;

pub use float::{AtomicF32, AtomicF64};
pub use unicode::{TooLong, Unicode};

/// A type whose values can lie in shared memory.
///
/// # Safety
/// - every pattern of `size_of::<Self>()` bytes is a valid value;
/// - there is no padding, and no pointer or reference;
/// - there is no interior mutability;
/// - `size_of::<Self>()` is not zero, equals the itemsize of [`dtype`](Self::dtype), and
///   `align_of::<Self>()` is at most 64, the least alignment of an array's data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a shared array",
    label = "not an element",
    note = "use `Bool` in the place of `bool`: another process may write any bits, and those of a `bool` are 0 or 1 only",
    note = "elements are numbers, `Bool`, `[u8; N]`, `Unicode<N>`, times, and structures that `element!` declares"
)]
pub unsafe trait Element: Copy + Send + Sync + 'static {
    /// Its NumPy type, in this machine's byte order.
    fn dtype() -> DType;
}

/// An element that can be seen as an atomic.
///
/// # Safety
/// [`Atomic`](Self::Atomic) has the size and alignment of `Self`, the same bits mean the same
/// value, and it is accessed as one word of that size.
pub unsafe trait AtomicElement: Element {
    /// The atomic type of the same size and alignment.
    type Atomic: Send + Sync + 'static;
}

macro_rules! scalars {
    ($($type:ty => $kind:expr $(, $atomic:ident)?;)*) => {$(
        // SAFETY: a number: all bits are valid, no padding, the size is that of the kind.
        unsafe impl Element for $type {
            fn dtype() -> DType {
                DType::native($kind)
            }
        }
        $(
            // SAFETY: std documents the atomic as having the same size, alignment and bit validity.
            unsafe impl AtomicElement for $type {
                type Atomic = atomic::$atomic;
            }
        )?
    )*};
}

scalars! {
    i8 => ScalarKind::Int(1), AtomicI8;
    i16 => ScalarKind::Int(2), AtomicI16;
    i32 => ScalarKind::Int(4), AtomicI32;
    i64 => ScalarKind::Int(8), AtomicI64;
    u8 => ScalarKind::UInt(1), AtomicU8;
    u16 => ScalarKind::UInt(2), AtomicU16;
    u32 => ScalarKind::UInt(4), AtomicU32;
    u64 => ScalarKind::UInt(8), AtomicU64;
    f32 => ScalarKind::Float(4);
    f64 => ScalarKind::Float(8);
}

#[cfg(feature = "half")]
scalars! {
    half::f16 => ScalarKind::Float(2);
    half::bf16 => ScalarKind::BFloat16;
}

#[cfg(feature = "complex")]
scalars! {
    num_complex::Complex<f32> => ScalarKind::Complex(8);
    num_complex::Complex<f64> => ScalarKind::Complex(16);
}

/// Fixed-size bytes (NumPy's `S`), of at least one byte.
// SAFETY: bytes: all bits are valid, no padding; a length of zero does not compile.
unsafe impl<const N: usize> Element for [u8; N] {
    fn dtype() -> DType {
        const {
            assert!(N > 0 && N <= i32::MAX as usize, "an element has 1 byte to 2 GiB");
        }
        #[allow(clippy::cast_possible_truncation)] // checked right above
        DType::native(ScalarKind::Bytes(N as u32))
    }
}

// SAFETY: transparent over the atomic of the same size, whose bits it reads as those of the float.
unsafe impl AtomicElement for f32 {
    type Atomic = AtomicF32;
}

// SAFETY: as above.
unsafe impl AtomicElement for f64 {
    type Atomic = AtomicF64;
}

/// A truth value of any bits: zero is false, everything else is true (NumPy's `b1`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// Whether it is true.
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl fmt::Display for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

scalars! { Bool => ScalarKind::Bool; }

/// Markers for the units of [`DateTime64`] and [`TimeDelta64`].
pub mod unit {
    use crate::dtype::time::Unit;

    /// A unit of time known to the compiler.
    pub trait Marker: Copy + Send + Sync + 'static {
        /// The unit.
        const UNIT: Unit;
    }

    macro_rules! markers {
        ($($name:ident),*) => {$(
            #[doc = concat!("[`Unit::", stringify!($name), "`].")]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name;

            impl Marker for $name {
                const UNIT: Unit = Unit::$name;
            }
        )*};
    }

    markers! {
        Year, Month, Week, Day, Hour, Minute, Second, Millisecond, Microsecond, Nanosecond,
        Picosecond, Femtosecond, Attosecond
    }
}

macro_rules! times {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name<U: unit::Marker> {
            ticks: i64,
            unit: PhantomData<U>,
        }

        impl<U: unit::Marker> $name<U> {
            /// NumPy's "not a time".
            pub const NAT: Self = Self::from_ticks(i64::MIN);

            /// From a count of units.
            pub const fn from_ticks(ticks: i64) -> Self {
                Self { ticks, unit: PhantomData }
            }

            /// The count of units.
            pub const fn ticks(self) -> i64 {
                self.ticks
            }
        }

        // SAFETY: transparent over i64: all bits are valid, no padding, eight bytes.
        unsafe impl<U: unit::Marker> Element for $name<U> {
            fn dtype() -> DType {
                DType::native(ScalarKind::$kind(TimeUnit::Of(1, U::UNIT)))
            }
        }
    )*};
}

times! {
    /// A moment: units since 1970-01-01T00:00 (NumPy's `datetime64`).
    DateTime64 => DateTime;
    /// A span of time (NumPy's `timedelta64`).
    TimeDelta64 => TimeDelta;
}

/// Declares a `repr(C)` structure that can be an element (NumPy's structured types).
///
/// Every field must be an [`Element`], and there must be no padding: order the fields by falling
/// alignment, or add bytes by hand. Padding does not compile.
///
/// ```
/// use shm_core::{Element, element};
///
/// element! {
///     /// One sounding.
///     #[derive(Debug, PartialEq)]
///     pub struct Sounding {
///         pub depth: f64,
///         pub station: u32,
///         pub flags: [u8; 4],
///     }
/// }
/// assert_eq!(
///     Sounding::dtype().to_string(),
///     "[('depth', '<f8'), ('station', '<u4'), ('flags', '|S4')]"
/// );
/// ```
///
/// Without `flags`, four bytes of padding would follow `station`:
///
/// ```compile_fail,E0080
/// # use shm_core::element;
/// element! {
///     pub struct Sounding {
///         pub depth: f64,
///         pub station: u32,
///     }
/// }
/// ```
///
/// A field whose bits are not all valid does not compile either:
///
/// ```compile_fail,E0277
/// # use shm_core::element;
/// element! {
///     pub struct Flagged {
///         pub valid: bool,
///     }
/// }
/// ```
///
/// Nor can a field depend on a `cfg`:
///
/// ```compile_fail
/// shm_core::element! {
///     struct Reading {
///         value: u64,
///         #[cfg(any())]
///         never: u64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! element {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $type),+
        }

        const _: () = {
            assert!(
                ::core::mem::size_of::<$name>() == 0 $(+ ::core::mem::size_of::<$type>())+,
                "the structure has padding: add it as a field"
            );
            assert!(::core::mem::align_of::<$name>() <= 64, "aligned to more than 64 bytes");
        };

        // A field that `cfg` takes away would still be counted above: then this does not compile.
        const _: fn($name) = |$name { $($field: _),+ }| {};

        // SAFETY: each field is an Element and is there, the assertions above exclude padding and
        // too much alignment, and repr(C) lays the fields out in the order in which dtype lists
        // them.
        #[allow(unsafe_code)]
        unsafe impl $crate::Element for $name {
            fn dtype() -> $crate::DType {
                $crate::DType::Struct(::std::vec![
                    $($crate::Field::new(
                        ::core::stringify!($field),
                        <$type as $crate::Element>::dtype(),
                    )),+
                ])
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    element! {
        struct Sample { time: DateTime64<unit::Millisecond>, value: f32, ok: Bool, code: [u8; 3] }
    }

    #[test]
    fn every_dtype_has_its_descr_and_size() {
        fn check<T: Element>(descr: &str) {
            let dtype = T::dtype();
            assert_eq!(dtype.to_string(), descr);
            assert_eq!(descr.parse::<DType>().unwrap(), dtype);
            assert_eq!(dtype.itemsize(), size_of::<T>());
        }
        check::<Bool>("|b1");
        check::<i8>("|i1");
        check::<u8>("|u1");
        check::<i16>("<i2");
        check::<u16>("<u2");
        check::<i32>("<i4");
        check::<u32>("<u4");
        check::<i64>("<i8");
        check::<u64>("<u8");
        check::<f32>("<f4");
        check::<f64>("<f8");
        check::<[u8; 16]>("|S16");
        check::<Unicode<7>>("<U7");
        check::<DateTime64<unit::Nanosecond>>("<M8[ns]");
        check::<TimeDelta64<unit::Day>>("<m8[D]");
        check::<Sample>("[('time', '<M8[ms]'), ('value', '<f4'), ('ok', '|b1'), ('code', '|S3')]");
        #[cfg(feature = "half")]
        {
            check::<half::f16>("<f2");
            check::<half::bf16>("<V2");
        }
        #[cfg(feature = "complex")]
        {
            check::<num_complex::Complex<f32>>("<c8");
            check::<num_complex::Complex<f64>>("<c16");
        }
    }

    #[test]
    fn any_bits_are_a_truth_value() {
        assert!(Bool(2).get() && Bool(2) == Bool::from(true) && !Bool(0).get());
    }
}

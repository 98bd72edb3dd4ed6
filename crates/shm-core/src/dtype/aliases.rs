//! The other names that NumPy has for scalars: `float32`, `d`, `?`.
//!
//! Source: "Data type objects" and "Scalars" in NumPy's reference. The widths of C's `long` and of
//! pointers are those of this machine, as they are in NumPy.

use std::ffi::c_long;

use super::scalar::ScalarKind;

/// The kind that a single character stands for.
pub(super) fn of_character(code: char) -> Option<ScalarKind> {
    const fn bytes<T>() -> u8 {
        if size_of::<T>() == 8 { 8 } else { 4 }
    }
    Some(match code {
        '?' => ScalarKind::Bool,
        'b' => ScalarKind::Int(1),
        'h' => ScalarKind::Int(2),
        'i' => ScalarKind::Int(4),
        'l' => ScalarKind::Int(bytes::<c_long>()),
        'q' => ScalarKind::Int(8),
        'p' | 'n' => ScalarKind::Int(bytes::<isize>()),
        'B' => ScalarKind::UInt(1),
        'H' => ScalarKind::UInt(2),
        'I' => ScalarKind::UInt(4),
        'L' => ScalarKind::UInt(bytes::<c_long>()),
        'Q' => ScalarKind::UInt(8),
        'P' | 'N' => ScalarKind::UInt(bytes::<usize>()),
        'e' => ScalarKind::Float(2),
        'f' => ScalarKind::Float(4),
        'd' => ScalarKind::Float(8),
        'F' => ScalarKind::Complex(8),
        'D' => ScalarKind::Complex(16),
        'c' => ScalarKind::Bytes(1),
        'S' | 'a' => ScalarKind::Bytes(0),
        'U' => ScalarKind::Unicode(0),
        'V' => ScalarKind::Void(0),
        _ => return None,
    })
}

/// The character of a name. Those of times (`M`, `m`), long double (`g`) and objects (`O`) have no kind
/// in [`of_character`].
pub(super) fn character(name: &str) -> Option<char> {
    Some(match name {
        "bool" | "bool_" => '?',
        "int8" | "byte" => 'b',
        "int16" | "short" => 'h',
        "int32" | "intc" => 'i',
        "int64" | "longlong" => 'q',
        "int" | "intp" | "int_" => 'p',
        "long" => 'l',
        "uint8" | "ubyte" => 'B',
        "uint16" | "ushort" => 'H',
        "uint32" | "uintc" => 'I',
        "uint64" | "ulonglong" => 'Q',
        "uint" | "uintp" => 'P',
        "ulong" => 'L',
        "float16" | "half" => 'e',
        "float32" | "single" => 'f',
        "float64" | "double" | "float" => 'd',
        "complex64" | "csingle" => 'F',
        "complex128" | "cdouble" | "complex" => 'D',
        "bytes" | "bytes_" => 'S',
        "str" | "str_" | "unicode" => 'U',
        "void" => 'V',
        "datetime64" => 'M',
        "timedelta64" => 'm',
        "longdouble" | "clongdouble" | "float96" | "float128" | "complex192" | "complex256" => 'g',
        "object" | "object_" => 'O',
        _ => return None,
    })
}

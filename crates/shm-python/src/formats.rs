//! Element types as the buffer protocol writes them.
//!
//! Source: PEP 3118, and the `struct` module of the Python library.

use std::ffi::CString;

use shm_core::ByteOrder;
use shm_core::ScalarKind;
use shmarray::DType;

/// The format of a dtype, if the protocol has one that NumPy reads back as the same: not for times, and
/// not for structures, whose padding it would lose.
pub(crate) fn format_of(dtype: &DType) -> Option<CString> {
    let DType::Scalar(scalar) = dtype else { return None };
    let code = match scalar.kind() {
        ScalarKind::Bool => "?".into(),
        ScalarKind::Int(1) => "b".into(),
        ScalarKind::Int(2) => "h".into(),
        ScalarKind::Int(4) => "i".into(),
        ScalarKind::Int(8) => "q".into(),
        ScalarKind::UInt(1) => "B".into(),
        ScalarKind::UInt(2) => "H".into(),
        ScalarKind::UInt(4) => "I".into(),
        ScalarKind::UInt(8) => "Q".into(),
        ScalarKind::Float(2) => "e".into(),
        ScalarKind::Float(4) => "f".into(),
        ScalarKind::Float(8) => "d".into(),
        ScalarKind::Complex(8) => "Zf".into(),
        ScalarKind::Complex(16) => "Zd".into(),
        ScalarKind::Bytes(len) if len > 0 => format!("{len}s"),
        _ => return None,
    };
    let order = match scalar.byte_order() {
        ByteOrder::None => "",
        order if order == ByteOrder::NATIVE => "",
        ByteOrder::Little => "<",
        ByteOrder::Big => ">",
    };
    // C's `long` is what NumPy calls 8 bytes on this machine: it would show `q` by another name.
    let code = match (code.as_str(), order, size_of::<std::ffi::c_long>()) {
        ("q", "", 8) => "l".into(),
        ("Q", "", 8) => "L".into(),
        _ => code,
    };
    CString::new(order.to_owned() + &code).ok()
}

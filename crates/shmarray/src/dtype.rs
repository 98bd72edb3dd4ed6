//! The types that elements can have, at compile time and at run time.

pub use shm_core::{
    AtomicElement, AtomicF32, AtomicF64, Bool, ByteOrder, DType, DateTime64, Element, Field,
    Scalar, ScalarKind, TimeDelta64, TimeUnit, TooLong, Unicode, Unit, element, unit,
};

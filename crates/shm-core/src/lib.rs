//! The words and contracts of shmarray, in one place: it reads as the glossary of the project.
//!
//! This crate makes **no system call** and reads **no environment**; it maps nothing and locks
//! nothing. It says what the other crates mean by a word:
//!
//! - *segment*: the OS object with its bytes ([`Segment`]);
//! - *region*: a segment, or part of one, mapped into this process ([`Region`]);
//! - *array*: a region seen as elements of one dtype and shape ([`DType`], [`Layout`], [`Window`]);
//! - *header*: the bytes at the start of a segment that describe the array in it ([`Header`]);
//! - *descriptor*: the serialisable description of an array ([`Descriptor`]);
//! - *payload*: a descriptor plus what transport needs ([`Payload`]);
//! - *attach, detach*: map and unmap here; *destroy*: remove the OS object ([`Backend`]).
//!
//! Everything that arrives from outside (a header's bytes, a payload) is copied out once, then
//! validated, then used.
#![deny(unsafe_code)]

mod backend_kind;
mod backend_name;
mod contract;
mod descriptor;
mod dtype;
mod element;
mod error;
mod header;
mod layout;
mod name;
mod options;
mod spec;
mod text;
mod window;
mod wire;

pub use backend_kind::BackendKind;
pub use contract::{
    Attached, Backend, Fill, Handover, Identified, Named, Region, Sealable, Segment, Sink,
    SlotLocks,
};
pub use descriptor::{Descriptor, Origin, Payload, PayloadRef};
pub use dtype::{ByteOrder, ByteSwap, DType, Field, Literal, Scalar, ScalarKind, TimeUnit, Unit};
pub use element::{
    AtomicElement, AtomicF32, AtomicF64, Bool, DateTime64, Element, TimeDelta64, TooLong, Unicode,
    unit,
};
pub use error::{Error, ErrorKind, Result};
pub use header::{Header, MAX_SLOTS, SLOT_LEN, SYNC_LEN, Stamp};
pub use layout::{Layout, MAX_NDIM};
pub use name::Name;
pub use options::{Access, Align, Cleanup, Commit, Order, Pages, Paging};
pub use spec::{DEFAULT_SLOTS, Spec};
pub use uuid::Uuid;
pub use window::Window;
pub use wire::MAX_PAYLOAD_LEN;

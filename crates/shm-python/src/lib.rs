//! The extension module `shmarray._native`: what the Python files of the package `shmarray` are made of.
//!
//! It gives out memory, handles, guards and errors, and nothing of NumPy: the Python files make NumPy
//! arrays of memory ([`memory::Memory`]). Each call that can wait or take long releases the GIL.
//!
//! It has no logic that a program in Rust would need, and makes no reference to elements.
#![deny(unsafe_code)]

mod barrier;
mod chunks;
mod command;
mod create;
mod errors;
mod events;
mod formats;
mod guards;
mod handle;
mod memory;
mod names;
mod options;
mod raw;
mod waiting;

use pyo3::prelude::*;

/// What the Python files import.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::barrier::{Counter, Seat};
    #[pymodule_export]
    use crate::chunks::{Claim, Round};
    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::create::{attach, create, from_payload, load, payload_uuid};
    #[pymodule_export]
    use crate::guards::{ReadGuard, WriteGuard};
    #[pymodule_export]
    use crate::handle::{Handle, Held};
    #[pymodule_export]
    use crate::memory::Memory;
    #[pymodule_export]
    use crate::names::{delete, gc, ls, select, set_backend, unique_name};
    #[pymodule_export]
    use crate::raw::Raw;
}

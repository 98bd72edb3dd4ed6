//! N-dimensional arrays shared between processes, on interchangeable OS mechanisms, where the
//! kernel, not convention, keeps every promise.
//!
//! ```
//! use shmarray::prelude::*;
//!
//! # fn main() -> shmarray::Result<()> {
//! let image: SharedArray<f32, Ix2> =
//!     SharedArray::builder((480, 640)).unique("image").from_fn(|(y, x)| (x + y) as f32)?;
//! let corner = image.slice(s![..2, ..2])?; // the same memory
//! corner.set((0, 0), 7.0)?;
//! assert_eq!(image.get((0, 0)), Some(7.0));
//! # Ok(())
//! # }
//! ```
//!
//! # What to look for
//! - make one: [`SharedArray::builder`]; attach by name: [`Array::attach`];
//! - who may do what: [`SharedArray`], [`GuardedArray`], [`ReadOnlyArray`], [`MemfdArray`],
//!   [`FrozenArray`] are [`Array`] in one [`mode`] each; [`ErasedArray`] for tools and bindings that
//!   learn the type at run time;
//! - work on one together: [`GuardedArray::chunks`], [`GuardedArray::read`],
//!   [`GuardedArray::write`], [`GuardedArray::ring`], [`Array::barrier`], [`Array::progress`]: what they give is in [`sync`];
//! - hand one to another process: [`transfer`] (a Unix socket, across `exec`), or the bytes of
//!   [`Array::payload`];
//! - start this program again as workers that have them: [`workers`];
//! - from a `.npy` file and back: [`SharedArray::load`], [`Array::save`] (feature `npy`; members of
//!   `.npz` archives with `npz`);
//! - free many together: [`Manager`]; attach for one function: [`with_attached`];
//! - by name alone, and what killed processes left: [`names`];
//! - whether a view lies in shared memory, and in which array: [`memory`];
//! - memory that another program made, such as a block of Python's `multiprocessing.shared_memory`:
//!   `raw` (feature `shm`);
//! - which backend, and why: [`BackendKind`], [`set_backend`], [`select`].
//!
//! # Backends
//! | backend | feature | reached by | gone with |
//! |---|---|---|---|
//! | `shm` | `shm` | any process of the same user, by name | the last one out; see [`Cleanup`] |
//! | `mmap` | `mmap` | forked descendants | the last process |
//! | `memfd` | `memfd` | each process that is handed its `fd` | the last `fd` and mapping |
//!
//! Cargo unites features across dependants: another crate can add a backend, and then `auto` may
//! choose it. A crate that needs one names it in code ([`Builder::backend`]).
//!
//! This crate puts the others together and has no logic that they need: views are `shm-ndarray`,
//! the choice is `shm-select`, each mechanism is a crate of its own.
#![deny(unsafe_code)]

#[cfg(not(any(feature = "shm", feature = "mmap", feature = "memfd")))]
compile_error!("shmarray needs a backend: enable one of the features `shm`, `mmap`, `memfd`");

mod access;
mod addresses;
mod any_array;
mod array;
mod attachment;
mod backends;
mod barrier;
mod builder;
mod chunks;
mod contents;
mod detached;
pub mod dtype;
pub mod erased;
mod flags;
mod freeze;
mod guard;
mod hold;
#[cfg(feature = "npy")]
mod load;
mod located;
pub mod manager;
pub mod memory;
pub mod mode;
pub mod names;
#[cfg(feature = "npy")]
pub mod npy;
mod payload;
mod progress;
#[cfg(feature = "shm")]
pub mod raw;
mod ring;
#[cfg(feature = "npy")]
mod save;
pub mod select;
mod slot;
pub mod sync;
#[cfg(feature = "transfer")]
pub mod transfer;
mod with_attached;
#[cfg(feature = "transfer")]
pub mod workers;

pub use any_array::AnyArray;
pub use array::{Array, FrozenArray, GuardedArray, MemfdArray, ReadOnlyArray, SharedArray};
pub use builder::{Buildable, Builder};
pub use detached::Detached;
pub use erased::ErasedArray;
pub use freeze::FreezeError;
pub use manager::Manager;
pub use ndarray;
pub use select::{Workers, set_backend};
pub use shm_core::{
    Access, Align, BackendKind, Cleanup, Commit, DType, Descriptor, Element, Error, ErrorKind,
    MAX_PAYLOAD_LEN, Name, Order, Origin, Pages, Payload, Result,
};
pub use shm_sync::{Timeout, Wait};
pub use with_attached::{Attach, with_attached};

/// What most programs need, in one `use`.
pub mod prelude {
    pub use ndarray::{Axis, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, s};

    pub use crate::{
        Access, Align, BackendKind, Cleanup, Commit, Detached, Element, ErasedArray, ErrorKind,
        FrozenArray, GuardedArray, Manager, MemfdArray, Order, Pages, Payload, ReadOnlyArray,
        SharedArray, Timeout, Workers,
    };
}

/// The Rust code of the documents is compiled, and run where it does not start programs.
#[cfg(all(doctest, feature = "shm", feature = "mmap", feature = "memfd", feature = "transfer"))]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/backends.md")]
    struct Backends;
    #[doc = include_str!("../../../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../../../docs/together.md")]
    struct Together;
}

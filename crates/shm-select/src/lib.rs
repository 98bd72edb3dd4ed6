//! Which backend an array gets, and why.
//!
//! This crate makes no segment, maps nothing and takes no lock. It does not know how a backend works,
//! only whether it would. It does not read cargo features either: the crate that uses it says which
//! backends are compiled in.
//!
//! - [`probe`] reads the machine into [`Facts`], which are plain data;
//! - [`Environment`] reads the variables, and [`Settings`] are what they and `set_backend` say;
//! - [`Needs`] are what one array asks for;
//! - [`choose`] is a pure function of these three: it gives a [`Selection`], which has the verdict on
//!   each backend with its figures, or an error;
//! - [`Selector`] keeps facts and environment for the life of a process; programs use this one.
//!
//! `os` alone asks the operating system; everything above it is the same on every system.
//!
//! # Who decides
//! An array that names a backend gets that one. Otherwise the environment decides
//! (`SHMARRAY_BACKEND`), then the process-wide [`Selector::set_backend`], then the automatic order.
//! A backend that one of these asks for is taken, or the choice is an error. It is never replaced by
//! another backend.
//!
//! # The automatic order
//! | workers | order |
//! |---|---|
//! | unknown | `shm`, `memfd`, `mmap` (with a warning) |
//! | forked | `shm`, `mmap`, `memfd` |
//! | spawned | `shm`, `memfd`; never `mmap` |
//!
//! `shm` needs strictly more than `SHMARRAY_SHM_MIN_FREE` bytes free when the process resolves its
//! choice, and room for the array when the array is made. The choice is the first backend of the order
//! that is compiled in, works here and has this space. On Windows that is always `shm`.
//!
//! Whether a backend works, the probe can only guess. If the system refuses to make the array on the
//! chosen backend, [`Selector::refused`] gives the next choice of the same order. An array whose name is
//! a promise ([`Needs::named`]) gets `shm`, or with forked workers `mmap`, or an error.
#![deny(unsafe_code)]

mod choose;
mod facts;
mod needs;
mod os;
mod probe;
mod published;
mod refusal;
mod selection;
mod selector;
mod settings;
mod space;
mod verdict;

pub use choose::choose;
pub use facts::{Availability, Facts};
pub use needs::{Needs, Workers};
pub use probe::probe;
pub use refusal::Reach;
pub use selection::Selection;
pub use selector::Selector;
pub use settings::{
    BACKEND_VARIABLE, DEFAULT_SHM_MIN_FREE, Environment, MIN_FREE_VARIABLE, Preference, SelectedBy,
    Settings,
};
pub use shm_map::{Cgroup, CgroupVersion};
pub use space::Space;
pub use verdict::{Candidate, Verdict, Why};

//! Which backend an array gets, and why.
//!
//! This crate makes no segment, maps nothing and takes no lock; it does not know how a backend
//! works, only whether it would. It does not read cargo features either: whoever uses it says
//! which backends are compiled in.
//!
//! - [`probe`] reads the machine into [`Facts`], which are plain data;
//! - [`Environment`] reads the variables, and [`Settings`] are what they and `set_backend` say;
//! - [`Needs`] are what one array asks for;
//! - [`choose`] is a pure function of these three: it gives a [`Selection`], which names the
//!   verdict on each backend with its figures, or an error;
//! - [`Selector`] keeps facts and environment for the life of a process, and is what a program
//!   uses.
//!
//! # Who decides
//! An array that names a backend gets that one. Otherwise the environment decides
//! (`SHMARRAY_BACKEND`), then the process-wide [`Selector::set_backend`], then the automatic order.
//! A backend that was asked for, by whichever of these, is given or is an error: it is never
//! replaced by another one.
//!
//! # The automatic order
//! | workers | order |
//! |---|---|
//! | unknown | `shm`, `memfd`, `mmap` (with a warning) |
//! | forked, or unknown in the historical order | `shm`, `mmap`, `memfd` |
//! | spawned | `shm`, `memfd`; never `mmap` |
//!
//! `shm` has to have strictly more than `SHMARRAY_SHM_MIN_FREE` bytes free in `/dev/shm` when the
//! process resolves its choice, and room for the array when one is made. The first backend of the
//! order that is compiled in, works here and passes is taken. On Windows that is always `shm`.
#![deny(unsafe_code)]

mod choose;
mod facts;
mod kept;
mod needs;
mod probe;
mod process;
mod selection;
mod settings;

pub use choose::choose;
pub use facts::{Availability, Cgroup, CgroupVersion, Facts, Space};
pub use needs::{Needs, Workers};
pub use probe::probe;
pub use process::Selector;
pub use selection::{Candidate, SelectedBy, Selection, Verdict, Why};
pub use settings::{
    BACKEND_VARIABLE, DEFAULT_SHM_MIN_FREE, Environment, MIN_FREE_VARIABLE, Preference, Settings,
};

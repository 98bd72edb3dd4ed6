//! Moves arrays to other processes: an open file and the [`Payload`] that says what it is.
//!
//! - [`send`] and [`receive`]: over a socket, several arrays in one framed message;
//! - [`inherit`] and [`take`]: across `exec`, under a key, to one command's children and no others;
//! - [`end_with_parent`] and [`wait_any`]: children that share the work.
//!
//! This crate does not attach: it gives an [`Incoming`], whose file the caller checks and maps. It
//! checks the form of all that arrives from outside, and closes every file that came with a message
//! that is wrong.
//!
//! - `frame.rs`: the bytes of a message;
//! - `socket.rs`: messages with files; `deadline.rs`: how long they may take;
//! - `exec.rs`: the environment variable, and the file across `exec`;
//! - `workers.rs`: the end of children, and of their parent;
//! - `transfer.rs`: an array on its way;
//! - `os`: asks the operating system; `io.rs`: its answers, as data. Everything above is the same on
//!   every system.
//!
//! See unix(7) `SCM_RIGHTS`, execve(2).
#![deny(unsafe_code)]

mod deadline;
mod exec;
mod frame;
mod io;
mod os;
mod socket;
mod transfer;
mod workers;

pub use exec::{inherit, take};
pub use os::Socket;
pub use socket::{receive, send};
pub use transfer::{Incoming, Outgoing};
pub use workers::{end_with_parent, wait_any};

#[cfg(doc)]
use shm_core::Payload;

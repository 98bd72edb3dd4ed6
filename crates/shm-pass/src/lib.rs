//! Moves arrays to other processes: a file descriptor and the [`Payload`] that says what it is.
//!
//! - [`send`] and [`receive`]: over a Unix socket, several arrays in one framed message;
//! - [`inherit`] and [`take`]: across `exec`, under a key, to one command's children and no others.
//!
//! This crate does not attach: what arrives is a [`Parcel`], whose descriptor its owner checks and
//! maps. Whatever arrives from outside is checked, and every descriptor that came with something
//! wrong is closed.
//!
//! - `frame.rs`: the bytes of a message;
//! - `socket.rs`: messages with fds;
//! - `deadline.rs`: how long they may take;
//! - `exec.rs`: the environment variable and the descriptor across `exec`;
//! - `parcel.rs`: what goes in and what comes out.
//!
//! See unix(7) `SCM_RIGHTS`, execve(2).
#![deny(unsafe_code)]
#![cfg(unix)]

mod deadline;
mod exec;
mod frame;
mod parcel;
mod socket;

pub use exec::{inherit, take};
pub use parcel::{Outgoing, Parcel};
pub use socket::{receive, send};

#[cfg(doc)]
use shm_core::Payload;

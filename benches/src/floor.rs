//! The bare system calls that keep the same promises, with nothing around them.
//!
//! Each includes what a promise needs: memory set aside (`fallocate`), the presence lock, a header
//! of [`HEADER_LEN`] bytes written or read, publication in one step, and the question whether
//! anybody else is left.
//!
//! - `file.rs`: mappings, locks, memory set aside;
//! - `large.rs`: a fresh gigabyte, found and filled;
//! - `named.rs`, `memfd.rs`, `anonymous.rs`: segments of each backend;
//! - `slot.rs`: a slot in one.
#![allow(dead_code)]

pub(crate) mod anonymous;
pub(crate) mod file;
pub(crate) mod large;
pub(crate) mod memfd;
pub(crate) mod named;
pub(crate) mod slot;

/// Bytes of a header: what is written when a segment is made.
const HEADER_LEN: usize = 1064;
/// Bytes read of it when a segment is attached.
const HEADER_READ: usize = 4096;
/// Slots and header together.
const DATA_OFFSET: usize = 8192;

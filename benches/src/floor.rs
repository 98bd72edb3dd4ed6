//! The bare system calls that keep the same promises, with nothing around them.
//!
//! Each includes what a promise needs: reserved memory (`fallocate`), no more than `RLIMIT_FSIZE`
//! allows, mode 0600 whatever the umask, the presence lock, a header of [`HEADER_LEN`] bytes written
//! or read, publication in one step, type and owner of what is attached to, and the question whether
//! anybody else is left. A segment has as many bytes as ours has: with fewer, `fallocate` and first
//! touches would be cheaper, though no promise were kept less.
//!
//! - `file.rs`: mappings, locks, reserved memory;
//! - `large.rs`: a fresh gigabyte, populated and filled;
//! - `named.rs`, `memfd.rs`, `anonymous.rs`: segments of each backend;
//! - `slot.rs`: a slot in one;
//! - `socket.rs`: a descriptor handed to another process;
//! - `sync.rs`: a lock and a barrier of futex words.

pub(crate) mod anonymous;
pub(crate) mod file;
pub(crate) mod large;
pub(crate) mod memfd;
pub(crate) mod named;
pub(crate) mod slot;
pub(crate) mod socket;
pub(crate) mod sync;

/// Bytes of a header: what is written when a segment is made.
const HEADER_LEN: usize = 1064;
/// Bytes read of it when a segment is attached.
const HEADER_READ: usize = 2048;
/// Header and slots together: the page of the header, and a cache line for each of 128 participants.
const DATA_OFFSET: usize = 12288;

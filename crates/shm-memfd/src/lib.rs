//! Anonymous files (`memfd`): no name in any file system, handed over by descriptor, and the only
//! segments that can be frozen.
//!
//! A segment cannot be resized from the start (`F_SEAL_SHRINK`, `F_SEAL_GROW`). Freezing adds
//! `F_SEAL_WRITE` and `F_SEAL_SEAL`: from then on the kernel refuses every writer, present and
//! future, and says so itself on attach. The memory goes with the last descriptor and mapping.
//!
//! This crate does not choose a backend, does not move descriptors (`shm-pass` does), knows no
//! element types and makes no view.
//!
//! - `os/linux/create.rs`: making a segment and its seals;
//! - `os/linux/attach.rs`: what is checked on a descriptor from elsewhere;
//! - `os/linux/freeze.rs`: from writable to frozen;
//! - `os/linux/segment.rs`: a hold on a segment.
//!
//! See `memfd_create(2)`, fcntl(2) "File Sealing".
#![deny(unsafe_code)]
#![cfg(target_os = "linux")]

mod os;

pub use os::{FdOrOrigin, Memfd, MemfdSegment};

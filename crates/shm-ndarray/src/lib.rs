//! Segment bytes as arrays: the only crate of shmarray that turns them into references.
//!
//! [`ElementSpan`] is a window of an array, checked once against its header. Applied to the mapped
//! region it gives [`Elements`], or [`ElementsMut`] where the region may be written:
//!
//! | access | safe? | why |
//! |---|---|---|
//! | [`Elements::raw_view`], [`ElementsMut::raw_view_mut`] | safe | pointers only |
//! | [`Elements::get`], [`Elements::to_array`], [`Elements::copy_to`] | safe | atomic loads |
//! | [`ElementsMut::set`], [`ElementsMut::fill`], [`ElementsMut::copy_from`] | safe | atomic stores |
//! | [`ElementsMut::map_inplace`], [`ElementsMut::zip_mut_with`] | safe | atomic loads, then atomic stores |
//! | [`ElementsMut::atomic_view`] | safe | atomics are made for concurrent access |
//! | [`Elements::view`], [`ElementsMut::view_mut`] | `unsafe` | the caller vouches that nobody writes, or that nobody else has access |
//!
//! Where the type is known at run time only, [`load_bytes`] and [`copy_bytes`] copy the elements of a
//! window out, at once or piece by piece, and [`store_bytes`] copies them in.
//!
//! [`slice_window`] applies `s![..]` to a window, with errors where ndarray panics.
//!
//! This crate maps nothing, locks nothing and makes no system call. It does not know who else is
//! attached: that a view may be taken (a barrier, a lock, a frozen segment) is for its caller to
//! know. It does not keep a region alive: [`Elements`] borrow it.
#![deny(unsafe_code)]

mod bulk;
mod bytes;
mod copy;
mod elements;
mod in_place;
mod slice;
mod span;
mod walk;
mod words;

pub use bytes::{copy_bytes, load_bytes, store_bytes};
pub use elements::{Elements, ElementsMut};
pub use slice::slice_window;
pub use span::ElementSpan;

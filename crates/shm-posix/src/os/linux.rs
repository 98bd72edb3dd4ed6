//! Linux: files in `/dev/shm`.

mod directory;
mod stat;
mod unpublished;

pub(crate) use directory::{Cursor, SegmentPath, walk};
pub(crate) use stat::{read_start, stat};
pub(crate) use unpublished::{Unpublished, published};

//! Linux: files in `/dev/shm`.

mod directory;
mod facts;
mod unpublished;

pub(crate) use directory::{SegmentPath, entries};
pub(crate) use facts::{Facts, FileId, read_start};
pub use unpublished::Publish;
pub(crate) use unpublished::{Unpublished, published};

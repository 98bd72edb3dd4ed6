//! What processes do together on one array: guards, chunks, rings, barriers, counters and flags.
//!
//! They come from the methods of an array: [`read`](crate::GuardedArray::read),
//! [`write`](crate::GuardedArray::write), [`chunks`](crate::GuardedArray::chunks),
//! [`ring`](crate::GuardedArray::ring), [`barrier`](crate::Array::barrier), [`progress`](crate::Array::progress),
//! [`flags`](crate::Array::flags). Each borrows the array that gave it, or, by the method whose name
//! ends with `_owned`, keeps the array attached and borrows nothing.

pub use shm_sync::{Participant, RoundProgress};

pub use crate::barrier::{Barrier, OwnedBarrier};
pub use crate::chunks::{Chunk, Chunks, OwnedChunk, OwnedChunks};
pub use crate::flags::Flags;
pub use crate::guard::{OwnedReadGuard, OwnedWriteGuard, ReadGuard, WriteGuard};
pub use crate::hold::{Borrowed, Hold, Owned};
pub use crate::progress::{OwnedProgress, Progress};
pub use crate::ring::{Frame, Ring};

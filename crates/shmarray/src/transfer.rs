//! Handing arrays to other processes: over a Unix socket, or across `exec`.
//!
//! ```no_run
//! use std::process::Command;
//! use shmarray::transfer;
//! use shmarray::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In the parent:
//! let image: SharedArray<f32, Ix2> = SharedArray::builder((480, 640)).zeros()?;
//! let mut worker = Command::new("worker");
//! transfer::inherit(&mut worker, "image", &image)?;
//! worker.spawn()?;
//!
//! // In the worker:
//! let image: SharedArray<f32, Ix2> = transfer::take("image")?.typed()?;
//! # Ok(())
//! # }
//! ```

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use ndarray::Dimension;
use shm_core::{Access, Descriptor, Element, Result};
use shm_pass::Outgoing;
use shm_presence::fork;
use shm_sync::Timeout;

use crate::any_array::AnyArray;
use crate::array::Array;
use crate::erased::ErasedArray;
use crate::mode::Mode;
use crate::payload::access_of;

/// Gives an array to the children of a command, under a key: 1 to 64 of `A-Z a-z 0-9 _ -`.
///
/// No other child gets its descriptor. The array stays while the command or a child has it.
///
/// # Errors
/// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on backend `mmap`;
/// [`Transport`](shm_core::ErrorKind::Transport) for the key;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached).
pub fn inherit(command: &mut Command, key: &str, array: &impl AnyArray) -> Result<()> {
    give(command, key, array.as_erased())
}

/// Gives several arrays to the children of a command, each under its key, as [`inherit`] does.
///
/// # Errors
/// Those of [`inherit`]; the arrays before the one that fails are given then.
pub fn inherit_all(command: &mut Command, arrays: &[(&str, &dyn AnyArray)]) -> Result<()> {
    arrays.iter().try_for_each(|(key, array)| give(command, key, array.as_erased()))
}

fn give(command: &mut Command, key: &str, array: &ErasedArray) -> Result<()> {
    let (payload, file) = array.handover("inheriting")?;
    shm_pass::inherit(command, key, payload, file)
}

/// Takes an array that the parent gave to this process under a key. It can be taken once.
///
/// # Errors
/// [`Transport`](shm_core::ErrorKind::Transport) if there is none under that key, if it was taken
/// already, or if the environment was tampered with.
pub fn take(key: &str) -> Result<Received> {
    shm_pass::take(key).map(Received::new)
}

/// Sends arrays over a socket, all in one message.
///
/// A peer of another user can read, write and lock a `memfd` array that it gets: this process opens the
/// file of the locks for it, if it may itself. `shm` arrays are for processes of one user.
///
/// # Errors
/// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on backend `mmap`, before anything is sent;
/// [`Transport`](shm_core::ErrorKind::Transport) if the peer closed or the time is over.
pub fn send(
    socket: &UnixStream,
    arrays: &[&dyn AnyArray],
    timeout: impl Into<Timeout>,
) -> Result<()> {
    let outgoing = arrays.iter().map(|array| {
        let (payload, file) = array.as_erased().handover("sending")?;
        Outgoing::new(payload, file)
    });
    shm_pass::send(socket, outgoing, duration_of(timeout.into()))
}

/// Receives the arrays of one message.
///
/// # Errors
/// [`Transport`](shm_core::ErrorKind::Transport) if the peer closed or the time is over;
/// those of the message's form. Every descriptor that came with a bad message is closed.
pub fn receive(socket: &UnixStream, timeout: impl Into<Timeout>) -> Result<Vec<Received>> {
    let arrays = shm_pass::receive(socket, duration_of(timeout.into()))?;
    Ok(arrays.into_iter().map(Received::new).collect())
}

/// As the transport takes it, for which a time beyond the clock's range is for ever.
fn duration_of(timeout: Timeout) -> Duration {
    match timeout {
        Timeout::Forever => Duration::MAX,
        Timeout::NoWait => Duration::ZERO,
        Timeout::After(time) => time,
    }
}

/// An array that another process handed over, not attached yet.
#[derive(Debug)]
pub struct Received {
    incoming: shm_pass::Incoming,
    /// The fork generation that it came in.
    born: u64,
}

impl Received {
    fn new(incoming: shm_pass::Incoming) -> Self {
        Self { incoming, born: fork::generation() }
    }

    /// The sender's description of it; checked against the segment on attaching.
    pub fn descriptor(&self) -> &Descriptor {
        &self.incoming.payload.descriptor
    }

    /// Attaches to it as an array of elements `T` in `D` dimensions, of mode `M`.
    ///
    /// # Errors
    /// [`SegmentMismatch`](shm_core::ErrorKind::SegmentMismatch) if it is not what the sender
    /// says; those of [`ErasedArray::typed`].
    pub fn typed<T: Element, D: Dimension, M: Mode>(self) -> Result<Array<T, D, M>> {
        Array::new(self.attach(M::ACCESS)?)
    }

    /// Attaches to it, whatever its type: for reading if it is frozen, otherwise for reading and
    /// writing.
    ///
    /// # Errors
    /// [`SegmentMismatch`](shm_core::ErrorKind::SegmentMismatch) if it is not what the sender
    /// says.
    pub fn erased(self) -> Result<ErasedArray> {
        let access = access_of(self.descriptor());
        self.attach(access)
    }

    fn attach(self, access: Access) -> Result<ErasedArray> {
        let shm_pass::Incoming { payload, file, locks, .. } = self.incoming;
        let locks = locks.filter(|_| self.born == fork::generation()); // else it is the parent's too
        ErasedArray::open_fd(&payload.descriptor, file.into(), locks, access)
    }
}

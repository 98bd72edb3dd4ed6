//! How long an operation on a socket may wait for the peer.

use std::cell::OnceCell;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use shm_core::{Error, ErrorKind, Result};
use shm_map::system_error;

/// The end of an operation: so long after its first wait, as most never wait.
pub(crate) struct Deadline {
    operation: &'static str,
    timeout: Duration,
    end: OnceCell<Option<Instant>>,
}

impl Deadline {
    pub(crate) fn after(operation: &'static str, timeout: Duration) -> Self {
        Self { operation, timeout, end: OnceCell::new() }
    }

    /// Why the operation failed, as an error.
    #[cold]
    pub(crate) fn failed(&self, reason: impl Into<String>) -> Error {
        ErrorKind::Transport { operation: self.operation, reason: reason.into() }.into()
    }

    /// The time that is left; `None` is for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] if there is none.
    pub(crate) fn check(&self) -> Result<Option<Duration>> {
        let now = Instant::now();
        let left = match self.end.get() {
            Some(end) => end.map(|end| end.saturating_duration_since(now)),
            None => {
                let end = now.checked_add(self.timeout); // or beyond the clock's range
                self.end.get_or_init(|| end).map(|_| self.timeout)
            }
        };
        if left.is_some_and(|left| left.is_zero()) {
            let reason = format!("the peer did not do its part within {:?}", self.timeout);
            return Err(self.failed(reason));
        }
        Ok(left)
    }

    /// Waits until the socket is ready. It may return before: whoever waits tries again. See poll(2).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] if the time was over before.
    pub(crate) fn wait(&self, socket: BorrowedFd<'_>, events: PollFlags) -> Result<()> {
        let left = self.check()?.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::from_borrowed_fd(socket, events)], left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(system_error("poll", "a socket", errno)),
        }
    }
}

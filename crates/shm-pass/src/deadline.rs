//! How long an operation on a socket may wait for the peer.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use shm_core::{Error, ErrorKind, Result};

use crate::io::Ready;
use crate::os;

/// The end of an operation. The time runs from the first wait, as most operations never wait.
pub(crate) struct Deadline {
    operation: &'static str,
    timeout: Duration,
    end: OnceCell<Option<Instant>>,
}

impl Deadline {
    pub(crate) fn after(operation: &'static str, timeout: Duration) -> Self {
        Self { operation, timeout, end: OnceCell::new() }
    }

    /// The operation's failure for that reason, as an error.
    #[cold]
    pub(crate) fn failed(&self, reason: impl Into<String>) -> Error {
        ErrorKind::Transport { operation: self.operation, reason: reason.into() }.into()
    }

    /// The time that is left; `None` is for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] if no time is left.
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

    /// Waits until the socket is ready. It may return before; the caller tries again.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] if no time was left before.
    pub(crate) fn wait(&self, socket: &os::Socket, ready: Ready) -> Result<()> {
        os::wait(socket, ready, self.check()?)
    }
}

//! How a caller waits: for how long, and what it does in between.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long to wait for others.
#[derive(Clone, Copy, Debug)]
pub enum Timeout {
    /// For as long as those who are waited for live.
    Forever,
    /// Not at all.
    NoWait,
    /// For that long, counted from the beginning of the wait.
    After(Duration),
}

impl From<Duration> for Timeout {
    fn from(time: Duration) -> Self {
        Self::After(time)
    }
}

/// What a waiting thread calls in between: `Continue` to wait on, `Break` to give up.
type Hook<'h> = dyn FnMut() -> ControlFlow<()> + 'h;

/// How a caller waits: for how long, and what it does in between.
///
/// Every wait takes one, or a [`Timeout`] where there is no hook.
///
/// ```
/// use std::ops::ControlFlow;
/// use shm_sync::{Timeout, Wait};
///
/// let mut interrupted = || ControlFlow::Continue(());
/// let wait = Wait::with_hook(Timeout::Forever, &mut interrupted);
/// # let _ = wait;
/// ```
pub struct Wait<'h> {
    pub(crate) timeout: Timeout,
    pub(crate) hook: Option<&'h mut Hook<'h>>,
}

impl<'h> Wait<'h> {
    /// A wait that calls `hook` on the waiting thread, at every wake-up and at least every 50
    /// milliseconds. This crate holds no lock of its own during the call, the lock that forks take
    /// included; the hook may do anything, but it must not wait for what its caller holds.
    ///
    /// `Continue` changes no shared word: an arrival at a barrier stays counted. `Break` gives up
    /// with [`Interrupted`](shm_core::ErrorKind::Interrupted), and does to others what the end of
    /// the timeout does: at a barrier it breaks the barrier, unless all have arrived by then.
    pub fn with_hook(
        timeout: impl Into<Timeout>,
        hook: &'h mut dyn FnMut() -> ControlFlow<()>,
    ) -> Self {
        Self { timeout: timeout.into(), hook: Some(hook) }
    }

    /// The same wait, for a call that is one of several.
    pub fn reborrow(&mut self) -> Wait<'_> {
        let hook = self.hook.as_mut().map(|hook| &mut **hook as &mut Hook<'_>);
        Wait { timeout: self.timeout, hook }
    }
}

impl From<Timeout> for Wait<'_> {
    fn from(timeout: Timeout) -> Self {
        Self { timeout, hook: None }
    }
}

impl From<Duration> for Wait<'_> {
    fn from(time: Duration) -> Self {
        Timeout::After(time).into()
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("timeout", &self.timeout)
            .field("has_hook", &self.hook.is_some())
            .finish()
    }
}

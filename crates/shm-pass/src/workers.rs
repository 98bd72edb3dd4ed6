//! Children that end with their parent, and the wait for whichever of several ends first.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use shm_core::{Error, Result};

use crate::os;

/// Has the system kill the children of a command, by SIGKILL, when the thread that spawns them ends, with
/// its process or before it.
///
/// Children of such a child live on. See prctl(2), `PR_SET_PDEATHSIG`.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os) on a system that has nothing of the kind.
pub fn end_with_parent(command: &mut Command) -> Result<()> {
    os::end_with_parent(command)
}

/// Waits until one of these children has ended, and takes it from the system: its place among them, and
/// how it ended. `None` if the time is over, and for no children at all.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os): waitpid(2), `pidfd_open(2)`, poll(2).
pub fn wait_any(
    children: &mut [&mut Child],
    timeout: Option<Duration>,
) -> Result<Option<(usize, ExitStatus)>> {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout)); // or beyond the clock
    loop {
        for (place, child) in children.iter_mut().enumerate() {
            let ended = child.try_wait();
            if let Some(status) = ended.map_err(|error| Error::os("waitpid", "a worker", error))? {
                return Ok(Some((place, status)));
            }
        }
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if children.is_empty() || left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        os::wait_for_end(children, left)?;
    }
}

//! Linux: open file description locks, handlers of `pthread_atfork(3)`, and `/proc/self/fd`.

mod clock;
mod fork;
mod ofd;
mod open;

pub(crate) use clock::{since_1970, sleep};
pub(crate) use fork::{at_exit, count, generation, keep_forks_out, pid};
pub(crate) use ofd::{is_held_elsewhere, is_held_exclusively, release, try_exclusive, try_shared};
pub use open::{is_same_file, open, reopen};

//! The algorithms under the model checker: every order in which 2 or 3 threads can take their
//! steps, and every step at which one of them can die. `cargo xtask loom` runs it.
//!
//! **Death.** A model with a victim runs once for each step `k` that the victim can reach: it stops
//! before its `k`-th access, wait, wake or question, for good, and only then the system says that
//! it is dead. The last run is the one in which it reached its end in every order.
//!
//! **Time.** A wait runs out only after a death, and then once for each value that its word has: so
//! a wake-up that is lost while all live is a deadlock, which the checker reports.
//!
//! **Bounds.** Each line of the output names its own. Orders are all those with at most so many
//! preemptions (a thread is made to pause where it could go on; waiting does not count), or all
//! there are where it says "none". A load sees the last store to its word, or still the first value
//! where acquire and release allow that, which is weaker than `SeqCst` is in truth. Nobody spins:
//! who would, sleeps at once.
//! Beyond these models: more than 3 threads, more than one death, words that wrap around.
#![allow(clippy::unwrap_used, clippy::panic)] // what should not happen fails the model

mod barrier;
mod claims;
mod event;
mod lock;
mod ping_pong;
mod ring;
mod round;
mod world;

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

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::atomic::stops_after;

/// How many preemptions an order may have; None for all orders.
type Bound = Option<usize>;

/// The thread of a model that may die.
#[derive(Clone)]
struct Victim {
    steps: u32,
    died: Arc<AtomicBool>,
}

impl Victim {
    /// Runs until its last step. Tells whether it died then.
    fn dies_in(&self, run: impl FnOnce()) -> bool {
        let died = stops_after(self.steps, run);
        self.died.fetch_or(died, Relaxed);
        died
    }
}

/// Explores a model in which nobody dies.
fn explore(name: &str, bound: Bound, model: impl Fn() + Send + Sync + 'static) {
    let executions = executions(bound, model);
    report(name, &format!("{executions} executions"), bound);
}

/// Explores a model for each step at which its victim can die.
fn explore_deaths(name: &str, bound: Bound, model: fn(&Victim)) {
    let mut total = 0;
    for steps in 0.. {
        let victim = Victim { steps, died: Arc::default() };
        let died = victim.died.clone();
        let explored = catch_unwind(AssertUnwindSafe(|| executions(bound, move || model(&victim))));
        total += explored.unwrap_or_else(|failure| {
            println!("model {name}: it failed with a death at step {steps}");
            resume_unwind(failure)
        });
        if !died.load(Relaxed) {
            let extent = format!("{total} executions, deaths at {steps} steps");
            return report(name, &extent, bound);
        }
    }
}

fn executions(bound: Bound, model: impl Fn() + Send + Sync + 'static) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    // Whatever the environment says, nothing else bounds it.
    (builder.max_duration, builder.max_permutations) = (None, None);
    builder.checkpoint_file = None;
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        model();
    });
    count.load(Relaxed)
}

/// The line that `cargo xtask loom` shows.
fn report(name: &str, extent: &str, bound: Bound) {
    let bound = bound.map_or("none".to_owned(), |bound| format!("{bound} preemptions"));
    println!("model {name}: {extent}, bound: {bound}");
}

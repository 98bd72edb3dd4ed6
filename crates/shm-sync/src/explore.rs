//! Explores a model in every order of its steps, and with a death at each: see `models.rs`.
#![allow(missing_docs)] // for models only

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::atomic::stops_after;

/// How many preemptions an order may have; None for all orders.
pub type Bound = Option<usize>;

/// The thread of a model that may die.
#[derive(Clone, Debug)]
pub struct Victim {
    steps: u32,
    died: Arc<AtomicBool>,
}

impl Victim {
    /// Runs until its last step. Tells whether it died then.
    pub fn dies_in(&self, run: impl FnOnce()) -> bool {
        let died = stops_after(self.steps, run);
        self.died.fetch_or(died, Relaxed);
        died
    }
}

/// Explores a model in which nobody dies.
pub fn explore(name: &str, bound: Bound, model: impl Fn() + Send + Sync + 'static) {
    let executions = executions(bound, model);
    report(name, &format!("{executions} executions"), bound);
}

/// Explores a model for each step at which its victim can die.
pub fn explore_deaths(
    name: &str,
    bound: Bound,
    model: impl Fn(&Victim) + Send + Sync + Copy + 'static,
) {
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

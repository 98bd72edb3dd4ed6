//! Ctrl-C: the measurement that runs is let end, so that it removes what it made; a second one ends it.
//! See signal(7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How often this process was asked to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// From now on, being asked to end is counted and ends nothing by itself.
    pub(crate) fn watch() -> Result<Self> {
        let (watched, mut signals) = (Self::default(), Signals::new([SIGINT, SIGTERM, SIGHUP])?);
        let counted = watched.clone();
        std::thread::spawn(move || signals.forever().for_each(|_| counted.raise()));
        Ok(watched)
    }

    /// Counts one more.
    pub(crate) fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether to end after the measurement that runs.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether to end it as well.
    pub(crate) fn insisted(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

//! How far a long step has come, on standard error, if that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A step that is done sooner shows no bar.
const SHORT: Duration = Duration::from_millis(500);

/// A bar that appears when a step takes long, and goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    begun: Instant,
}

impl Bar {
    /// For so many of `unit`; bytes are written as such.
    pub(crate) fn new(unit: &'static str) -> Self {
        let count = if unit == "bytes" {
            "{binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}".to_owned()
        } else {
            format!("{{pos}}/{{len}} {unit}")
        };
        let bar = ProgressBar::hidden();
        let style = ProgressStyle::with_template(&format!("{{bar:40}} {count}, {{elapsed}}"));
        let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
        Self { bar, begun: Instant::now() }
    }

    /// So much is done of that.
    pub(crate) fn at(&mut self, done: u64, all: u64) {
        if self.bar.is_hidden() && self.begun.elapsed() > SHORT {
            // Draws nothing where that is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

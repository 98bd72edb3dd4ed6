//! The table at the end.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::ValueEnum;
use comfy_table::{Table, presets};

use crate::cli::Start;
use crate::maps::Memory;
use crate::verdict::verdict;
use crate::workers::Losses;

/// The summary of a run that succeeded.
pub(crate) struct Summary {
    pub(crate) shape: (usize, usize),
    pub(crate) backend: String,
    pub(crate) start: Start,
    pub(crate) workers: NonZeroUsize,
    /// How many rows a chunk has.
    pub(crate) rows: NonZeroUsize,
    /// The workers that died, and the work that this cost.
    pub(crate) losses: Losses,
    /// How long the workers took to start and map the arrays.
    pub(crate) starting: Duration,
    /// How long all workers together took to fill the rows.
    pub(crate) together: Duration,
    /// How long one process took to fill them.
    pub(crate) alone: Duration,
    /// Bytes of both arrays.
    pub(crate) bytes: usize,
    /// The memory that all workers saw, and this process.
    pub(crate) memory: Memory,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.shape;
        let start = self.start.to_possible_value();
        let [alone, together, starting] =
            [self.alone, self.together, self.starting].map(|time| time.as_secs_f64());
        let all = self.bytes.saturating_mul(self.workers.get());
        let memory = if self.memory.is_known() {
            format!("yes (device:inode {})", self.memory)
        } else {
            "not known: /proc/self/maps does not tell".into()
        };
        let chunks = format!("{} of {} rows", rows.div_ceil(self.rows.get()), self.rows);
        let Losses { dead, again, rest } = &self.losses;
        let numbers: Vec<String> = again.iter().map(u32::to_string).collect();
        let numbers = format!("{}: {}", again.len(), numbers.join(", "));
        let by_this = format!("{rest}, as no worker was left");
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).add_rows([
            ["size", &format!("{rows} x {columns} cells")],
            ["backend", &self.backend],
            ["start method", start.as_ref().map_or("", clap::builder::PossibleValue::get_name)],
            ["workers", &self.workers.to_string()],
            ["chunks", &chunks],
        ]);
        table.add_rows(dead.iter().map(|how| ["died", how]));
        table.add_rows((!again.is_empty()).then_some(["chunks done again", &numbers]));
        table.add_rows((*rest > 0).then_some(["chunks done by this process", &by_this]));
        table.add_rows([
            ["seconds, 1 process", &format!("{alone:.4}")],
            [
                &format!("seconds, {} workers", self.workers),
                &format!(
                    "{together:.4} ({}), after {starting:.4} to start them",
                    verdict(self.alone, self.together)
                ),
            ],
            [
                "shared, not copied",
                &format!("{} ({} for each worker)", Bytes(all), Bytes(self.bytes)),
            ],
            ["same memory in all workers", &memory],
            ["result", "the same bits as by one process"],
        ]);
        table.fmt(f)
    }
}

/// A number of bytes, for reading.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

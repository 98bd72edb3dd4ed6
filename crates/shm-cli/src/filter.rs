//! The arrays of a list, and their order.

use std::cmp::Reverse;

use clap_complete::engine::ArgValueCandidates;
use glob::Pattern;

use crate::overview::{Overview, Segment};
use crate::{candidates, exit, natural, os};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only the arrays whose name, or PID:FD, is this: `tile-*`, `tile-[0-4]?`
    #[arg(value_name = "GLOB", add = ArgValueCandidates::new(candidates::arrays))]
    globs: Vec<Pattern>,
    /// Only the arrays that this process has
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The largest first, the oldest first, or by name, in which numbers count
    #[arg(long, value_name = "BY", value_enum, default_value_t)]
    pub(crate) sort: SortBy,
}

/// A property that arrays are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SortBy {
    /// Bytes of elements
    Size,
    /// Time since it was made
    Age,
    /// Its name
    #[default]
    Name,
}

impl SortBy {
    /// Sorts arrays that are in the order of their names.
    pub(crate) fn sort(self, segments: &mut [Segment]) {
        match self {
            Self::Name => segments.sort_by(|a, b| natural::compare(&a.name, &b.name)),
            Self::Size => segments.sort_by_key(|segment| Reverse(segment.bytes)),
            Self::Age => segments.sort_by_key(|segment| Reverse(segment.age_seconds)),
        }
    }

    /// As the command line says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Age => "age",
            Self::Name => "name",
        }
    }
}

impl Filter {
    /// Leaves what is asked for, in the order that is asked for.
    ///
    /// # Errors
    /// If there is no such process. It may have been there for an earlier table.
    pub(crate) fn apply(&self, overview: &mut Overview) -> anyhow::Result<()> {
        if let Some(pid) = self.pid {
            if !os::has_process(pid) {
                let text = format!("there is no process {pid} here");
                return Err(exit::refused(exit::NOT_FOUND, text));
            }
            let has = |segment: &Segment| segment.processes.iter().any(|it| it.pid == pid);
            overview.segments.retain(has);
        }
        if !self.globs.is_empty() {
            let matches = |text: &str| self.globs.iter().any(|glob| is_match(glob, text));
            overview.segments.retain(|it| matches(&it.name) || matches(&it.place));
            overview.unreadable.retain(|file| matches(&file.place));
        }
        self.sort.sort(&mut overview.segments);
        Ok(())
    }

    /// The first pattern that nothing there is matches.
    pub(crate) fn unmatched(&self, overview: &Overview) -> Option<&str> {
        let is_matched = |glob: &&Pattern| {
            let names = overview.segments.iter().flat_map(|it| [&it.name, &it.place]);
            let mut all = names.chain(overview.unreadable.iter().map(|file| &file.place));
            all.any(|text| is_match(glob, text))
        };
        self.globs.iter().find(|glob| !is_matched(glob)).map(Pattern::as_str)
    }
}

/// Whether a name is what a pattern says, or letter by letter the pattern.
fn is_match(glob: &Pattern, text: &str) -> bool {
    glob.matches(text) || glob.as_str() == text
}

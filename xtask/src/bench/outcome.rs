//! The outcome of a run: medians with their spread, ratios, goals. `bench.json` holds it.
//!
//! A ratio is the median of the ratios of figures that were measured next to each other, not the ratio of
//! two medians. A machine that others share has a quick and a slow pace: the median of one contender may
//! be from the quick pace, and that of another from the slow one.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::contest::{Goal, Role, Row};
use super::machine::About;
use super::samples::Samples;

/// A whole run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) about: About,
    pub(crate) rows: Vec<Line>,
}

/// A row with its figures.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) title: String,
    /// What "floor" means here.
    pub(crate) floor: String,
    pub(crate) bytes: Option<u64>,
    pub(crate) goal: Option<Goal>,
    /// Whether the goal is met; nothing where there is no goal, or no figure.
    pub(crate) met: Option<bool>,
    /// Why it was not run, if it was not.
    pub(crate) not_ready: Option<String>,
    /// Ours as a multiple of the floor.
    pub(crate) of_floor: Option<Ratio>,
    /// The best peer as a multiple of ours.
    pub(crate) of_peer: Option<Ratio>,
    pub(crate) contenders: Vec<Figures>,
}

/// Figures of a contender.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Nanoseconds of one operation.
    pub(crate) ns: Option<Spread>,
    /// The same for each round, and in it for each process.
    pub(crate) rounds: Vec<Vec<f64>>,
    /// Why there are none.
    pub(crate) error: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// A median, and how far the figures are apart.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// The first and the third quartile.
    pub(crate) quartiles: [f64; 2],
    /// The least and the greatest.
    pub(crate) range: [f64; 2],
}

/// The time of a contender as a multiple of that of another.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// The name of the one that is not ours: the floor, or a peer.
    pub(crate) to: String,
    pub(crate) median: f64,
    /// The quartiles of the same ratios.
    pub(crate) quartiles: [f64; 2],
}

impl Outcome {
    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// As JSON, a row on each line.
    pub(crate) fn write(&self) -> Result<String> {
        let about = serde_json::to_string_pretty(&self.about)?;
        let rows = self.rows.iter().map(serde_json::to_string);
        let rows = rows.collect::<Result<Vec<_>, _>>()?.join(",\n");
        Ok(format!("{{\n\"about\": {about},\n\"rows\": [\n{rows}\n]\n}}\n"))
    }

    /// The rows that could be run, by group, in the order in which groups appear.
    pub(crate) fn groups(&self) -> Vec<Vec<&Line>> {
        let mut groups: Vec<Vec<&Line>> = Vec::new();
        for line in self.rows.iter().filter(|line| line.ran()) {
            match groups.iter_mut().find(|group| group[0].group() == line.group()) {
                Some(group) => group.push(line),
                None => groups.push(vec![line]),
            }
        }
        groups
    }

    /// How many goals are met, and how many are not.
    pub(crate) fn goals(&self) -> [usize; 2] {
        [true, false].map(|met| self.rows.iter().filter(|row| row.met == Some(met)).count())
    }

    /// How many contenders failed that are ours or a floor, and how many peers.
    pub(crate) fn failures(&self) -> [usize; 2] {
        let failed = self.rows.iter().flat_map(|row| &row.contenders);
        let failed = failed.filter(|figures| figures.error.is_some());
        let (peers, own): (Vec<_>, _) = failed.partition(|figures| figures.role == Role::Peer);
        [own.len(), peers.len()]
    }
}

impl Line {
    pub(crate) fn new(row: &Row, samples: Vec<Samples>) -> Self {
        let figures = |(contender, samples): (&super::contest::Contender, Samples)| Figures {
            name: contender.name.clone(),
            role: contender.role,
            ns: Spread::of(&samples.rounds.concat()),
            rounds: samples.rounds,
            error: samples.error,
            notes: samples.notes,
        };
        let mut line = Self {
            key: row.key.clone(),
            title: row.title.clone(),
            floor: row.floor.clone(),
            bytes: row.bytes,
            goal: row.goal,
            met: None,
            not_ready: row.not_ready.clone(),
            of_floor: None,
            of_peer: None,
            contenders: row.contenders.iter().zip(samples).map(figures).collect(),
        };
        line.of_floor = line.ratio(Role::Ours, Role::Floor, Role::Floor);
        line.of_peer = line.ratio(Role::Peer, Role::Ours, Role::Peer);
        line.met = line.goal.and_then(|goal| line.reaches(goal));
        line
    }

    /// Whether it could be run.
    pub(crate) fn ran(&self) -> bool {
        self.not_ready.is_none()
    }

    /// Whether chance would decide on its goal, which lies between the quartiles of its ratio.
    pub(crate) fn is_close(&self) -> bool {
        let (ratio, goal) = match self.goal {
            Some(Goal::OfFloor(goal)) => (&self.of_floor, goal),
            Some(Goal::OfPeer(goal)) => (&self.of_peer, goal),
            Some(Goal::BelowNs(_)) | None => return false,
        };
        ratio
            .as_ref()
            .is_some_and(|Ratio { quartiles: [low, high], .. }| (*low..*high).contains(&goal))
    }

    /// In how many rounds ours was measured.
    pub(crate) fn rounds(&self) -> usize {
        self.best(Role::Ours).map_or(0, |ours| ours.rounds.len())
    }

    /// The group of rows that it is in: what its key begins with.
    pub(crate) fn group(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }

    /// The fastest contender of a role.
    pub(crate) fn best(&self, role: Role) -> Option<&Figures> {
        let those = self.contenders.iter().filter(|figures| figures.role == role);
        those
            .filter_map(|figures| Some((figures.ns?.median, figures)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, figures)| figures)
    }

    /// The time of a contender as a multiple of the floor's.
    pub(crate) fn multiple(&self, one: &Figures) -> Option<f64> {
        Ratio::of(one, self.best(Role::Floor)?, String::new()).map(|ratio| ratio.median)
    }

    /// The best of `above` as a multiple of the best of `below`; the ratio has the name of the best
    /// of `named`.
    fn ratio(&self, above: Role, below: Role, named: Role) -> Option<Ratio> {
        let to = self.best(named)?.name.clone();
        Ratio::of(self.best(above)?, self.best(below)?, to)
    }

    fn reaches(&self, goal: Goal) -> Option<bool> {
        Some(match goal {
            Goal::OfFloor(factor) => self.of_floor.as_ref()?.median <= factor,
            Goal::OfPeer(factor) => self.of_peer.as_ref()?.median >= factor,
            Goal::BelowNs(ns) => self.best(Role::Ours)?.ns?.median < ns,
        })
    }
}

impl Ratio {
    fn of(above: &Figures, below: &Figures, to: String) -> Option<Self> {
        // The processes of a round took turns. A contender with fewer of them has none beside the last
        // of another.
        let rounds = above.rounds.iter().zip(&below.rounds);
        let beside = rounds.flat_map(|(above, below)| above.iter().zip(below));
        let ratios: Vec<_> = beside.map(|(above, below)| above / below).collect();
        let Spread { median, quartiles, .. } = Spread::of(&ratios)?;
        Some(Self { to, median, quartiles })
    }
}

impl Spread {
    /// The spread of some figures; `None` without a figure.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (first, last) = (*sorted.first()?, *sorted.last()?);
        Some(Self {
            median: quarter(&sorted, 2),
            quartiles: [quarter(&sorted, 1), quarter(&sorted, 3)],
            range: [first, last],
        })
    }
}

/// The figure below which so many quarters of the sorted ones lie, interpolated between two.
fn quarter(sorted: &[f64], quarters: usize) -> f64 {
    let place = (sorted.len() - 1) * quarters;
    let (below, rest) = (sorted[place / 4], place % 4);
    let above = sorted.get(place / 4 + 1).copied().unwrap_or(below);
    below + (above - below) * [0.0, 0.25, 0.5, 0.75][rest]
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_spread_is_median_quartiles_and_range() {
        let spread = Spread::of(&[5.0, 1.0, 2.0, 4.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, quartiles: [2.0, 4.0], range: [1.0, 5.0] });
        let even = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((even.median, even.quartiles), (2.5, [1.75, 3.25]));
        assert_eq!(Spread::of(&[7.0]).unwrap().quartiles, [7.0, 7.0]);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_to_the_floor_and_of_the_best_peer() {
        let line =
            fixture::line("a/b", &[("ours", 110.0), ("floor", 100.0), ("x", 440.0), ("y", 220.0)]);
        let floor = line.of_floor.as_ref().unwrap();
        assert!((floor.median - 1.1).abs() < 1e-9, "{floor:?}");
        let peer = line.of_peer.as_ref().unwrap();
        assert_eq!((peer.to.as_str(), peer.median), ("y", 2.0));
    }

    #[test]
    fn a_disturbance_of_all_is_not_in_a_ratio() {
        let figures = |rounds: &[&[f64]]| Figures {
            ns: Spread::of(&rounds.concat()),
            rounds: rounds.iter().map(|round| round.to_vec()).collect(),
            ..fixture::figures("x", 1.0)
        };
        // The last process of the second round has none beside it.
        let above = figures(&[&[2.0, 20.0], &[20.0, 4.0, 90.0]]);
        let below = figures(&[&[1.0, 10.0], &[10.0, 2.0]]);
        let ratio = Ratio::of(&above, &below, "x".into()).unwrap();
        assert_eq!((ratio.median, ratio.quartiles), (2.0, [2.0, 2.0]));
    }

    #[test]
    fn goals_are_checked() {
        let met = |goal, ours: f64| {
            let row = Row { goal: Some(goal), ..fixture::row("a/b", &["ours", "floor", "x"]) };
            Line::new(&row, fixture::samples(&[ours, 100.0, 300.0])).met
        };
        assert_eq!(met(Goal::OfFloor(1.15), 115.0), Some(true));
        assert_eq!(met(Goal::OfFloor(1.15), 116.0), Some(false));
        assert_eq!(met(Goal::OfPeer(3.0), 100.0), Some(true));
        assert_eq!(met(Goal::OfPeer(3.0), 101.0), Some(false));
        assert_eq!(met(Goal::BelowNs(100.0), 100.0), Some(false));
        let row = fixture::row("a/b", &["ours", "floor"]);
        let row = Row { goal: Some(Goal::OfPeer(3.0)), ..row };
        assert_eq!(Line::new(&row, fixture::samples(&[1.0, 1.0])).met, None, "without a peer");
    }

    #[test]
    fn a_contender_that_failed_has_no_figures() {
        let row = fixture::row("a/b", &["ours", "floor"]);
        let mut samples = fixture::samples(&[1.0, 1.0]);
        samples[1] = Samples { error: Some("no".into()), ..Samples::default() };
        let line = Line::new(&row, samples);
        assert_eq!(line.of_floor, None);
        assert_eq!(fixture::outcome(vec![line]).failures(), [1, 0]);
    }

    #[test]
    fn rows_of_a_group_stand_together() {
        let line = |key| fixture::line(key, &[("ours", 1.0)]);
        let mut rows = ["b/1", "a/1", "b/2", "c/1"].map(line);
        rows[3].not_ready = Some("no".into());
        let outcome = fixture::outcome(rows.into());
        let groups = outcome.groups();
        let keys = |group: &Vec<&Line>| group.iter().map(|line| line.key.clone()).collect();
        let keys: Vec<Vec<String>> = groups.iter().map(keys).collect();
        assert_eq!(keys, [vec!["b/1", "b/2"], vec!["a/1"]]);
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        let outcome =
            fixture::outcome(vec![fixture::line("a/b", &[("ours", 1.0), ("floor", 2.0)])]);
        std::fs::write(&path, outcome.write().unwrap()).unwrap();
        assert_eq!(Outcome::read(&path).unwrap(), outcome);
    }
}

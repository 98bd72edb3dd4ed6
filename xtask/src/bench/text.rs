//! Figures as people read them: times, rates and ratios with three digits.

use super::contest::Goal;
use super::outcome::{Figures, Line, Ratio};

/// A time of so many nanoseconds, in the unit that fits.
pub(crate) fn time(ns: f64) -> String {
    let units = [(1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")];
    let fits = units.into_iter().find(|(below, ..)| ns < *below);
    let (_, size, unit) = fits.unwrap_or((f64::INFINITY, 1e9, "s"));
    format!("{} {unit}", digits(ns / size))
}

/// What a row counts: a rate where bytes are moved, otherwise the time of one operation.
pub(crate) fn value(line: &Line, ns: f64) -> String {
    line.bytes.map_or_else(|| time(ns), |bytes| format!("{} GiB/s", digits(rate(bytes, ns))))
}

/// GiB/s, if so many bytes take so many nanoseconds.
#[expect(clippy::cast_precision_loss)] // of a figure that is shown with three digits
pub(crate) fn rate(bytes: u64, ns: f64) -> f64 {
    bytes as f64 / f64::from(1 << 30) / (ns / 1e9)
}

/// Median and quartiles of a ratio.
pub(crate) fn ratio(ratio: &Ratio) -> String {
    let [low, high] = ratio.quartiles.map(digits);
    format!("{} ({low}–{high})", digits(ratio.median))
}

/// A goal, in a few words.
pub(crate) fn goal(goal: Goal) -> String {
    match goal {
        Goal::OfFloor(factor) => format!("at most {} × floor", trimmed(factor)),
        Goal::OfPeer(factor) => format!("{} × faster than the best peer", trimmed(factor)),
        Goal::BelowNs(ns) => format!("below {} µs", trimmed(ns / 1e3)),
    }
}

/// A goal, and whether it is met.
pub(crate) fn verdict(line: &Line) -> String {
    let Some(set) = line.goal.map(goal) else { return String::new() };
    match line.met {
        Some(true) => format!("{set}: met"),
        Some(false) => format!("{set}: MISSED"),
        None => format!("{set}: not known"),
    }
}

/// The median of a contender that was measured, or that it failed.
pub(crate) fn median(line: &Line, figures: &Figures) -> String {
    figures.ns.map_or_else(|| "failed".into(), |ns| value(line, ns.median))
}

/// Three digits, and no more than two behind the point.
pub(crate) fn digits(figure: f64) -> String {
    if figure >= 1e3 && figure.is_finite() {
        let size = 10f64.powf(figure.log10().floor() - 2.0);
        return format!("{:.0}", (figure / size).round() * size);
    }
    let behind = if figure < 9.995 { 2 } else { usize::from(figure < 99.95) };
    format!("{figure:.behind$}")
}

/// Up to two digits behind the point, without zeros at the end.
pub(crate) fn trimmed(figure: f64) -> String {
    let text = format!("{figure:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn times_have_three_digits() {
        assert_eq!(time(0.2), "0.20 ns");
        assert_eq!(time(12.34), "12.3 ns");
        assert_eq!(time(3_104.0), "3.10 µs");
        assert_eq!(time(99_960.0), "100 µs");
        assert_eq!(time(101_000_000.0), "101 ms");
        assert_eq!(time(1_800_000_000.0), "1.80 s");
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.004, 0.996, 9.996, 12.34, 99.96, 999.6, 69_905.0, 212_248.0].map(digits);
        assert_eq!(shown, ["0.00", "1.00", "10.0", "12.3", "100", "1000", "69900", "212000"]);
    }

    #[test]
    fn a_row_of_bytes_counts_their_rate() {
        let line = Line { bytes: Some(1 << 30), ..fixture::line("a/b", &[("ours", 1.0)]) };
        assert_eq!(value(&line, 250e6), "4.00 GiB/s");
        assert_eq!(value(&Line { bytes: None, ..line }, 250e6), "250 ms");
    }

    #[test]
    fn goals_are_told() {
        assert_eq!(goal(Goal::OfFloor(1.15)), "at most 1.15 × floor");
        assert_eq!(goal(Goal::OfPeer(3.0)), "3 × faster than the best peer");
        assert_eq!(goal(Goal::BelowNs(1000.0)), "below 1 µs");
        let line = Line { goal: Some(Goal::BelowNs(1.0)), ..fixture::line("a/b", &[]) };
        assert_eq!(verdict(&line), "below 0 µs: not known");
    }
}

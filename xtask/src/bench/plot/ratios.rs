//! Each row on a line of its own: ours and the peers as multiples of the floor, on a logarithmic scale.

use super::super::contest::{Goal, Role};
use super::super::outcome::{Line, Outcome};
use super::super::text;
use super::{Anchor, MARGIN, Sheet, WIDTH, fitting};

/// Where the scale begins and ends; between it and the margins stand titles and figures.
const SCALE: [f64; 2] = [384.0, 686.0];

/// The multiples of the floor at those places. What is beyond gets an arrow.
const MULTIPLES: [f64; 2] = [0.5, 100.0];

/// Multiples that have a line.
const TICKS: [f64; 8] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// Where the two columns of figures are.
const FIGURES: [f64; 2] = [756.0, 768.0];

const TOP: f64 = 106.0;
const ROW: f64 = 20.0;
const HEADING: f64 = 28.0;

/// The plot, as SVG.
pub(crate) fn ratios(outcome: &Outcome) -> String {
    let mut groups = outcome.groups();
    groups.iter_mut().for_each(|group| group.retain(|line| line.of_floor.is_some()));
    groups.retain(|group| !group.is_empty());
    let below: f64 = groups.iter().map(|group| HEADING + ROW * count(group)).sum();
    let bottom = TOP + below + 6.0;
    let title = "shmarray beside the bare system calls (the floor) and beside what people use";
    let mut sheet = Sheet::new(title, outcome, bottom + 40.0);
    legend(&mut sheet, 76.0);

    let mut y = TOP;
    for group in &groups {
        y += HEADING;
        for line in group {
            band(&mut sheet, line, y);
            y += ROW;
        }
    }
    scale(&mut sheet, bottom);
    let mut y = TOP;
    for group in groups {
        let name = group.first().map_or("", |line| line.group());
        sheet.text("group ink", [MARGIN, y + 20.0], Anchor::Start, name);
        y += HEADING;
        for line in group {
            row(&mut sheet, line, y + ROW / 2.0);
            y += ROW;
        }
    }
    sheet.finish()
}

fn count<T>(items: &[T]) -> f64 {
    f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX))
}

/// Where a multiple of the floor is, on the scale or at its edge.
fn place(multiple: f64) -> f64 {
    let [left, right] = SCALE;
    let [least, greatest] = MULTIPLES;
    let share = (multiple / least).ln() / (greatest / least).ln();
    left + (right - left) * share.clamp(0.0, 1.0)
}

fn legend(sheet: &mut Sheet, y: f64) {
    let text = y + 4.0;
    let mut x = MARGIN;
    let mut entry = |sheet: &mut Sheet, words: &str, width: f64| {
        sheet.text("ink", [x + 14.0, text], Anchor::Start, words);
        x += width;
        x - width
    };
    let at = entry(sheet, "ours", 58.0);
    sheet.dot("ours", [at + 5.0, y], 4.5);
    let at = entry(sheet, "ours, goal missed", 136.0);
    sheet.diamond("missed", [at + 5.0, y], 5.0);
    let at = entry(sheet, "floor", 62.0);
    sheet.line("floor", [at + 6.0, y - 7.0], [at + 6.0, y + 7.0]);
    let at = entry(sheet, "peer", 58.0);
    sheet.dot("peer", [at + 5.0, y], 3.5);
    let at = entry(sheet, "peer beyond the scale", 166.0);
    sheet.beyond("peer", [at + 2.0, y]);
    let at = entry(sheet, "where the goal lets ours be", 0.0);
    sheet.rectangle("goal", [at - 2.0, y - 7.0], [12.0, 14.0]);
}

/// The lines of the scale, its figures above and below, and the heads of the columns.
fn scale(sheet: &mut Sheet, bottom: f64) {
    for tick in TICKS {
        let (x, name) = (place(tick), format!("{tick}×"));
        let class = if tick == 1.0 { "floor" } else { "grid" };
        sheet.line(class, [x, TOP + 4.0], [x, bottom]);
        sheet.text("small faint", [x, TOP - 2.0], Anchor::Middle, &name);
        sheet.text("small faint", [x, bottom + 14.0], Anchor::Middle, &name);
    }
    let middle = f64::midpoint(SCALE[0], SCALE[1]);
    let axis = "time of one operation, as a multiple of the floor's; logarithmic";
    sheet.text("small faint", [middle, bottom + 30.0], Anchor::Middle, axis);
    sheet.text("small faint", [FIGURES[0], TOP - 2.0], Anchor::End, "÷ floor");
    sheet.text("small faint", [FIGURES[1], TOP - 2.0], Anchor::Start, "best peer ÷ ours");
}

/// Up to which multiple of the floor the goal of a row lets ours be.
fn allowed(line: &Line) -> Option<f64> {
    Some(match line.goal? {
        Goal::OfFloor(factor) => factor,
        Goal::OfPeer(factor) => line.multiple(line.best(Role::Peer)?)? / factor,
        Goal::BelowNs(ns) => ns / line.best(Role::Floor)?.ns?.median,
    })
}

fn band(sheet: &mut Sheet, line: &Line, y: f64) {
    if let Some(limit) = allowed(line) {
        let width = place(limit) - SCALE[0];
        sheet.rectangle("goal", [SCALE[0], y + 1.0], [width, ROW - 2.0]);
    }
}

fn row(sheet: &mut Sheet, line: &Line, y: f64) {
    let text = y + 4.0;
    let title = fitting(&line.title, SCALE[0] - MARGIN - 10.0);
    sheet.text("small ink", [MARGIN, text], Anchor::Start, &title);
    let Some(ratio) = &line.of_floor else { return };
    for peer in line.contenders.iter().filter(|one| one.role == Role::Peer) {
        let Some(multiple) = line.multiple(peer) else { continue };
        if multiple > MULTIPLES[1] {
            sheet.beyond("peer", [SCALE[1] + 3.0, y]);
        } else {
            sheet.dot("peer", [place(multiple), y], 3.5);
        }
    }
    let class = if line.met == Some(false) { "missed" } else { "ours" };
    let [low, high] = ratio.quartiles.map(place);
    sheet.line(class, [low, y], [high, y]);
    if line.met == Some(false) {
        sheet.diamond(class, [place(ratio.median), y], 5.0);
    } else {
        sheet.dot(class, [place(ratio.median), y], 4.5);
    }
    sheet.text("strong ink", [FIGURES[0], text], Anchor::End, &text::digits(ratio.median));
    if let Some(peer) = &line.of_peer {
        let figure = format!("{}× {}", text::digits(peer.median), peer.to);
        let figure = fitting(&figure, WIDTH - MARGIN - FIGURES[1]);
        sheet.text("faint", [FIGURES[1], text], Anchor::Start, &figure);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture;
    use super::*;

    #[test]
    fn places_are_logarithmic_and_on_the_scale() {
        assert_eq!(MULTIPLES.map(place), SCALE);
        assert_eq!([0.01, 1e9].map(place), SCALE);
        assert!((place(2.0) - place(1.0) - (place(20.0) - place(10.0))).abs() < 1e-9);
    }

    #[test]
    fn goals_are_where_they_let_ours_be() {
        let line = fixture::line("a/b", &[("ours", 110.0), ("floor", 100.0), ("x", 600.0)]);
        let limit = |goal| allowed(&Line { goal: Some(goal), ..line.clone() });
        assert_eq!(limit(Goal::OfFloor(1.15)), Some(1.15));
        assert_eq!(limit(Goal::OfPeer(3.0)), Some(2.0));
        assert_eq!(limit(Goal::BelowNs(150.0)), Some(1.5));
        assert_eq!(allowed(&line), None);
    }
}

//! Rows that move more bytes than caches hold: GiB/s of each contender, as bars, the fastest first.

use super::super::contest::Role;
use super::super::outcome::{Figures, Line, Outcome};
use super::super::text;
use super::{Anchor, MARGIN, Sheet, WIDTH, fitting};

/// Where bars begin, and where the longest ends; left of them are names, right of them figures.
const BARS: [f64; 2] = [230.0, WIDTH - 90.0];

/// Rows that move fewer bytes measure caches.
const LEAST: u64 = 64 << 20;

const TOP: f64 = 92.0;
const BAR: f64 = 17.0;
const HEADING: f64 = 30.0;

/// The plot, as SVG. Each group has its own scale.
pub(crate) fn throughput(outcome: &Outcome) -> String {
    let groups = outcome.groups();
    let groups: Vec<Vec<_>> =
        groups.iter().map(|group| group.iter().copied().filter_map(sorted).collect()).collect();
    let rows: usize = groups.iter().map(Vec::len).sum();
    let bars: usize = groups.iter().flatten().map(|(_, bars)| bars.len()).sum();
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let height = TOP + HEADING * count(rows) + BAR * count(bars) + 24.0;
    let mut sheet = Sheet::new("GiB/s where bytes are moved: more is better", outcome, height);
    legend(&mut sheet, 72.0);
    let mut y = TOP;
    for group in groups {
        let rates = group.iter().flat_map(|(_, bars)| bars.iter().map(|(rate, _)| *rate));
        let greatest = rates.fold(f64::MIN_POSITIVE, f64::max);
        for (line, bars) in group {
            sheet.text("group ink", [MARGIN, y + 20.0], Anchor::Start, &line.title);
            y += HEADING;
            for (rate, one) in bars {
                bar(&mut sheet, one, (rate, rate / greatest), y);
                y += BAR;
            }
        }
    }
    sheet.finish()
}

/// The rates of such a row, the greatest first.
fn sorted(line: &Line) -> Option<(&Line, Vec<(f64, &Figures)>)> {
    let bytes = line.bytes.filter(|bytes| *bytes >= LEAST)?;
    let contenders = line.contenders.iter();
    let mut bars: Vec<_> =
        contenders.filter_map(|one| Some((text::rate(bytes, one.ns?.median), one))).collect();
    bars.sort_by(|a, b| b.0.total_cmp(&a.0));
    (!bars.is_empty()).then_some((line, bars))
}

fn legend(sheet: &mut Sheet, y: f64) {
    let entries = [("bar-ours", "ours"), ("bar-floor", "floor"), ("bar-peer", "peer")];
    for ((class, name), x) in entries.into_iter().zip([MARGIN, MARGIN + 62.0, MARGIN + 126.0]) {
        sheet.rectangle(class, [x, y - 6.0], [12.0, 12.0]);
        sheet.text("ink", [x + 17.0, y + 4.0], Anchor::Start, name);
    }
}

fn bar(sheet: &mut Sheet, one: &Figures, (rate, share): (f64, f64), y: f64) {
    let [left, right] = BARS;
    let (width, middle) = ((right - left) * share, y + BAR / 2.0 + 4.0);
    let (class, weight) = match one.role {
        Role::Ours => ("bar-ours", "strong ink"),
        Role::Floor => ("bar-floor", "ink"),
        Role::Peer => ("bar-peer", "ink"),
    };
    let name = fitting(&one.name, left - MARGIN - 30.0);
    sheet.text(weight, [left - 8.0, middle], Anchor::End, &name);
    sheet.rectangle(class, [left, y + 2.0], [width.max(1.0), BAR - 4.0]);
    let figure = text::digits(rate);
    sheet.text(weight, [left + width + 6.0, middle], Anchor::Start, &figure);
}

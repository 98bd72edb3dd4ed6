//! What both plots share: a sheet of text, lines and marks, in colours for a light and a dark page.
//!
//! The colours stand in a style sheet, which follows the reader's page; the paper is drawn, so that
//! the sheet is also readable where it does not.

mod ratios;
mod throughput;

use svg::Document;
use svg::node::element::{Circle, Line, Path, Rectangle, Style, Text, Title};

use super::outcome::Outcome;

pub(crate) use ratios::ratios;
pub(crate) use throughput::throughput;

/// The width of a sheet, about that of a page on GitHub.
const WIDTH: f64 = 960.0;

/// Left of this and right of its mirror there is nothing.
const MARGIN: f64 = 20.0;

/// Classes: `paper`; `ink`, `faint` for text; `grid`, `floor` for lines; `goal` for the band that a
/// goal allows; `ours`, `missed`, `peer` for marks, `bar-…` for bars.
const STYLE: &str = "
text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; }
text.title { font-size: 17px; font-weight: 600; }
text.group, text.strong { font-weight: 600; }
text.small { font-size: 11px; }
.paper { fill: #ffffff; }
.ink { fill: #1f2328; }
.faint { fill: #59636e; }
.grid { stroke: #d1d9e0; }
.floor { stroke: #59636e; stroke-width: 1.5; }
.goal { fill: #dafbe1; }
.ours { fill: #1a7f37; stroke: #1a7f37; }
.missed { fill: #cf222e; stroke: #cf222e; }
.peer { fill: none; stroke: #8250df; stroke-width: 1.4; }
.bar-ours { fill: #1a7f37; }
.bar-floor { fill: #818b98; }
.bar-peer { fill: #c297ff; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; }
.ink { fill: #f0f6fc; }
.faint { fill: #9198a1; }
.grid { stroke: #3d444d; }
.floor { stroke: #9198a1; }
.goal { fill: #12261e; }
.ours { fill: #3fb950; stroke: #3fb950; }
.missed { fill: #f85149; stroke: #f85149; }
.peer { stroke: #ab7df8; }
.bar-ours { fill: #3fb950; }
.bar-floor { fill: #656c76; }
.bar-peer { fill: #8957e5; }
}
";

/// Where a text is fixed.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
struct Sheet {
    document: Document,
}

impl Sheet {
    /// With its title, and what it was made on.
    fn new(title: &str, outcome: &Outcome, height: f64) -> Self {
        let document = Document::new()
            .set("viewBox", (0, 0, WIDTH, height))
            .set("width", WIDTH)
            .set("height", height)
            .set("role", "img")
            .add(Title::new(title))
            .add(Style::new(STYLE));
        let mut sheet = Self { document };
        sheet.rectangle("paper", [0.0, 0.0], [WIDTH, height]);
        sheet.text("title ink", [MARGIN, 32.0], Anchor::Start, title);
        let (about, machine) = (&outcome.about, &outcome.about.machine);
        let made = format!(
            "{} · {} cores, {} GiB, {}, huge pages: {} · medians of {} rounds · {}",
            about.date,
            machine.cores,
            machine.memory,
            machine.kernel,
            machine.huge_pages,
            about.rounds,
            about.command,
        );
        sheet.text("small faint", [MARGIN, 51.0], Anchor::Start, &made);
        sheet
    }

    fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = Text::new(text).set("class", class).set("text-anchor", anchor);
        self.add(text.set("x", round(x)).set("y", round(y)));
    }

    fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let line = Line::new().set("class", class).set("x1", round(x1)).set("y1", round(y1));
        self.add(line.set("x2", round(x2)).set("y2", round(y2)));
    }

    fn rectangle(&mut self, class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
        let corner = Rectangle::new().set("class", class).set("x", round(x)).set("y", round(y));
        self.add(corner.set("width", round(width)).set("height", round(height)));
    }

    fn dot(&mut self, class: &str, [x, y]: [f64; 2], radius: f64) {
        let dot = Circle::new().set("class", class).set("cx", round(x)).set("cy", round(y));
        self.add(dot.set("r", radius));
    }

    /// A diamond: told from a dot without its colour.
    fn diamond(&mut self, class: &str, [x, y]: [f64; 2], radius: f64) {
        let (x, y) = (round(x), round(y));
        let path = format!(
            "M{x} {} l{radius} {radius} l-{radius} {radius} l-{radius} -{radius} z",
            y - radius
        );
        self.add(Path::new().set("class", class).set("d", path));
    }

    /// A head of an arrow to the right: what it stands for is beyond the edge.
    fn beyond(&mut self, class: &str, [x, y]: [f64; 2]) {
        let (x, y) = (round(x), round(y));
        let path = format!("M{x} {} l6 4 l-6 4 z", y - 4.0);
        self.add(Path::new().set("class", class).set("d", path));
    }

    fn add(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        svg::Node::append(&mut self.document, node);
    }

    fn finish(self) -> String {
        format!("{}\n", self.document)
    }
}

/// A place to a tenth of a pixel.
fn round(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

/// A text that takes at most so many pixels, without its middle if it has to be: what tells rows apart
/// stands at their ends. A letter takes 6 pixels on average.
fn fitting(text: &str, pixels: f64) -> String {
    let fits = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) * 6.0 <= pixels;
    let letters: Vec<_> = text.chars().collect();
    if fits(letters.len()) {
        return text.to_owned();
    }
    let kept = (0..letters.len()).rev().find(|count| fits(count + 1)).unwrap_or(0);
    let (start, end) = (&letters[..kept.div_ceil(2)], &letters[letters.len() - kept / 2..]);
    start.iter().chain(&['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contest::Goal;
    use super::super::fixture;
    use super::super::outcome::Line as Row;
    use super::*;

    /// Rows of every kind, with names that have to be escaped.
    fn outcome() -> Outcome {
        let contenders = [("ours", 110.0), ("floor", 100.0), ("<x> & \"y\"", 440.0), ("z", 1e9)];
        let row = |key: &str, goal, met| {
            let line = fixture::line(key, &contenders);
            Row { title: format!("<{key}> & more"), goal, met, bytes: Some(1 << 30), ..line }
        };
        fixture::outcome(vec![
            row("create/1", Some(Goal::OfFloor(1.15)), Some(true)),
            row("touch/1", Some(Goal::OfPeer(3.0)), Some(false)),
            row("touch/2", Some(Goal::BelowNs(50.0)), None),
            fixture::line("view/1", &[("ours", 1.0)]),
            fixture::line("view/2", &[]),
        ])
    }

    #[test]
    fn plots_are_xml_that_says_it_all() {
        let outcome = outcome();
        for plot in [ratios(&outcome), throughput(&outcome)] {
            let document = roxmltree::Document::parse(&plot).unwrap();
            let texts: Vec<_> =
                document.descendants().filter_map(|node| Some(node.text()?.trim())).collect();
            assert!(texts.contains(&"<create/1> & more"), "{texts:?}");
            assert!(texts.iter().any(|text| text.contains("2026-01-31")), "{texts:?}");
            assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
        }
    }

    #[test]
    fn plots_of_nothing_are_xml() {
        let outcome = fixture::outcome(Vec::new());
        for plot in [ratios(&outcome), throughput(&outcome)] {
            roxmltree::Document::parse(&plot).unwrap();
        }
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_sheet() {
        let plot = ratios(&outcome());
        let document = roxmltree::Document::parse(&plot).unwrap();
        let height: f64 = document.root_element().attribute("height").unwrap().parse().unwrap();
        for node in document.descendants() {
            let place = |name| node.attribute(name).and_then(|text| text.parse::<f64>().ok());
            for x in ["x", "x1", "x2", "cx"].into_iter().filter_map(place) {
                assert!((0.0..=WIDTH).contains(&x), "{node:?}");
            }
            for y in ["y", "y1", "y2", "cy"].into_iter().filter_map(place) {
                assert!((0.0..=height).contains(&y), "{node:?}");
            }
        }
    }

    #[test]
    fn a_long_text_is_without_its_middle() {
        assert_eq!(fitting("short", 100.0), "short");
        assert_eq!(fitting("0123456789abcdef", 60.0), "01234…cdef");
    }
}

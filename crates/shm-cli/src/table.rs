//! Tables: aligned and fitted to the terminal for people, with tabs for programs.

use shm_survey::printable;
use unicode_width::UnicodeWidthStr;

use crate::elide;
use crate::paint::Paint;

/// Blanks between two columns.
const GAP: usize = 2;

/// A rank from which on a column goes before others are squeezed.
const DISPENSABLE: u8 = 3;

/// How a table is to look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Tabs between the cells, and nothing left out.
    Tabs,
    /// Aligned, with a line under the heads, in so many columns of the terminal or as many as it
    /// takes.
    Aligned { columns: Option<usize>, has_colour: bool },
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    is_figure: bool,
    /// In a narrow terminal, the column of the highest rank goes first; rank 0 stays.
    rank: u8,
    /// To which width its cells are elided before other columns go, and at last.
    widths: Option<(usize, usize)>,
}

impl Column {
    /// A column of text.
    pub(crate) const fn text(head: &'static str) -> Self {
        Self { head, is_figure: false, rank: 0, widths: None }
    }

    /// A column of figures, which are aligned to the right.
    pub(crate) const fn figures(head: &'static str) -> Self {
        Self { is_figure: true, ..Self::text(head) }
    }

    /// The same with a rank.
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// The same, elided to the first width while columns that matter less can go, then to the second.
    pub(crate) const fn elided(self, comfortable: usize, least: usize) -> Self {
        Self { widths: Some((comfortable, least)), ..self }
    }

    /// How narrow it may become, if its cells are `width` wide and `rank` is the highest that is left.
    fn floor(self, width: usize, rank: u8) -> usize {
        let Some((comfortable, least)) = self.widths else { return width };
        let floor = match rank {
            DISPENSABLE.. => comfortable,
            1.. => least,
            0 => 1,
        };
        floor.min(width)
    }
}

/// The text in one column of one row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// Text that others may have written.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()).into_owned(), paint: Paint::Plain }
    }

    /// In a colour, where colours are wanted.
    pub(crate) fn paint(mut self, paint: Paint) -> Self {
        self.paint = paint;
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows under heads.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    heads: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The lines above the rows of an aligned table: the heads, and the line under them.
    pub(crate) const HEAD_LINES: usize = 2;

    /// An empty table.
    pub(crate) fn new(columns: &[Column]) -> Self {
        let heads = columns.iter().map(|column| Cell::new(column.head).paint(Paint::Bold));
        Self { columns: columns.to_vec(), heads: heads.collect(), rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without line ends.
    pub(crate) fn lines(&self, look: Look) -> Vec<String> {
        match look {
            Look::Tabs => self.all().map(tabbed).collect(),
            Look::Aligned { columns, has_colour } => self.aligned(columns, has_colour),
        }
    }

    /// The heads and the rows.
    fn all(&self) -> impl Iterator<Item = &[Cell]> {
        std::iter::once(self.heads.as_slice()).chain(self.rows.iter().map(Vec::as_slice))
    }

    fn aligned(&self, columns: Option<usize>, has_colour: bool) -> Vec<String> {
        let widths = self.widths(columns.unwrap_or(usize::MAX));
        let line = |row: &[Cell]| {
            let cells = widths.iter().filter_map(|&(at, width)| {
                let (cell, column) = (row.get(at)?, self.columns.get(at)?);
                let text = elide::middle(&cell.text, width);
                let blank = " ".repeat(width.saturating_sub(text.width()));
                let text = if has_colour { cell.paint.on(&text) } else { text };
                Some(if column.is_figure { blank + &text } else { text + &blank })
            });
            Vec::from_iter(cells).join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.all().map(line).collect();
        let rule = "─".repeat(total(&widths));
        lines.insert(1, if has_colour { Paint::Dim.on(&rule) } else { rule });
        lines
    }

    /// The columns that fit, by number, and their widths.
    fn widths(&self, columns: usize) -> Vec<(usize, usize)> {
        let width_of = |at: usize| {
            self.all().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max()
        };
        let mut widths: Vec<(usize, usize)> =
            (0..self.columns.len()).map(|at| (at, width_of(at).unwrap_or(0))).collect();
        loop {
            let last = widths.iter().copied().max_by_key(|&(at, _)| (self.columns[at].rank, at));
            let Some((last, rank)) = last.map(|(at, _)| (at, self.columns[at].rank)) else {
                return widths;
            };
            let floor = |at: usize, width| self.columns[at].floor(width, rank);
            let least = Vec::from_iter(widths.iter().map(|&(at, width)| (at, floor(at, width))));
            if total(&least) <= columns || rank == 0 {
                squeeze(&mut widths, &least, columns);
                return widths;
            }
            widths.retain(|(at, _)| *at != last);
        }
    }
}

/// Columns of the terminal that a row takes.
fn total(widths: &[(usize, usize)]) -> usize {
    let cells: usize = widths.iter().map(|(_, width)| width).sum();
    cells + GAP * widths.len().saturating_sub(1)
}

/// Takes from the column that has most to give, until the row fits or nothing is left to take.
fn squeeze(widths: &mut [(usize, usize)], least: &[(usize, usize)], columns: usize) {
    for _ in columns..total(widths) {
        let spare = widths.iter_mut().zip(least).map(|((_, width), (_, least))| (width, *least));
        let Some((width, least)) = spare.max_by_key(|(width, least)| **width - *least) else {
            return;
        };
        *width = (*width - 1).max(least);
    }
}

fn tabbed(row: &[Cell]) -> String {
    Vec::from_iter(row.iter().map(|cell| cell.text.as_str())).join("\t")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::{Cell, Column, Look, Table};

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(Cell::new("a\tb\u{1b}[2J").text, "a\\tb\\u{1b}[2J");
    }

    fn lines(columns: usize) -> Vec<String> {
        let mut table = Table::new(&[
            Column::text("NAME").elided(10, 1),
            Column::text("SHAPE").rank(3),
            Column::figures("SIZE").rank(2),
            Column::text("WHO").elided(8, 4).rank(1),
        ]);
        table.row(["elevation-0017", "(344, 403)", "1 B", "python3 4711"].map(Cell::from));
        table.row(["数数数数数数", "(3,)", "12 B", ""].map(Cell::from));
        table.lines(Look::Aligned { columns: Some(columns), has_colour: false })
    }

    #[test]
    fn narrow_terminals_get_what_matters_most() {
        assert!(lines(80)[2].contains("elevation-0017  (344, 403)   1 B  python3 4711"));
        assert_eq!(lines(40)[2], "eleva…-0017  (344, 403)   1 B  pyth…4711");
        assert_eq!(lines(30)[2], "eleva…0017   1 B  python3 4711");
        assert_eq!(lines(30)[3], "数数…数数   12 B");
        assert_eq!(lines(12)[2], "el…7  pyt…11");
        assert_eq!(lines(5)[2], "el…17");
        for columns in 1..80 {
            assert!(lines(columns).iter().all(|line| line.width() <= columns), "{columns}");
        }
    }
}

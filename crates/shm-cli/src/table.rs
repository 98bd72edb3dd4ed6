//! Tables: aligned for people, with tabs for programs.

use shm_survey::printable;
use unicode_width::UnicodeWidthStr;

use crate::out::{Out, Paint};

/// What stands in one column of one row.
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
    heads: Vec<Cell>,
    /// Which columns are figures, aligned to the right.
    figures: &'static [usize],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table; `figures` are the columns that are aligned to the right.
    pub(crate) fn new(heads: &[&str], figures: &'static [usize]) -> Self {
        let heads = heads.iter().map(|head| Cell::new(head).paint(Paint::Bold)).collect();
        Self { heads, figures, rows: Vec::new() }
    }

    /// Adds a row, with a cell for each head.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without line ends, as `out` wants them.
    pub(crate) fn lines(&self, out: &Out) -> Vec<String> {
        let all =
            || std::iter::once(self.heads.as_slice()).chain(self.rows.iter().map(Vec::as_slice));
        if !out.is_terminal() {
            let tabbed =
                |row: &[Cell]| Vec::from_iter(row.iter().map(|cell| cell.text.as_str())).join("\t");
            return all().map(tabbed).collect();
        }
        let width_of = |column: usize| {
            let cells = all().filter_map(|row| row.get(column));
            cells.map(|cell: &Cell| cell.text.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width_of).collect();
        let aligned = |row: &[Cell]| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let blank = " ".repeat(width.saturating_sub(cell.text.width()));
                let text = out.painted(cell.paint, &cell.text);
                if self.figures.contains(&column) { blank + &text } else { text + &blank }
            });
            Vec::from_iter(cells).join("  ").trim_end().to_owned()
        };
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let mut lines: Vec<String> = all().map(aligned).collect();
        lines.insert(1, out.painted(Paint::Dim, &rule));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(Cell::new("a\tb\u{1b}[2J").text, "a\\tb\\u{1b}[2J");
    }
}

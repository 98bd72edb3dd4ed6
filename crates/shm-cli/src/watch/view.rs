//! The part of a long table that is on the screen, and the keys that move it.

use crate::filter::SortBy;
use crate::table::Table;

/// The wish that a user types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To end.
    End,
    /// To see the table anew.
    Redraw,
}

/// The part of the table that is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    sort: SortBy,
    /// The first array that is shown.
    first: usize,
    /// How many arrays there was room for.
    room: usize,
}

impl View {
    /// The beginning of a table in that order.
    pub(super) fn new(sort: SortBy) -> Self {
        Self { sort, first: 0, room: 1 }
    }

    pub(super) fn sort(&self) -> SortBy {
        self.sort
    }

    /// Obeys keys, as a terminal sends them: characters and the sequences of xterm's `ctlseqs`.
    pub(super) fn typed(&mut self, mut keys: &[u8]) -> Asked {
        while let Some((key, rest)) = first_key(keys) {
            keys = rest;
            let page = self.room.max(1);
            match key {
                b"q" | b"Q" | b"\x03" | b"\x04" => return Asked::End,
                b"n" => self.sort_by(SortBy::Name),
                b"s" => self.sort_by(SortBy::Size),
                b"a" => self.sort_by(SortBy::Age),
                b"k" | b"\x1b[A" | b"\x1bOA" => self.first = self.first.saturating_sub(1),
                b"j" | b"\x1b[B" | b"\x1bOB" => self.first = self.first.saturating_add(1),
                b"b" | b"\x1b[5~" => self.first = self.first.saturating_sub(page),
                b" " | b"\x1b[6~" => self.first = self.first.saturating_add(page),
                b"g" | b"\x1b[H" | b"\x1bOH" | b"\x1b[1~" => self.first = 0,
                b"G" | b"\x1b[F" | b"\x1bOF" | b"\x1b[4~" => self.first = usize::MAX,
                _ => {}
            }
        }
        Asked::Redraw
    }

    fn sort_by(&mut self, sort: SortBy) {
        (self.sort, self.first) = (sort, 0);
    }

    /// The lines of a table that fit so many; the last one says which they are, if not all.
    pub(super) fn visible(&mut self, table: Vec<String>, most: usize) -> Vec<String> {
        let count = table.len().saturating_sub(Table::HEAD_LINES);
        if table.len() <= most {
            (self.first, self.room) = (0, count);
            return table;
        }
        self.room = most.saturating_sub(Table::HEAD_LINES + 1);
        self.first = self.first.min(count.saturating_sub(self.room.max(1)));
        let (heads, rows) = table.split_at(Table::HEAD_LINES);
        let shown = rows.iter().skip(self.first).take(self.room);
        let mut lines: Vec<String> = heads.iter().chain(shown).cloned().collect();
        let last = (self.first + self.room).min(count);
        lines.push(format!("… {} to {last} of {count}", (self.first + 1).min(last)));
        lines
    }
}

/// The first key, and what follows it.
fn first_key(keys: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = match keys {
        [] => return None,
        [b'\x1b', b'[' | b'O', rest @ ..] => {
            let last = rest.iter().position(|byte| (b'@'..=b'~').contains(byte));
            last.map_or(keys.len(), |last| last + 3)
        }
        _ => 1,
    };
    Some(keys.split_at(len))
}

#[cfg(test)]
mod tests {
    use super::{Asked, View};
    use crate::filter::SortBy;

    fn table(count: usize) -> Vec<String> {
        let rows = (0..count).map(|row| row.to_string());
        ["heads".to_owned(), "rule".to_owned()].into_iter().chain(rows).collect()
    }

    #[test]
    fn what_fits_is_shown_whole() {
        let mut view = View::new(SortBy::Name);
        assert_eq!(view.typed(b"GGG"), Asked::Redraw);
        assert_eq!(view.visible(table(3), 5), table(3));
        assert_eq!(view.first, 0);
    }

    #[test]
    fn keys_scroll_within_the_table() {
        let mut view = View::new(SortBy::Name);
        let mut seen = |keys: &[u8]| {
            assert_eq!(view.typed(keys), Asked::Redraw);
            let lines = view.visible(table(10), 6);
            assert_eq!(lines.len(), 6);
            lines[2..].join(" ")
        };
        assert_eq!(seen(b""), "0 1 2 … 1 to 3 of 10");
        assert_eq!(seen(b"\x1b[B"), "1 2 3 … 2 to 4 of 10");
        assert_eq!(seen(b"\x1b[6~"), "4 5 6 … 5 to 7 of 10");
        assert_eq!(seen(b"  "), "7 8 9 … 8 to 10 of 10");
        assert_eq!(seen(b"k\x1bOA"), "5 6 7 … 6 to 8 of 10");
        assert_eq!(seen(b"\x1b[H"), "0 1 2 … 1 to 3 of 10");
        assert_eq!(seen(b"G"), "7 8 9 … 8 to 10 of 10");
        assert_eq!(seen(b"\x1b[?1;2c\x1b[\xff\x1b"), "7 8 9 … 8 to 10 of 10", "nonsense");
        assert_eq!(seen(b"s"), "0 1 2 … 1 to 3 of 10");
        assert_eq!(view.sort(), SortBy::Size);
        assert_eq!(view.typed(b"jjq"), Asked::End);
    }

    #[test]
    fn a_screen_may_have_no_room() {
        for rows in 0..4 {
            let mut view = View::new(SortBy::Name);
            view.typed(b"G");
            view.visible(table(10), rows);
            assert_eq!((view.room, view.first), (rows.saturating_sub(3), 9));
        }
    }
}

//! A model of a terminal: the screen after the sequences that this command writes.

use unicode_width::UnicodeWidthChar;

/// The screen of a terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    columns: usize,
    rows: Vec<String>,
    row: usize,
    column: usize,
}

impl Screen {
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows: vec![String::new(); rows], row: 0, column: 0 }
    }

    /// Gives it another size, as terminals do to a screen that is redrawn: what is beyond is lost.
    pub(crate) fn resize(&mut self, columns: usize, rows: usize) {
        self.rows.resize(rows, String::new());
        for row in &mut self.rows {
            *row = row.chars().take(columns).collect();
        }
        (self.columns, self.row) = (columns, self.row.min(rows - 1));
    }

    /// Its lines, without the blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let lines = Vec::from_iter(self.rows.iter().map(|row| row.trim_end()));
        let used = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        lines[..used].to_vec()
    }

    /// Obeys it as a terminal does; fails at a sequence that it does not know.
    pub(crate) fn write(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '\r' => self.column = 0,
                '\n' => self.line_feed(),
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['), "{text:?}");
                    let parameters = chars.clone().take_while(|char| !char.is_alphabetic());
                    let parameters: String = parameters.collect();
                    let command = chars.by_ref().nth(parameters.len());
                    self.obey(&parameters, command.unwrap());
                }
                char => self.put(char),
            }
        }
    }

    fn obey(&mut self, parameters: &str, command: char) {
        match (parameters, command) {
            ("", 'H') => (self.row, self.column) = (0, 0),
            ("", 'K') => self.erase_line(),
            ("", 'J') => {
                self.erase_line();
                self.rows.iter_mut().skip(self.row + 1).for_each(String::clear);
            }
            ("?1049", 'h' | 'l') => {
                self.rows.iter_mut().for_each(String::clear);
                (self.row, self.column) = (0, 0);
            }
            ("?25", 'h' | 'l') | (_, 'm') => {}
            unknown => panic!("{unknown:?}"),
        }
    }

    fn put(&mut self, char: char) {
        let width = char.width().unwrap();
        if self.column + width > self.columns {
            self.column = 0;
            self.line_feed();
        }
        let at = self.place();
        let row = &mut self.rows[self.row];
        let end = row[at..].chars().next().map_or(at, |old| at + old.len_utf8());
        row.replace_range(at..end, char.encode_utf8(&mut [0; 4]));
        self.column += width;
    }

    fn line_feed(&mut self) {
        if self.row + 1 == self.rows.len() {
            self.rows.remove(0);
            self.rows.push(String::new());
        } else {
            self.row += 1;
        }
    }

    fn erase_line(&mut self) {
        let at = self.place();
        self.rows[self.row].truncate(at);
    }

    /// Where the cursor is in the text of its row, which is filled with blanks up to there.
    fn place(&mut self) -> usize {
        let row = &mut self.rows[self.row];
        let mut column = 0;
        for (at, char) in row.char_indices() {
            if column >= self.column {
                return at;
            }
            column += char.width().unwrap();
        }
        row.push_str(&" ".repeat(self.column.saturating_sub(column)));
        row.len()
    }
}

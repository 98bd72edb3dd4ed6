//! Formatter in nested brackets, as NumPy prints arrays: aligned, wrapped, summarised.
//!
//! The rules are those of `_formatArray` in NumPy's `arrayprint.py`, for `print(array)`.

use std::io::{self, Write};

/// Elements at each end of a summarised axis.
const EDGE: usize = 3;

/// Characters of a line where no terminal says otherwise, as NumPy's `linewidth`.
pub(super) const LINE: usize = 75;

/// Stands for the elements left out.
const LEFT_OUT: &str = "...";

/// The indices of each axis that are printed.
#[derive(Clone, Debug)]
pub(super) struct PrintedIndices {
    axes: Vec<Axis>,
}

/// One axis: all of it, or both its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    len: usize,
    is_summarised: bool,
}

impl Axis {
    /// An axis of one element.
    pub(super) const ONE: Self = Self { len: 1, is_summarised: false };

    /// First index and number of each run of indices that are printed.
    pub(super) fn runs(self) -> impl Iterator<Item = (usize, usize)> {
        let (first, second) = if self.is_summarised {
            ((0, EDGE), Some((self.len - EDGE, EDGE)))
        } else {
            ((0, self.len), None)
        };
        std::iter::once(first).chain(second)
    }

    /// How many indices are printed.
    pub(super) fn count(self) -> usize {
        if self.is_summarised { 2 * EDGE } else { self.len }
    }
}

impl PrintedIndices {
    /// The ends of each axis if it is to be a summary, otherwise everything.
    pub(super) fn new(shape: &[usize], is_summary: bool) -> Self {
        let axis = |len: &usize| Axis { len: *len, is_summarised: is_summary && *len > 2 * EDGE };
        Self { axes: shape.iter().map(axis).collect() }
    }

    pub(super) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many elements are printed; `None` where that overflows.
    pub(super) fn len(&self) -> Option<usize> {
        self.axes.iter().try_fold(1_usize, |len, axis| len.checked_mul(axis.count()))
    }

    /// Prints the array in lines of so many columns; `word` is asked for each element that is printed, by its number among
    /// them, the last axis fastest.
    pub(super) fn print(
        &self,
        columns: usize,
        out: &mut dyn Write,
        word: &mut dyn FnMut(usize) -> String,
    ) -> io::Result<()> {
        if self.axes.iter().any(|axis| axis.len == 0) {
            return writeln!(out, "[]");
        }
        Printer { shown: self, columns, out, word, next: 0 }.axis(0)?;
        writeln!(out)
    }
}

struct Printer<'a> {
    shown: &'a PrintedIndices,
    columns: usize,
    out: &'a mut dyn Write,
    word: &'a mut dyn FnMut(usize) -> String,
    next: usize,
}

impl Printer<'_> {
    fn axis(&mut self, depth: usize) -> io::Result<()> {
        let Some(axis) = self.shown.axes.get(depth).copied() else {
            let word = self.word();
            return self.out.write_all(word.as_bytes());
        };
        let left = self.shown.axes.len() - depth;
        self.out.write_all(b"[")?;
        if left == 1 {
            self.row(axis, depth)?;
        } else {
            let separator = "\n".repeat(left - 1);
            let indent = depth + 1;
            for item in 0..axis.count() {
                if item > 0 {
                    write!(self.out, "{separator}{:indent$}", "")?;
                }
                if axis.is_summarised && item == EDGE {
                    write!(self.out, "{LEFT_OUT}{separator}{:indent$}", "")?;
                }
                self.axis(depth + 1)?;
            }
        }
        self.out.write_all(b"]")
    }

    /// The last axis: words side by side, wrapped where the line ends.
    fn row(&mut self, axis: Axis, depth: usize) -> io::Result<()> {
        let indent = depth + 1;
        let mut line = Line { text: String::new(), indent, is_first: true };
        let width = self.columns.saturating_sub(depth + 1);
        for item in 0..axis.count() {
            if axis.is_summarised && item == EDGE {
                line.add(LEFT_OUT, width, self.out)?;
                line.text.push(' ');
            }
            line.add(&self.word(), width, self.out)?;
            if item + 1 < axis.count() {
                line.text.push(' ');
            }
        }
        line.write(self.out, false)
    }

    fn word(&mut self) -> String {
        let word = (self.word)(self.next);
        self.next += 1;
        word
    }
}

struct Line {
    text: String,
    indent: usize,
    /// The first line stands behind the brackets, which take the place of its indent.
    is_first: bool,
}

impl Line {
    fn add(&mut self, word: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
        if !self.text.is_empty() && self.indent + self.text.len() + word.len() > width {
            self.write(out, true)?;
            out.write_all(b"\n")?;
            self.text.clear();
            self.is_first = false;
        }
        self.text.push_str(word);
        Ok(())
    }

    fn write(&self, out: &mut dyn Write, is_wrapped: bool) -> io::Result<()> {
        let indent = if self.is_first { 0 } else { self.indent };
        let text = if is_wrapped { self.text.trim_end() } else { &self.text };
        write!(out, "{:indent$}{text}", "")
    }
}

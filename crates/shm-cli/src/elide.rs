//! Text that is longer than its place in a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for the characters left out.
const ELLIPSIS: char = '…';

/// The text in at most so many columns: its beginning and its end, which tell names and process
/// numbers apart, around an ellipsis.
pub(crate) fn middle(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let tail = (columns - 1) / 2;
    let head = within(text.chars(), columns - 1 - tail);
    let reversed = within(text.chars().rev(), tail);
    head.chars().chain([ELLIPSIS]).chain(reversed.chars().rev()).collect()
}

/// The beginning of a line that fits so many columns. Colours take none.
pub(crate) fn end(line: &str, columns: usize) -> String {
    let (mut text, mut width) = (String::with_capacity(line.len()), 0);
    let (mut is_colour, mut is_full) = (false, false);
    for char in line.chars() {
        is_colour |= char == '\x1b';
        if is_colour {
            text.push(char);
            is_colour = char != 'm';
            continue;
        }
        let more = char.width().unwrap_or(0);
        is_full |= width + more > columns;
        if !is_full {
            text.push(char);
            width += more;
        }
    }
    text
}

/// The first characters that fit.
fn within(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for char in chars {
        let more = char.width().unwrap_or(0);
        if width + more > columns {
            break;
        }
        text.push(char);
        width += more;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{end, middle};

    #[test]
    fn both_ends_of_a_name_stay() {
        assert_eq!(middle("elevation-0017", 14), "elevation-0017");
        assert_eq!(middle("elevation-0017", 9), "elev…0017");
        assert_eq!(middle("elevation-0017", 2), "e…");
        assert_eq!(middle("elevation-0017", 1), "…");
        assert_eq!(middle("elevation-0017", 0), "");
        assert_eq!(middle("数数数数", 6), "数…数"); // wide characters are not halved
    }

    #[test]
    fn lines_are_cut_to_the_terminal() {
        assert_eq!(end("abc", 3), "abc");
        assert_eq!(end("abcd", 3), "abc");
        assert_eq!(end("\x1b[1mabcd\x1b[0m", 2), "\x1b[1mab\x1b[0m");
        assert_eq!(end("数数a", 3), "数"); // what follows is not drawn instead
    }
}

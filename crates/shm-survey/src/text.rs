//! Text from outside, made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// The text on one line, with escapes (`\u{1b}`) for control characters: so no name, dtype or message
/// that another process chose moves the cursor or changes a terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_control(char) {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    Cow::Owned(plain)
}

/// Control characters, and those that reorder or hide the text around them.
fn is_control(char: char) -> bool {
    let is_format = matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}');
    char.is_control() || is_format
}

/// The same for bytes that may not be text, with escapes (`\xff`) for those that are not UTF-8.
pub(crate) fn printable_bytes(bytes: &[u8]) -> String {
    let mut plain = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        plain.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(plain, "\\x{byte:02x}"); // a String takes everything
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_escapes() {
        assert!(matches!(printable("elevation æøå 数"), Cow::Borrowed(_)));
        assert_eq!(printable("\u{1b}[2J\r\n"), "\\u{1b}[2J\\r\\n");
        assert_eq!(printable("\u{9b}2J\u{7f}"), "\\u{9b}2J\\u{7f}");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable_bytes(b"a\xff\x1b\xc3"), "a\\xff\\u{1b}\\xc3");
    }
}

//! The literals of Python that a `descr` and the header of a `.npy` file consist of.
//!
//! Source: "Lexical analysis" in Python's reference; `repr` for what is written.

use std::fmt::Write as _;

/// A cursor over text that holds strings, lengths, tuples and lists of Python.
///
/// Blanks and comments (`# …`) between them are skipped. Each method that fails says why in a few
/// words, with the beginning of what it found.
#[derive(Clone, Debug)]
pub struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    /// At the beginning of the text.
    pub const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// A string as Python's `repr` writes it: all that is not printable is escaped.
    pub fn repr(text: &str) -> String {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut literal = String::with_capacity(text.len() + 2);
        literal.push(quote);
        for character in text.chars() {
            let code = u32::from(character);
            let written = match character {
                '\n' => write!(literal, "\\n"),
                '\r' => write!(literal, "\\r"),
                '\t' => write!(literal, "\\t"),
                '\\' => write!(literal, "\\\\"),
                _ if character == quote => write!(literal, "\\{quote}"),
                _ if is_printable(character) => write!(literal, "{character}"),
                ..='\u{ff}' => write!(literal, "\\x{code:02x}"),
                ..='\u{ffff}' => write!(literal, "\\u{code:04x}"),
                _ => write!(literal, "\\U{code:08x}"),
            };
            debug_assert!(written.is_ok(), "a string takes all text");
        }
        literal.push(quote);
        literal
    }

    /// What is still ahead.
    pub const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes the next `len` bytes, which end between characters.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    /// The next character that is no blank and in no comment.
    pub fn peek(&mut self) -> Option<char> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if !self.rest.starts_with('#') {
                return self.rest.chars().next();
            }
            self.take(comment_len(self.rest));
        }
    }

    /// Takes this character, if it is the next.
    pub fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.take(wanted.len_utf8());
        }
        found
    }

    /// Takes this character.
    ///
    /// # Errors
    /// If another is the next.
    pub fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.accept(wanted) {
            return Ok(());
        }
        Err(format!("expected {wanted:?}, found {:?}", short(self.rest)))
    }

    /// Takes a string, and resolves its escapes.
    ///
    /// # Errors
    /// If there is none, or it does not end, or has an escape that has no character.
    pub fn string(&mut self) -> Result<String, String> {
        self.peek();
        let len = string_len(self.rest)?;
        let quoted = self.take(len).trim_start_matches(['u', 'U']);
        let mut rest = &quoted[1..quoted.len() - 1];
        let mut text = String::with_capacity(rest.len());
        while let Some(at) = rest.find('\\') {
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (character, len) = escape(rest)?;
            text.extend(character);
            rest = &rest[len..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// Takes a length in decimal digits. Python 2 wrote an `L` behind large ones.
    ///
    /// # Errors
    /// If there is none, or it is too large, or begins with a zero.
    pub fn length(&mut self) -> Result<usize, String> {
        self.peek();
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.take(digits);
        let is_octal = digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0');
        let Some(length) = digits.parse().ok().filter(|_| !is_octal) else {
            let found = if digits.is_empty() { self.rest } else { digits };
            return Err(format!("{:?} is not a length", short(found)));
        };
        self.rest = self.rest.strip_prefix('L').unwrap_or(self.rest);
        Ok(length)
    }

    /// Takes a tuple of lengths.
    ///
    /// # Errors
    /// If there is none, as where the comma behind a single length is missing.
    pub fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let (lengths, has_comma) = self.lengths_until(')')?;
        match lengths[..] {
            [only] if !has_comma => Err(format!("({only}) is a number, and no tuple: ({only},)")),
            _ => Ok(lengths),
        }
    }

    /// Takes the shape of a sub-array: a tuple, a list, or one length.
    ///
    /// # Errors
    /// If there is none.
    pub fn shape(&mut self) -> Result<Vec<usize>, String> {
        if self.accept('(') {
            Ok(self.lengths_until(')')?.0)
        } else if self.accept('[') {
            Ok(self.lengths_until(']')?.0)
        } else {
            Ok(vec![self.length()?])
        }
    }

    fn lengths_until(&mut self, end: char) -> Result<(Vec<usize>, bool), String> {
        let (mut lengths, mut has_comma) = (Vec::new(), false);
        while !self.accept(end) {
            lengths.push(self.length()?);
            if !self.accept(',') {
                self.expect(end)?;
                break;
            }
            has_comma = true;
        }
        Ok((lengths, has_comma))
    }

    /// Takes a list as it is written, with the brackets at both ends.
    ///
    /// # Errors
    /// If there is none, or it does not end.
    pub fn list(&mut self) -> Result<&'a str, String> {
        self.peek();
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(next) = self.rest.as_bytes().get(at) {
            match next {
                b'\'' | b'"' => at += string_len(&self.rest[at..])? - 1,
                b'#' => at += comment_len(&self.rest[at..]) - 1,
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if depth == 0 {
                return Ok(self.take(at));
            }
        }
        Err("a list does not end".into())
    }
}

/// Some characters of a text, for an error.
fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

/// Bytes of the comment that the text begins with.
fn comment_len(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Bytes of the string that the text begins with, with prefix and quotes.
fn string_len(text: &str) -> Result<usize, String> {
    let prefix = usize::from(text.starts_with(['u', 'U']));
    let quote = text[prefix..].bytes().next().filter(|quote| b"'\"".contains(quote));
    let Some(quote) = quote else {
        return Err(format!("expected a string, found {:?}", short(text)));
    };
    let mut bytes = text.bytes().enumerate().skip(prefix + 1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'\n' | b'\r' => break,
            _ if byte == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err("a string does not end".into())
}

/// The character that the text behind a backslash stands for, and how many bytes say so. A newline
/// stands for none.
fn escape(text: &str) -> Result<(Option<char>, usize), String> {
    let kind = text.chars().next().unwrap_or_default();
    let digits = |first: usize, most: usize, radix: u32| {
        let end = text.bytes().skip(first).take(most);
        first + end.take_while(|byte| char::from(*byte).is_digit(radix)).count()
    };
    let (first, len, radix) = match kind {
        '\\' | '\'' | '"' => return Ok((Some(kind), 1)),
        '\n' => return Ok((None, 1)),
        'a' => return Ok((Some('\u{7}'), 1)),
        'b' => return Ok((Some('\u{8}'), 1)),
        'f' => return Ok((Some('\u{c}'), 1)),
        'n' => return Ok((Some('\n'), 1)),
        'r' => return Ok((Some('\r'), 1)),
        't' => return Ok((Some('\t'), 1)),
        'v' => return Ok((Some('\u{b}'), 1)),
        'x' => (1, 3, 16),
        'u' => (1, 5, 16),
        'U' => (1, 9, 16),
        '0'..='7' => (0, digits(0, 3, 8), 8),
        _ => return Err(format!("a string has the escape \\{kind}, which is not supported")),
    };
    let code = &text[first..digits(first, len - first, radix)];
    u32::from_str_radix(code, radix)
        .ok()
        .filter(|_| code.len() == len - first)
        .and_then(char::from_u32)
        .map(|character| (Some(character), len))
        .ok_or_else(|| {
            format!(
                "the escape \\{} in a string is no character",
                short(&text[..len.min(first + code.len())])
            )
        })
}

/// As Python's `str.isprintable`. Rust's tables are those of the same Unicode categories; behind
/// another character, `escape_debug` lets marks that extend it stand.
fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        ..'\u{a0}' => false,
        _ => {
            let mut bytes = [b'a'; 5];
            let len = character.encode_utf8(&mut bytes[1..]).len();
            str::from_utf8(&bytes[..=len]).is_ok_and(|text| text.escape_debug().count() == 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_as_python_reads_them() {
        for (text, value) in [
            ("'a'", "a"),
            ("u\"it's\"", "it's"),
            ("U''", ""),
            (r"'\x41\u00e9\U0001f600\101\0'", "A\u{e9}\u{1f600}A\0"),
            (r#"'\a\b\f\n\r\t\v\\\'\"'"#, "\u{7}\u{8}\u{c}\n\r\t\u{b}\\'\""),
            ("'a\\\nb'", "ab"),
            (" # a comment, and 'no string'\n 'a#b' ", "a#b"),
        ] {
            assert_eq!(Literal::new(text).string().as_deref(), Ok(value), "{text}");
        }
        for (text, why) in [
            ("a", "expected a string, found \"a\""),
            ("'a", "does not end"),
            ("'a\n'", "does not end"),
            (r"'\'", "does not end"),
            (r"'\d'", r"the escape \d"),
            (r"'\N{DASH}'", r"the escape \N"),
            (r"'\é'", r"the escape \é"),
            (r"'\x4'", r"the escape \x4 in a string is no character"),
            (r"'\ud800'", r"the escape \ud800 in a string is no character"),
            (r"'\U00110000'", "is no character"),
            ("b'a'", "expected a string"),
        ] {
            let error = Literal::new(text).string().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn strings_as_python_writes_them() {
        for (text, literal) in [
            ("it's", r#""it's""#),
            ("'\"", r#"'\'"'"#),
            ("\u{feff}id", r"'\ufeffid'"),
            (
                "a\u{a0}b\t\u{7f}\u{e9}\u{ad}",
                r"'a\xa0b\t\x7f\u{e9}\xad'".replace("\\u{e9}", "\u{e9}").leak(),
            ),
            ("\u{e000}\u{e0001}\u{2028}\u{3000}", r"'\ue000\U000e0001\u2028\u3000'"),
            ("e\u{301}\u{1f600}\u{3b1}\\", "'e\u{301}\u{1f600}\u{3b1}\\\\'"),
        ] {
            assert_eq!(Literal::repr(text), literal);
        }
    }

    #[test]
    fn lengths_as_python_reads_them() {
        let tuple = |text| Literal::new(text).tuple();
        assert_eq!(tuple("( 2 , # two\n 3L )"), Ok(vec![2, 3]));
        assert_eq!(tuple("(00,)"), Ok(vec![0]));
        assert_eq!(tuple("()"), Ok(vec![]));
        for (text, why) in [
            ("(6)", "(6) is a number, and no tuple"),
            ("(06,)", "\"06\" is not a length"),
            ("(2,003)", "\"003\" is not a length"),
            ("06", "expected '('"),
            ("[6]", "expected '('"),
            ("(,)", "\",)\" is not a length"),
            ("(-1,)", "\"-1,)\" is not a length"),
            ("(18446744073709551616,)", "\"18446744073709551616\" is not a length"),
            ("(1 2)", "expected ')', found \"2)\""),
        ] {
            assert!(tuple(text).unwrap_err().contains(why), "{text}: {:?}", tuple(text));
        }
        for text in ["(2, 3)", "[2,3]"] {
            assert_eq!(Literal::new(text).shape(), Ok(vec![2, 3]));
        }
        for text in ["4", "(4)", "(4,)", "[4]"] {
            assert_eq!(Literal::new(text).shape(), Ok(vec![4]));
        }
    }

    #[test]
    fn lists_with_brackets_in_strings_and_comments() {
        let mut text = Literal::new(" [('a]', # ]\n [1])] ]");
        assert_eq!(text.list(), Ok("[('a]', # ]\n [1])]"));
        assert_eq!(text.rest(), " ]");
        assert!(Literal::new("[[]").list().is_err());
    }
}

//! A Rust file told apart into code, comments and literals, and its code without tests.

use std::ops::Range;

/// The same text three times, each as long as the file, with blanks where the other parts stand. So a
/// position in one is that position in the file.
pub(crate) struct Rust {
    pub(crate) code: String,
    pub(crate) comments: String,
    /// Texts and characters, with their quotes.
    pub(crate) literals: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Rust {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = vec![Part::Code; text.len()];
        let mut at = 0;
        while at < text.len() {
            let (part, len) = next(text, at);
            parts[at..at + len].fill(part);
            at += len;
        }
        let only = |kept: Part| {
            let bytes = text.bytes().zip(&parts);
            let bytes =
                bytes.map(|(byte, part)| if *part == kept || byte == b'\n' { byte } else { b' ' });
            String::from_utf8(bytes.collect()).unwrap()
        };
        Self {
            code: only(Part::Code),
            comments: only(Part::Comment),
            literals: only(Part::Literal),
        }
    }

    /// The code, with blanks for every item under `#[cfg(test)]` or `#[cfg(all(…, test))]`.
    pub(crate) fn without_tests(&self) -> String {
        let mut code = self.code.clone();
        for range in tests(&self.code) {
            let blank: String =
                code[range.clone()].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            code.replace_range(range, &blank);
        }
        code
    }
}

/// The number of the line at a position.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The words of some code or text, with their positions: letters, digits and `_`.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_in_word)?;
        let len = text[start..].find(|c| !is_in_word(c)).unwrap_or(text.len() - start);
        rest = start + len;
        Some((start, &text[start..rest]))
    })
}

/// The position of the bracket that closes the one at `open`; the end of the code if there is none.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

/// What stands at a position, and how long it is.
fn next(text: &str, at: usize) -> (Part, usize) {
    let rest = &text[at..];
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_comment(rest));
    }
    let in_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(len) = raw_text(rest) {
        return (Part::Literal, len);
    }
    match rest.as_bytes()[0] {
        b'"' => (Part::Literal, quoted(rest, b'"')),
        b'\'' if is_character(rest) => (Part::Literal, quoted(rest, b'\'')),
        _ => (Part::Code, first),
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a raw text (`r"…"`, `br#"…"#`), if there is one.
fn raw_text(rest: &str) -> Option<usize> {
    let inner = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let quote = inner.find(|c| c != '#')?;
    let text = inner[quote..].strip_prefix('"')?;
    let end = format!("\"{}", &inner[..quote]);
    let len = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(rest.len() - text.len() + len)
}

/// The length of a text or character between quotes, with both.
fn quoted(rest: &str, quote: u8) -> usize {
    let mut bytes = rest.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' {
            bytes.next();
        } else if byte == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// Whether the quote here begins a character, and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut inside = rest[1..].chars();
    inside.next() == Some('\\') || inside.next() == Some('\'')
}

/// Where items stand that only tests have, from the attribute on.
fn tests(code: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        let condition_end = closing(code, start + 1);
        let condition = &code[start..condition_end];
        let of_tests =
            words(condition).any(|(_, word)| word == "test") && !condition.contains("not(test");
        if !of_tests || ranges.last().is_some_and(|last| last.contains(&start)) {
            continue;
        }
        let item = &code[condition_end..];
        let end = match item.find(['{', ';']) {
            Some(at) if item[at..].starts_with('{') => closing(code, condition_end + at) + 1,
            Some(at) => condition_end + at + 1,
            None => code.len(),
        };
        ranges.push(start..end.min(code.len()));
    }
    ranges
}

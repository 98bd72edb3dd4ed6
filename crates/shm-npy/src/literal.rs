//! The text of a header: the literal of a Python dict with three entries.

/// What the three entries say, before it is checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entries<'a> {
    /// The type, as `DType` parses it.
    pub(crate) descr: &'a str,
    /// Whether the first index changes fastest.
    pub(crate) is_fortran: bool,
    /// Length of each axis, in elements.
    pub(crate) shape: Vec<usize>,
}

/// Parses the text; says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Entries<'_>, String> {
    let mut cursor = Cursor { rest: text };
    let (mut descr, mut is_fortran, mut shape) = (None, None, None);
    cursor.expect('{')?;
    while !cursor.accept('}') {
        let key = cursor.string()?;
        cursor.expect(':')?;
        let is_twice = match key {
            "descr" => descr.replace(cursor.descr()?).is_some(),
            "fortran_order" => is_fortran.replace(cursor.boolean()?).is_some(),
            "shape" => shape.replace(cursor.shape()?).is_some(),
            other => return Err(format!("unknown key {:?}", short(other))),
        };
        if is_twice {
            return Err(format!("key {key:?} appears twice"));
        }
        if !cursor.accept(',') {
            cursor.expect('}')?;
            break;
        }
    }
    if cursor.peek().is_some() {
        return Err(format!("unexpected {:?} at its end", short(cursor.rest)));
    }
    let missing = |key| format!("key {key:?} is missing");
    Ok(Entries {
        descr: descr.ok_or_else(|| missing("descr"))?,
        is_fortran: is_fortran.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.chars().next()
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.accept(wanted) {
            return Ok(());
        }
        Err(format!("expected {wanted:?}, found {:?}", short(self.rest)))
    }

    /// Takes the first `len` bytes, which end between characters.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    /// A string as it is written, without its quotes.
    fn string(&mut self) -> Result<&'a str, String> {
        self.peek();
        let len = string_len(self.rest)?;
        let quoted = self.take(len);
        Ok(&quoted[1..quoted.len() - 1])
    }

    /// The type: a string, or a list of fields as it is written.
    fn descr(&mut self) -> Result<&'a str, String> {
        if self.peek() != Some('[') {
            return self.string();
        }
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(next) = self.rest.as_bytes().get(at) {
            match next {
                b'\'' | b'"' => at += string_len(&self.rest[at..])? - 1,
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                return Ok(self.take(at));
            }
        }
        Err("the list of fields does not end".into())
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(format!("expected True or False, found {:?}", short(self.rest)))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.accept(')') {
            shape.push(self.length()?);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn length(&mut self) -> Result<usize, String> {
        self.peek();
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.take(digits);
        let length = digits.parse().map_err(|_| {
            let found = if digits.is_empty() { self.rest } else { digits };
            format!("{:?} is not the length of an axis", short(found))
        })?;
        self.rest = self.rest.strip_prefix('L').unwrap_or(self.rest); // Python 2
        Ok(length)
    }
}

/// Bytes of the string that the text begins with, with its quotes.
fn string_len(text: &str) -> Result<usize, String> {
    let mut bytes = text.bytes().enumerate();
    let quote = bytes.next().map(|(_, quote)| quote).filter(|quote| b"'\"".contains(quote));
    let Some(quote) = quote else {
        return Err(format!("expected a string, found {:?}", short(text)));
    };
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            _ if byte == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err("a string does not end".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numpy_writes() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }     \n";
        let shape = vec![3, 4];
        assert_eq!(parse(text), Ok(Entries { descr: "<f4", is_fortran: false, shape }));

        let text = r#"{ "shape" : ( 3L ,) ,'fortran_order':True,"descr":[("a]'", '<f4', (2,))]}"#;
        let (descr, shape) = (r#"[("a]'", '<f4', (2,))]"#, vec![3]);
        assert_eq!(parse(text), Ok(Entries { descr, is_fortran: true, shape }));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let whole = "{'descr': '<f4', 'fortran_order': False, 'shape': ()}";
        assert_eq!(parse(whole).unwrap().shape, [0; 0]);
        for (from, to, wrong) in [
            ("{", "", "expected '{', found \"'descr': '<f4', 'for\""),
            ("}", "", "expected '}', found \"\""),
            ("}", "} x", "unexpected \"x\" at its end"),
            ("()}", "(), 'descr': 'x'}", "key \"descr\" appears twice"),
            ("'descr': '<f4', ", "", "key \"descr\" is missing"),
            ("'shape'", "'form'", "unknown key \"form\""),
            ("False", "0", "expected True or False, found \"0, 'shape': ()}\""),
            ("()", "(-1,)", "\"-1,)}\" is not the length of an axis"),
            ("()", "(1 2)", "expected ')', found \"2)}\""),
            (
                "()",
                "(18446744073709551616)",
                "\"18446744073709551616\" is not the length of an axis",
            ),
            ("'<f4'", "('<f4', 2)", "expected a string, found \"('<f4', 2), 'fortran\""),
            ("'<f4'", "[('a', '<f4'", "the list of fields does not end"),
            ("'<f4'", "[('a', '<f4\\')]", "a string does not end"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_eq!(parse(&text).unwrap_err(), wrong, "{text}");
        }
    }
}

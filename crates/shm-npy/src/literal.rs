//! The text of a header: the literal of a Python dict with three entries.

use shm_core::Literal;

/// What the three entries say, before it is checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    /// The type, as `DType` parses it.
    pub(crate) descr: String,
    /// Whether the first index changes fastest.
    pub(crate) is_fortran: bool,
    /// Length of each axis, in elements.
    pub(crate) shape: Vec<usize>,
}

/// Parses the text; says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Entries, String> {
    let mut literal = Literal::new(text);
    let (mut descr_entry, mut is_fortran, mut shape) = (None, None, None);
    literal.expect('{')?;
    while !literal.accept('}') {
        let key = literal.string()?;
        literal.expect(':')?;
        let is_twice = match &*key {
            "descr" => descr_entry.replace(descr(&mut literal)?).is_some(),
            "fortran_order" => is_fortran.replace(boolean(&mut literal)?).is_some(),
            "shape" => shape.replace(literal.tuple()?).is_some(),
            other => return Err(format!("unknown key {:?}", short(other))),
        };
        if is_twice {
            return Err(format!("key {key:?} appears twice"));
        }
        if !literal.accept(',') {
            literal.expect('}')?;
            break;
        }
    }
    if literal.peek().is_some() {
        return Err(format!("unexpected {:?} at its end", short(literal.rest())));
    }
    let missing = |key| format!("key {key:?} is missing");
    Ok(Entries {
        descr: descr_entry.ok_or_else(|| missing("descr"))?,
        is_fortran: is_fortran.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

/// The type: a string, or a list of fields as it is written.
fn descr(literal: &mut Literal<'_>) -> Result<String, String> {
    match literal.peek() {
        Some('[') => literal.list().map(str::to_owned),
        Some('(') => Err("a sub-array as the type of an element".into()),
        _ => literal.string(),
    }
}

fn boolean(literal: &mut Literal<'_>) -> Result<bool, String> {
    literal.peek();
    for (word, value) in [("True", true), ("False", false)] {
        if let Some(rest) = literal.rest().strip_prefix(word) {
            *literal = Literal::new(rest);
            return Ok(value);
        }
    }
    Err(format!("expected True or False, found {:?}", short(literal.rest())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numpy_writes() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }     \n";
        let shape = vec![3, 4];
        assert_eq!(parse(text), Ok(Entries { descr: "<f4".into(), is_fortran: false, shape }));

        let text = r#"{ "shape" : ( 3L ,) ,'fortran_order':True,"descr":[("a]'", '<f4', (2,))]}"#;
        let (descr, shape) = (r#"[("a]'", '<f4', (2,))]"#.into(), vec![3]);
        assert_eq!(parse(text), Ok(Entries { descr, is_fortran: true, shape }));

        let text = "{u'descr': u'<f4', # four bytes\n 'fortran_order': False, 'shape': ()} # end";
        let shape = vec![];
        assert_eq!(parse(text), Ok(Entries { descr: "<f4".into(), is_fortran: false, shape }));
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
            ("()", "(-1,)", "\"-1,)}\" is not a length"),
            ("()", "(6)", "(6) is a number, and no tuple: (6,)"),
            ("()", "06", "expected '(', found \"06}\""),
            ("()", "(2,003)", "\"003\" is not a length"),
            ("()", "[2]", "expected '(', found \"[2]}\""),
            ("'<f4'", "('<f4', (2,))", "a sub-array as the type of an element"),
            ("'<f4'", "b'<f4'", "expected a string, found \"b'<f4', 'fortran_ord\""),
            ("'<f4'", "[('a', '<f4'", "a list does not end"),
            ("'<f4'", "[('a', '<f4\\')]", "a string does not end"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_eq!(parse(&text).unwrap_err(), wrong, "{text}");
        }
    }
}

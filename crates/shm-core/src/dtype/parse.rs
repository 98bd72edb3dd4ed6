//! From `descr` text to a [`DType`]: text from outside, so every limit is checked.

use std::str::FromStr;

use super::{ByteOrder, DType, Field, Scalar, ScalarKind, TimeUnit, Unit};
use crate::{Error, ErrorKind, Result};

/// The largest element: NumPy's own limit (`itemsize` is a C `int`).
const MAX_ITEMSIZE: usize = i32::MAX as usize;

impl FromStr for DType {
    type Err = Error;

    fn from_str(descr: &str) -> Result<Self> {
        if let Some(common) = Scalar::from_common(descr) {
            return Ok(Self::Scalar(common));
        }
        let fail = |reason: String| -> Error {
            ErrorKind::InvalidDType {
                descr: descr.chars().take(80).collect(),
                reason: reason.chars().take(160).collect(), // it may quote the text
            }
            .into()
        };
        if descr.len() > Self::MAX_DESCR_LEN {
            let reason = format!("{} bytes, at most {}", descr.len(), Self::MAX_DESCR_LEN);
            return Err(fail(reason));
        }
        let mut parser = Parser { rest: descr.trim() };
        let dtype = if parser.rest.starts_with('[') {
            parser.structure(0).map_err(&fail)?
        } else {
            let scalar = scalar(parser.rest).map_err(&fail)?;
            parser.rest = "";
            DType::Scalar(scalar)
        };
        if !parser.rest.is_empty() {
            return Err(fail(format!("unexpected {:?} at its end", parser.rest)));
        }
        if let DType::Struct(_) = &dtype {
            // With every blank, bracket and escape it can be longer than it came.
            let (written, max) = (dtype.to_string().len(), Self::MAX_DESCR_LEN);
            if written > max {
                let reason = format!("{written} bytes when it is written again, at most {max}");
                return Err(fail(reason));
            }
        }
        match dtype.itemsize() {
            0 => Err(fail("elements of no bytes are not supported".into())),
            size if size > MAX_ITEMSIZE => Err(fail(format!("{size} bytes per element"))),
            _ => Ok(dtype),
        }
    }
}

impl TryFrom<String> for DType {
    type Error = Error;

    fn try_from(descr: String) -> Result<Self> {
        descr.parse()
    }
}

/// One scalar, such as `<f4` or `<M8[25s]`.
fn scalar(text: &str) -> Result<Scalar, String> {
    let mut rest = text;
    let order = match rest.chars().next() {
        Some('<') => Some(ByteOrder::Little),
        Some('>') => Some(ByteOrder::Big),
        Some('=') => Some(ByteOrder::NATIVE),
        Some('|') => Some(ByteOrder::None),
        _ => None,
    };
    if order.is_some() {
        rest = &rest[1..];
    }
    let code = rest.chars().next().ok_or("it is empty")?;
    rest = &rest[code.len_utf8()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, unit) = rest.split_at(digits);
    let size: u32 = digits.parse().map_err(|_| format!("size {digits:?} is not a number"))?;
    let small = u8::try_from(size).unwrap_or(0);
    let ordered = !matches!(order, None | Some(ByteOrder::None));
    let kind = match (code, size) {
        ('b', 1) => ScalarKind::Bool,
        ('i', 1 | 2 | 4 | 8) => ScalarKind::Int(small),
        ('u', 1 | 2 | 4 | 8) => ScalarKind::UInt(small),
        ('f', 2 | 4 | 8) => ScalarKind::Float(small),
        ('c', 8 | 16) => ScalarKind::Complex(small),
        ('S' | 'V', 0) => return Err("elements of no bytes are not supported".into()),
        ('V', 2) if ordered => ScalarKind::BFloat16,
        ('S', n) => ScalarKind::Bytes(n),
        ('V', n) => ScalarKind::Void(n),
        ('M', 8) => ScalarKind::DateTime(time_unit(unit)?),
        ('m', 8) => ScalarKind::TimeDelta(time_unit(unit)?),
        _ => return Err(format!("type {code:?} of {size} bytes is not supported")),
    };
    if !matches!(code, 'M' | 'm') && !unit.is_empty() {
        return Err(format!("unexpected {unit:?} at its end"));
    }
    let scalar = Scalar::with_order(kind, order.unwrap_or(ByteOrder::NATIVE));
    if scalar.order == ByteOrder::None && scalar.itemsize() > 1 {
        // `|` on something that has an order says nothing: NumPy never writes it.
        if !matches!(kind, ScalarKind::Bytes(_) | ScalarKind::Void(_)) {
            return Err("its byte order is not given".into());
        }
    }
    Ok(scalar)
}

fn time_unit(text: &str) -> Result<TimeUnit, String> {
    if text.is_empty() {
        return Ok(TimeUnit::Generic);
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| format!("time unit {text:?} is not in brackets"))?;
    let code = inner.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = match &inner[..inner.len() - code.len()] {
        "" => 1,
        digits => digits.parse().map_err(|_| format!("time unit count {digits:?} is too large"))?,
    };
    if count == 0 {
        return Err("a time unit of zero ticks".into());
    }
    Unit::ALL
        .iter()
        .find(|(_, known)| *known == code)
        .map(|(unit, _)| TimeUnit::Of(count, *unit))
        .ok_or_else(|| format!("time unit {code:?} is not known"))
}

/// A cursor over the Python literal of a structured `descr`.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn structure(&mut self, depth: usize) -> Result<DType, String> {
        if depth >= DType::MAX_DEPTH {
            return Err(format!("nested deeper than {}", DType::MAX_DEPTH));
        }
        self.expect('[')?;
        let mut fields: Vec<Field> = Vec::new();
        while !self.accept(']') {
            let field = self.field(depth)?;
            if !field.name.is_empty() && fields.iter().any(|known| known.name == field.name) {
                return Err(format!("field {:?} appears twice", field.name));
            }
            fields.push(field);
            if !self.accept(',') {
                self.expect(']')?;
                break;
            }
        }
        if fields.is_empty() { Err("it has no field".into()) } else { Ok(DType::Struct(fields)) }
    }

    fn field(&mut self, depth: usize) -> Result<Field, String> {
        self.expect('(')?;
        if self.peek() == Some('(') {
            return Err("field titles are not supported".into());
        }
        let name = self.string()?;
        self.expect(',')?;
        let dtype = if self.peek() == Some('[') {
            self.structure(depth + 1)?
        } else {
            DType::Scalar(scalar(&self.string()?)?)
        };
        let mut shape = Vec::new();
        if self.accept(',') && self.peek() != Some(')') {
            shape = self.shape()?;
        }
        self.expect(')')?;
        Ok(Field { name, dtype, shape })
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        if !self.accept('(') {
            return Ok(vec![self.number()?]);
        }
        let mut shape = Vec::new();
        while !self.accept(')') {
            shape.push(self.number()?);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<usize, String> {
        self.skip_blanks();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        match digits.parse() {
            Ok(0) => Err("a sub-array of no elements".into()),
            Ok(n) => Ok(n),
            Err(_) => Err(format!("{digits:?} is not a length")),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"')).ok_or("a string is missing")?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('\\' | '\'' | '"'))) => text.push(c),
                    _ => return Err("a string has an escape that is not supported".into()),
                },
                c => text.push(c),
            }
        }
        Err("a string does not end".into())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
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
        let found: String = self.rest.chars().take(8).collect();
        Err(format!("expected {wanted:?}, found {found:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_scalars_are_as_when_taken_apart() {
        let sizes = 0..=17;
        let sized = sizes.flat_map(|n| {
            let numbers =
                [ScalarKind::Int, ScalarKind::UInt, ScalarKind::Float, ScalarKind::Complex];
            numbers.map(|kind| kind(n))
        });
        let mut found = 0;
        for kind in sized.chain([ScalarKind::Bool, ScalarKind::BFloat16, ScalarKind::Void(2)]) {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let of_kind = Scalar::with_order(kind, order);
                let Some(descr) = of_kind.common() else { continue };
                assert_eq!(scalar(descr), Ok(of_kind));
                let is_native = DType::Scalar(of_kind).is_native();
                assert_eq!(Scalar::from_common(descr), is_native.then_some(of_kind), "{descr}");
                found += 1;
            }
        }
        assert_eq!(found, 30);
    }
}

//! From `descr` text to a [`DType`]: text from outside, so every limit is checked.

use std::str::FromStr;

use super::literal::Literal;
use super::scalar::{ByteOrder, Scalar, ScalarKind};
use super::time::TimeUnit;
use super::{DType, Field, aliases};
use crate::error::kind::ErrorKind;
use crate::error::{Error, Result};

/// The largest element: NumPy's own limit (`itemsize` is a C `int`).
const MAX_ITEMSIZE: usize = i32::MAX as usize;

const NO_OBJECTS: &str = "Python objects cannot be shared: NumPy keeps pickles of them";
const NO_LONG_DOUBLE: &str = "long double differs from machine to machine and is not supported: \
     convert it once, with `a.astype('f8')` or `a.astype('c16')` in NumPy";
const NO_TITLES: &str = "titles of fields are not supported: leave them out, with \
     `a.view([(name, a.dtype[name]) for name in a.dtype.names])` in NumPy";
const NO_SUB_ARRAY: &str =
    "a sub-array can be a field and no element: its shape belongs to the array's";

impl FromStr for DType {
    type Err = Error;

    fn from_str(descr: &str) -> Result<Self> {
        if let Some(common) = Scalar::from_common(descr) {
            return Ok(Self::Scalar(common));
        }
        parse(descr).map_err(|reason| {
            ErrorKind::InvalidDType {
                descr: descr.chars().take(80).collect(),
                reason: reason.chars().take(160).collect(), // it may quote the text
            }
            .into()
        })
    }
}

impl TryFrom<String> for DType {
    type Error = Error;

    fn try_from(descr: String) -> Result<Self> {
        descr.parse()
    }
}

fn parse(descr: &str) -> Result<DType, String> {
    let max = DType::MAX_DESCR_LEN;
    if descr.len() > max {
        return Err(format!("{} bytes, at most {max}", descr.len()));
    }
    let mut literal = Literal::new(descr);
    let dtype = match literal.peek() {
        Some('[') => {
            let dtype = structure(&mut literal, 0)?;
            if literal.peek().is_some() {
                return Err(format!("unexpected {:?} at its end", literal.rest()));
            }
            dtype
        }
        _ => match text(descr.trim_ascii(), 0)? {
            (dtype, shape) if shape.is_empty() => dtype,
            _ => return Err(NO_SUB_ARRAY.into()),
        },
    };
    if let DType::Struct(_) = &dtype {
        // With every blank, bracket and escape it can be longer than it came.
        let written = dtype.to_string().len();
        if written > max {
            return Err(format!("{written} bytes when it is written again, at most {max}"));
        }
    }
    match dtype.itemsize() {
        0 => Err("elements of no bytes are not supported".into()),
        size if size > MAX_ITEMSIZE => Err(format!("{size} bytes per element")),
        _ => Ok(dtype),
    }
}

/// A list of fields.
fn structure(literal: &mut Literal<'_>, depth: usize) -> Result<DType, String> {
    if depth >= DType::MAX_DEPTH {
        return Err(format!("nested deeper than {}", DType::MAX_DEPTH));
    }
    literal.expect('[')?;
    let mut fields: Vec<Field> = Vec::new();
    while !literal.accept(']') {
        let field = field(literal, depth)?;
        if !field.is_padding()
            && fields.iter().any(|known| known.name == field.name && !known.is_padding())
        {
            return Err(format!("field {:?} appears twice", field.name));
        }
        fields.push(field);
        if !literal.accept(',') {
            literal.expect(']')?;
            break;
        }
    }
    if fields.is_empty() { Err("it has no field".into()) } else { Ok(DType::Struct(fields)) }
}

fn field(literal: &mut Literal<'_>, depth: usize) -> Result<Field, String> {
    literal.expect('(')?;
    if literal.peek() == Some('(') {
        return Err(NO_TITLES.into());
    }
    let name = literal.string()?;
    literal.expect(',')?;
    let (dtype, inner) = value(literal, depth)?;
    let mut shape = Vec::new();
    if literal.accept(',') && literal.peek() != Some(')') {
        shape = literal.shape()?;
    }
    literal.expect(')')?;
    shape.extend(inner);
    check_shape(&dtype, &shape)?;
    Ok(Field { name, dtype, shape })
}

/// What a field is of: a string, a list of fields, or a pair of one of these and a shape.
fn value(literal: &mut Literal<'_>, depth: usize) -> Result<(DType, Vec<usize>), String> {
    match literal.peek() {
        Some('[') => Ok((structure(literal, depth + 1)?, Vec::new())),
        Some('(') if depth < DType::MAX_DEPTH => {
            literal.expect('(')?;
            let (dtype, inner) = value(literal, depth + 1)?;
            literal.expect(',')?;
            let mut shape = literal.shape()?;
            literal.accept(',');
            literal.expect(')')?;
            shape.extend(inner);
            Ok((dtype, shape))
        }
        _ => text(&literal.string()?, depth + 1),
    }
}

fn check_shape(dtype: &DType, shape: &[usize]) -> Result<(), String> {
    if shape.contains(&0) {
        return Err("a sub-array of no elements".into());
    }
    if !shape.is_empty() && dtype.itemsize() == 0 {
        return Err("a sub-array of elements without bytes".into());
    }
    Ok(())
}

/// What NumPy's `dtype` makes of a string: one scalar, or several with commas between them, which
/// become the fields `f0`, `f1` and so on.
fn text(text: &str, depth: usize) -> Result<(DType, Vec<usize>), String> {
    let mut fields: Vec<Field> = Vec::new();
    let mut rest = text;
    loop {
        let (dtype, shape, behind) = item(rest)?;
        let has_comma = behind.starts_with(',');
        if !has_comma && fields.is_empty() {
            return Ok((dtype, shape));
        }
        check_shape(&dtype, &shape)?;
        fields.push(Field { name: format!("f{}", fields.len()), dtype, shape });
        rest = behind.strip_prefix(',').unwrap_or_default().trim_ascii_start();
        if rest.is_empty() {
            break;
        }
    }
    if depth >= DType::MAX_DEPTH {
        return Err(format!("nested deeper than {}", DType::MAX_DEPTH));
    }
    Ok((DType::Struct(fields), Vec::new()))
}

/// The first scalar of a string, such as `<f4`, `3<f4` or `(2, 3)f4`; its shape, and what is behind it.
fn item(text: &str) -> Result<(DType, Vec<usize>, &str), String> {
    let (first, mut rest) = byte_order(text);
    let mut shape = Vec::new();
    if rest.trim_ascii_start().starts_with(|c: char| c == '(' || c.is_ascii_digit()) {
        let mut literal = Literal::new(rest);
        shape = literal.shape()?;
        rest = literal.rest().trim_ascii_start();
    }
    let (second, rest) = byte_order(rest);
    let end = rest.find(',').unwrap_or(rest.len());
    let (code, behind) = rest.split_at(end);
    let scalar = scalar(second.or(first), code.trim_ascii_end())?;
    Ok((DType::Scalar(scalar), shape, behind))
}

fn byte_order(text: &str) -> (Option<ByteOrder>, &str) {
    let order = match text.chars().next() {
        Some('<') => ByteOrder::Little,
        Some('>') => ByteOrder::Big,
        Some('=') => ByteOrder::NATIVE,
        Some('|') => ByteOrder::None,
        _ => return (None, text),
    };
    (Some(order), &text[1..])
}

/// One scalar, such as `f4`, `M8[25s]`, `float32` or `d`. NumPy takes `|` for no order at all, so what
/// needs an order has the machine's.
fn scalar(order: Option<ByteOrder>, text: &str) -> Result<Scalar, String> {
    let kind =
        kind(text, matches!(order, Some(order) if order != ByteOrder::None), order.is_none())?;
    let order = order.filter(|order| *order != ByteOrder::None);
    Ok(Scalar::with_order(kind, order.unwrap_or(ByteOrder::NATIVE)))
}

fn kind(text: &str, is_ordered: bool, may_be_name: bool) -> Result<ScalarKind, String> {
    let (name, unit) = text.split_at(text.find('[').unwrap_or(text.len()));
    let (code, digits) = match aliases::character(name).filter(|_| may_be_name) {
        Some(code) => (code, ""),
        None => {
            let code = name.chars().next().ok_or("it is empty")?;
            (code, &name[code.len_utf8()..])
        }
    };
    let kind = match (code, digits) {
        ('M', "" | "8") => return TimeUnit::parse(unit).map(ScalarKind::DateTime),
        ('m', "" | "8") => return TimeUnit::parse(unit).map(ScalarKind::TimeDelta),
        ('O', _) => return Err(NO_OBJECTS.into()),
        ('g' | 'G', "") | ('f', "10" | "12" | "16") | ('c', "20" | "24" | "32") => {
            return Err(NO_LONG_DOUBLE.into());
        }
        (_, "") => aliases::of_character(code)
            .ok_or_else(|| format!("type {name:?} is not known, or has no size"))?,
        _ => sized(code, digits, is_ordered)?,
    };
    if unit.is_empty() { Ok(kind) } else { Err(format!("unexpected {unit:?} at its end")) }
}

fn sized(code: char, digits: &str, is_ordered: bool) -> Result<ScalarKind, String> {
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, behind) = digits.split_at(end);
    let size: u32 = digits.parse().map_err(|_| format!("size {digits:?} is not a number"))?;
    if !behind.is_empty() {
        return Err(format!("unexpected {behind:?} at its end"));
    }
    let small = u8::try_from(size).unwrap_or(0);
    Ok(match (code, size) {
        ('b', 1) => ScalarKind::Bool,
        ('i', 1 | 2 | 4 | 8) => ScalarKind::Int(small),
        ('u', 1 | 2 | 4 | 8) => ScalarKind::UInt(small),
        ('f', 2 | 4 | 8) => ScalarKind::Float(small),
        ('c', 8 | 16) => ScalarKind::Complex(small),
        ('V', 2) if is_ordered => ScalarKind::BFloat16,
        ('S' | 'a', n) => ScalarKind::Bytes(n),
        ('U', n) => ScalarKind::Unicode(n),
        ('V', n) => ScalarKind::Void(n),
        _ => return Err(format!("type {code:?} of {size} bytes is not supported")),
    })
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
                assert_eq!(parse(descr), Ok(DType::Scalar(of_kind)));
                let is_native = DType::Scalar(of_kind).is_native();
                assert_eq!(Scalar::from_common(descr), is_native.then_some(of_kind), "{descr}");
                found += 1;
            }
        }
        assert_eq!(found, 30);
    }
}

//! Elements of any dtype as words of one width, as NumPy prints them.

use std::fmt::Write as _;

use half::{bf16, f16};
use shm_core::Literal;
use shm_survey::printable;
use shmarray::{
    DType,
    dtype::{ByteOrder, Field, Scalar, ScalarKind, TimeUnit},
};

use super::floats::{self, FloatType};
use super::times::{self, NAT};

/// Sub-arrays of more elements than this are summarised, as NumPy's `threshold`.
const THRESHOLD: usize = 1000;

/// Elements at each end of a summarised sub-array.
const EDGE: usize = 3;

/// The elements that are printed, one behind the other, or the values of one field of theirs.
#[derive(Clone, Debug)]
struct Values<'a> {
    bytes: &'a [u8],
    /// How many, and how far apart in bytes: of the elements, then of the sub-arrays they are in.
    axes: Vec<(usize, usize)>,
    /// Where the first begins.
    start: usize,
    len: usize,
}

impl<'a> Values<'a> {
    fn iter(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let Self { bytes, axes, start, len } = self.clone();
        let count: usize = axes.iter().map(|(count, _)| count).product();
        (0..count).filter_map(move |mut number| {
            let mut at = start;
            for (count, stride) in axes.iter().rev() {
                at += number % count * stride;
                number /= count;
            }
            bytes.get(at..at + len)
        })
    }

    fn field(&self, start: usize, field: &Field) -> Self {
        let len = field.dtype.itemsize();
        let mut axes = self.axes.clone();
        if !field.shape.is_empty() {
            axes.push((field.shape.iter().product(), len));
        }
        Self { bytes: self.bytes, axes, start: self.start + start, len }
    }
}

/// How elements of one dtype are printed: as wide as the widest of them.
#[derive(Clone, Debug)]
pub(super) struct Formatter(Form);

#[derive(Clone, Debug)]
enum Form {
    Bool { is_padded: bool },
    Integer { scalar: Scalar, width: usize },
    Float { scalar: Scalar, kind: FloatType, column: Option<floats::Column> },
    Complex { scalar: Scalar, kind: FloatType, columns: Option<Box<[floats::Column; 2]>> },
    Bytes { is_alone: bool },
    Text { scalar: Scalar, is_alone: bool },
    Void,
    Moment { scalar: Scalar, unit: TimeUnit, width: Option<usize> },
    Span { scalar: Scalar, unit: TimeUnit, width: Option<usize> },
    Struct(Vec<FieldFormatter>),
}

#[derive(Clone, Debug)]
struct FieldFormatter {
    start: usize,
    len: usize,
    shape: Vec<usize>,
    words: Formatter,
}

/// Whether a value stands in a column, or by itself as a NumPy scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surrounding {
    Column,
    Alone,
    /// In a structure that is by itself.
    InStruct,
}

impl Formatter {
    /// For elements that are printed together.
    pub(super) fn of_array(dtype: &DType, elements: &[u8]) -> Self {
        Self::new(dtype, elements, Surrounding::Column)
    }

    /// For the one element of a 0-d array.
    pub(super) fn of_scalar(dtype: &DType, element: &[u8]) -> Self {
        Self::new(dtype, element, Surrounding::Alone)
    }

    fn new(dtype: &DType, bytes: &[u8], surrounding: Surrounding) -> Self {
        let len = dtype.itemsize();
        let axes = if surrounding == Surrounding::Column {
            vec![(bytes.len() / len, len)]
        } else {
            Vec::new()
        };
        Self::of(dtype, &Values { bytes, axes, start: 0, len }, surrounding)
    }

    fn of(dtype: &DType, values: &Values<'_>, surrounding: Surrounding) -> Self {
        Self(match dtype {
            DType::Scalar(scalar) => of_scalar_type(*scalar, values, surrounding),
            DType::Struct(fields) => {
                let surrounding = if surrounding == Surrounding::Column {
                    surrounding
                } else {
                    Surrounding::InStruct
                };
                Form::Struct(of_fields(fields, values, surrounding))
            }
            // Any type that is added to the library later: its bytes.
            _ => Form::Void,
        })
    }

    /// The word for one element.
    pub(super) fn word(&self, bytes: &[u8]) -> String {
        match &self.0 {
            Form::Bool { is_padded } => match (is_true(bytes), is_padded) {
                (true, true) => " True".into(),
                (true, false) => "True".into(),
                (false, _) => "False".into(),
            },
            Form::Integer { scalar, width } => format!("{:>width$}", integer(*scalar, bytes)),
            Form::Float { scalar, kind, column } => {
                let value = float(*scalar, *kind, bytes);
                match column {
                    Some(column) => column.word(value),
                    None => floats::alone(*kind, value),
                }
            }
            Form::Complex { scalar, kind, columns } => {
                let (re, im) = complex(*scalar, *kind, bytes);
                let Some([re_column, im_column]) = columns.as_deref() else {
                    return floats::complex_alone(*kind, re, im);
                };
                let im = im_column.word(im);
                let (number, blanks) = im.split_at(im.trim_end().len());
                format!("{}{number}j{blanks}", re_column.word(re))
            }
            Form::Bytes { is_alone: false } => literal(bytes),
            // NumPy prints the `repr` of a scalar of bytes, and the `str` of all others.
            Form::Bytes { is_alone: true } => format!("np.bytes_({})", literal(bytes)),
            Form::Text { scalar, is_alone } => text(*scalar, bytes, *is_alone),
            Form::Void => hexadecimal(bytes),
            Form::Moment { scalar, unit, width } => match (ticks(*scalar, bytes), width) {
                (NAT, None) => "NaT".into(),
                (ticks, None) => times::moment(ticks, *unit),
                (NAT, Some(width)) => format!("{:>width$}", "'NaT'"),
                (ticks, Some(width)) => format!("{:>width$}", quoted(ticks, *unit)),
            },
            Form::Span { scalar, unit, width } => match (ticks(*scalar, bytes), width) {
                (NAT, None) => "NaT".into(),
                (ticks, None) => times::span(ticks, *unit),
                (NAT, Some(width)) => format!("{:>width$}", "'NaT'"),
                (ticks, Some(width)) => format!("{ticks:>width$}"),
            },
            Form::Struct(fields) => {
                let words: Vec<_> = fields.iter().map(|field| field.word(bytes)).collect();
                let comma = if words.len() == 1 { "," } else { "" };
                format!("({}{comma})", words.join(", "))
            }
        }
    }
}

fn of_scalar_type(scalar: Scalar, values: &Values<'_>, surrounding: Surrounding) -> Form {
    // Within a structure, NumPy takes `str` for floats alone; a sub-array counts as a column.
    let in_column = surrounding == Surrounding::Column
        || (surrounding == Surrounding::InStruct && !values.axes.is_empty());
    let has_width = surrounding != Surrounding::Alone;
    let widest = |word: &dyn Fn(&[u8]) -> String| {
        values.iter().map(|bytes| word(bytes).len()).max().unwrap_or(0)
    };
    match scalar.kind() {
        ScalarKind::Bool => Form::Bool { is_padded: in_column },
        ScalarKind::Int(_) | ScalarKind::UInt(_) => {
            let width = widest(&|bytes| integer(scalar, bytes).to_string());
            Form::Integer { scalar, width }
        }
        ScalarKind::Float(_) | ScalarKind::BFloat16 => {
            let kind = kind(scalar);
            let column = (surrounding == Surrounding::Column).then(|| {
                floats::Column::new(kind, false, values.iter().map(|it| float(scalar, kind, it)))
            });
            Form::Float { scalar, kind, column }
        }
        ScalarKind::Complex(_) => {
            let kind = kind(scalar);
            let parts = values.iter().map(|bytes| complex(scalar, kind, bytes));
            let columns = has_width.then(|| {
                let re = floats::Column::new(kind, false, parts.clone().map(|(re, _)| re));
                let im = floats::Column::new(kind, true, parts.map(|(_, im)| im));
                Box::new([re, im])
            });
            Form::Complex { scalar, kind, columns }
        }
        ScalarKind::Bytes(_) => Form::Bytes { is_alone: surrounding == Surrounding::Alone },
        ScalarKind::Unicode(_) => {
            Form::Text { scalar, is_alone: surrounding == Surrounding::Alone }
        }
        ScalarKind::DateTime(unit) => {
            let word = |bytes: &[u8]| match ticks(scalar, bytes) {
                NAT => "'NaT'".into(),
                ticks => quoted(ticks, unit),
            };
            Form::Moment { scalar, unit, width: has_width.then(|| extremes(scalar, values, &word)) }
        }
        ScalarKind::TimeDelta(unit) => {
            let word = |bytes: &[u8]| match ticks(scalar, bytes) {
                NAT => "'NaT'".into(),
                ticks => ticks.to_string(),
            };
            Form::Span { scalar, unit, width: has_width.then(|| extremes(scalar, values, &word)) }
        }
        _ => Form::Void,
    }
}

/// The width of the longest of the first, the last and the missing times.
fn extremes(scalar: Scalar, values: &Values<'_>, word: &dyn Fn(&[u8]) -> String) -> usize {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| word(bytes).len());
    let times = || values.iter().filter(|bytes| ticks(scalar, bytes) != NAT);
    let first = of(times().min_by_key(|bytes| ticks(scalar, bytes)));
    let last = of(times().max_by_key(|bytes| ticks(scalar, bytes)));
    first.max(last).max(of(values.iter().find(|bytes| ticks(scalar, bytes) == NAT)))
}

fn of_fields(
    fields: &[Field],
    values: &Values<'_>,
    surrounding: Surrounding,
) -> Vec<FieldFormatter> {
    let mut start = 0;
    let mut words = Vec::new();
    for field in fields {
        let len = field.dtype.itemsize() * field.shape.iter().product::<usize>();
        // Padding has no name.
        if !field.name.is_empty() {
            let of = Formatter::of(&field.dtype, &values.field(start, field), surrounding);
            words.push(FieldFormatter { start, len, shape: field.shape.clone(), words: of });
        }
        start += len;
    }
    words
}

impl FieldFormatter {
    fn word(&self, element: &[u8]) -> String {
        let bytes = element.get(self.start..self.start + self.len).unwrap_or_default();
        let is_summary = self.shape.iter().product::<usize>() > THRESHOLD;
        self.part(bytes, &self.shape, is_summary)
    }

    fn part(&self, bytes: &[u8], shape: &[usize], is_summary: bool) -> String {
        let Some((&len, inner)) = shape.split_first() else {
            return self.words.word(bytes);
        };
        let size = bytes.len() / len;
        let left_out = if is_summary && len > 2 * EDGE { EDGE..len - EDGE } else { 0..0 };
        let mut words: Vec<_> = bytes
            .chunks_exact(size)
            .enumerate()
            .filter(|(number, _)| !left_out.contains(number))
            .map(|(_, part)| self.part(part, inner, is_summary))
            .collect();
        if !left_out.is_empty() {
            words.insert(EDGE, "...".into());
        }
        format!("[{}]", words.join(", "))
    }
}

fn is_true(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != 0)
}

/// The bits of a number of up to eight bytes.
fn bits(order: ByteOrder, bytes: &[u8]) -> u64 {
    let push = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    match order {
        ByteOrder::Big => bytes.iter().fold(0, push),
        ByteOrder::Little | ByteOrder::None => bytes.iter().rev().fold(0, push),
    }
}

fn ticks(scalar: Scalar, bytes: &[u8]) -> i64 {
    bits(scalar.byte_order(), bytes).cast_signed()
}

/// An integer of up to eight bytes.
pub(super) fn integer(scalar: Scalar, bytes: &[u8]) -> i128 {
    let bits = bits(scalar.byte_order(), bytes);
    if matches!(scalar.kind(), ScalarKind::UInt(_)) {
        return bits.into();
    }
    let unused = 64 - 8 * bytes.len().clamp(1, 8);
    (bits << unused).cast_signed().wrapping_shr(u32::try_from(unused).unwrap_or(0)).into()
}

fn kind(scalar: Scalar) -> FloatType {
    match scalar.kind() {
        ScalarKind::Float(2) => FloatType::F16,
        ScalarKind::BFloat16 => FloatType::BF16,
        ScalarKind::Float(4) | ScalarKind::Complex(8) => FloatType::F32,
        _ => FloatType::F64,
    }
}

#[allow(clippy::cast_possible_truncation)] // the lower bits are all there are
fn float(scalar: Scalar, kind: FloatType, bytes: &[u8]) -> f64 {
    let bits = bits(scalar.byte_order(), bytes);
    match kind {
        FloatType::F16 => f16::from_bits(bits as u16).to_f64(),
        FloatType::BF16 => bf16::from_bits(bits as u16).to_f64(),
        FloatType::F32 => f32::from_bits(bits as u32).into(),
        FloatType::F64 => f64::from_bits(bits),
    }
}

fn complex(scalar: Scalar, kind: FloatType, bytes: &[u8]) -> (f64, f64) {
    let (re, im) = bytes.split_at(bytes.len() / 2);
    (float(scalar, kind, re), float(scalar, kind, im))
}

/// A number that a colour can stand for; `None` for types that have none.
pub(super) fn number(dtype: &DType) -> Option<impl Fn(&[u8]) -> f64 + use<>> {
    let DType::Scalar(scalar) = *dtype else {
        return None;
    };
    let kind = kind(scalar);
    let is_number = matches!(
        scalar.kind(),
        ScalarKind::Bool
            | ScalarKind::Int(_)
            | ScalarKind::UInt(_)
            | ScalarKind::Float(_)
            | ScalarKind::BFloat16
    );
    is_number.then_some(move |bytes: &[u8]| match scalar.kind() {
        ScalarKind::Bool => u8::from(is_true(bytes)).into(),
        ScalarKind::Float(_) | ScalarKind::BFloat16 => float(scalar, kind, bytes),
        _ => integer(scalar, bytes) as f64,
    })
}

fn quoted(ticks: i64, unit: TimeUnit) -> String {
    format!("'{}'", times::moment(ticks, unit))
}

/// Bytes as Python writes them, without the zeros at their end.
fn literal(bytes: &[u8]) -> String {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let bytes = &bytes[..len];
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            b'\'' if quote == '\'' => text.push_str("\\'"),
            b' '..=b'~' => text.push(byte.into()),
            // Writing to a String cannot fail.
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text.push(quote);
    text
}

/// Code points as Python writes them, without the zeros at their end: in quotes, but for a scalar.
fn text(scalar: Scalar, bytes: &[u8], is_alone: bool) -> String {
    let code = |bytes: &[u8]| u32::try_from(bits(scalar.byte_order(), bytes)).unwrap_or(u32::MAX);
    let character = |code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    let text: String = bytes.chunks_exact(4).map(|bytes| character(code(bytes))).collect();
    let text = text.trim_end_matches('\0');
    if is_alone { printable(text).into_owned() } else { Literal::repr(text) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::from("b'");
    for byte in bytes {
        _ = write!(text, "\\x{byte:02X}");
    }
    text.push('\'');
    text
}

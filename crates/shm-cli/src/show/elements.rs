//! Elements of any dtype as words of one width, as NumPy prints them.

use std::fmt::Write as _;

use half::{bf16, f16};
use shmarray::{
    DType,
    dtype::{ByteOrder, Field, Scalar, ScalarKind, TimeUnit},
};

use super::floats::{self, Kind};
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
pub(super) struct Words(Form);

#[derive(Clone, Debug)]
enum Form {
    Bool { is_padded: bool },
    Integer { scalar: Scalar, width: usize },
    Float { scalar: Scalar, kind: Kind, column: Option<floats::Column> },
    Complex { scalar: Scalar, kind: Kind, columns: Option<Box<[floats::Column; 2]>> },
    Bytes,
    Void,
    Moment { scalar: Scalar, unit: TimeUnit, width: Option<usize> },
    Span { scalar: Scalar, unit: TimeUnit, width: Option<usize> },
    Struct(Vec<FieldWords>),
}

#[derive(Clone, Debug)]
struct FieldWords {
    start: usize,
    len: usize,
    shape: Vec<usize>,
    words: Words,
}

/// Whether a value stands in a column, or by itself as a NumPy scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Column,
    Alone,
    /// In a structure that is by itself.
    InStruct,
}

impl Words {
    /// For elements that are printed together.
    pub(super) fn of_array(dtype: &DType, elements: &[u8]) -> Self {
        Self::new(dtype, elements, Place::Column)
    }

    /// For the one element of a 0-d array.
    pub(super) fn of_scalar(dtype: &DType, element: &[u8]) -> Self {
        Self::new(dtype, element, Place::Alone)
    }

    fn new(dtype: &DType, bytes: &[u8], place: Place) -> Self {
        let len = dtype.itemsize();
        let axes = if place == Place::Column { vec![(bytes.len() / len, len)] } else { Vec::new() };
        Self::of(dtype, &Values { bytes, axes, start: 0, len }, place)
    }

    fn of(dtype: &DType, values: &Values<'_>, place: Place) -> Self {
        Self(match dtype {
            DType::Scalar(scalar) => of_scalar_type(*scalar, values, place),
            DType::Struct(fields) => {
                let place = if place == Place::Column { place } else { Place::InStruct };
                Form::Struct(of_fields(fields, values, place))
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
            Form::Bytes => literal(bytes),
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

fn of_scalar_type(scalar: Scalar, values: &Values<'_>, place: Place) -> Form {
    // Within a structure, NumPy takes `str` for floats alone; a sub-array counts as a column.
    let in_column = place == Place::Column || (place == Place::InStruct && !values.axes.is_empty());
    let has_width = place != Place::Alone;
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
            let column = (place == Place::Column).then(|| {
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
        ScalarKind::Bytes(_) => Form::Bytes,
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

fn of_fields(fields: &[Field], values: &Values<'_>, place: Place) -> Vec<FieldWords> {
    let mut start = 0;
    let mut words = Vec::new();
    for field in fields {
        let len = field.dtype.itemsize() * field.shape.iter().product::<usize>();
        // Padding has no name.
        if !field.name.is_empty() {
            let of = Words::of(&field.dtype, &values.field(start, field), place);
            words.push(FieldWords { start, len, shape: field.shape.clone(), words: of });
        }
        start += len;
    }
    words
}

impl FieldWords {
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

fn kind(scalar: Scalar) -> Kind {
    match scalar.kind() {
        ScalarKind::Float(2) => Kind::F16,
        ScalarKind::BFloat16 => Kind::BF16,
        ScalarKind::Float(4) | ScalarKind::Complex(8) => Kind::F32,
        _ => Kind::F64,
    }
}

#[allow(clippy::cast_possible_truncation)] // the lower bits are all there are
fn float(scalar: Scalar, kind: Kind, bytes: &[u8]) -> f64 {
    let bits = bits(scalar.byte_order(), bytes);
    match kind {
        Kind::F16 => f16::from_bits(bits as u16).to_f64(),
        Kind::BF16 => bf16::from_bits(bits as u16).to_f64(),
        Kind::F32 => f32::from_bits(bits as u32).into(),
        Kind::F64 => f64::from_bits(bits),
    }
}

fn complex(scalar: Scalar, kind: Kind, bytes: &[u8]) -> (f64, f64) {
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

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::from("b'");
    for byte in bytes {
        _ = write!(text, "\\x{byte:02X}");
    }
    text.push('\'');
    text
}

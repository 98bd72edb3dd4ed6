//! Floating-point numbers in columns, as NumPy prints them.
//!
//! The rules are those of `FloatingFormat` in NumPy's `arrayprint.py`: the fewest digits that tell
//! a number from its neighbours, eight behind the point at most, and one notation for all.

use half::{bf16, f16};

/// The type that numbers come from: which digits tell one from the next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FloatType {
    F16,
    BF16,
    F32,
    F64,
}

/// Digits behind the point, as NumPy's `precision`.
const PRECISION: usize = 8;

impl FloatType {
    /// The nearest number of this type.
    fn round(self, value: f64) -> f64 {
        match self {
            Self::F16 => f16::from_f64(value).to_f64(),
            Self::BF16 => bf16::from_f64(value).to_f64(),
            #[allow(clippy::cast_possible_truncation)] // rounding is what is meant
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }

    /// From where on NumPy takes the scientific notation: a power of ten that the type still
    /// tells from its neighbours (`finfo.precision`), 10^8 at most. NumPy has no bfloat16; it is
    /// printed as a float16.
    fn largest(self) -> f64 {
        match self {
            Self::F16 | Self::BF16 => 1e3,
            Self::F32 => 1e6,
            Self::F64 => 1e8,
        }
    }

    /// The fewest digits that tell the number from its neighbours: `-1.25e-3`. Of two that are as
    /// near, the even one, as NumPy takes it.
    fn shortest(self, value: f64) -> String {
        let tells = |text: &String| text.parse().is_ok_and(|read| self.round(read) == value);
        let known = match self {
            Self::F16 | Self::BF16 => None,
            #[allow(clippy::cast_possible_truncation)] // it came from an f32
            Self::F32 => Some(format!("{:e}", value as f32)),
            Self::F64 => Some(format!("{value:e}")),
        };
        let first = known.as_deref().map_or(0, fraction);
        let even = (first..17).map(|digits| format!("{value:.digits$e}")).find(tells);
        match (even, known) {
            (Some(even), Some(known)) if even.len() > known.len() => known,
            (Some(even), _) => even,
            (None, known) => known.unwrap_or_else(|| format!("{value:e}")),
        }
    }

    /// Mantissa and exponent of the shortest digits, at most so many behind the point; without
    /// zeros at the end.
    fn scientific(self, value: f64, precision: usize) -> (String, i32) {
        let mut text = self.shortest(value);
        if fraction(&text) > precision {
            text = format!("{value:.precision$e}");
        }
        let (mantissa, exponent) = text.split_at(exponent_at(&text));
        let exponent = exponent[1..].parse().unwrap_or(0);
        let mantissa = match mantissa.split_once('.') {
            Some((whole, fraction)) => format!("{whole}.{}", fraction.trim_end_matches('0')),
            None => format!("{mantissa}."),
        };
        (mantissa, exponent)
    }

    /// The shortest digits without an exponent, at most so many behind the point; without zeros at
    /// the end.
    fn positional(self, value: f64, precision: usize) -> String {
        let (mantissa, exponent) = self.scientific(value, usize::MAX);
        let fraction = mantissa.len() - mantissa.find('.').unwrap_or(0) - 1;
        let behind = fraction.saturating_add_signed(-(exponent as isize)).min(precision);
        // Exact in front of the point: in this notation nothing is above 10^16.
        let text = format!("{value:.behind$}");
        match text.split_once('.') {
            Some((whole, fraction)) => format!("{whole}.{}", fraction.trim_end_matches('0')),
            None => format!("{text}."),
        }
    }
}

/// Digits behind the point.
fn fraction(text: &str) -> usize {
    text.find('.').map_or(0, |dot| exponent_at(text) - dot - 1)
}

fn exponent_at(text: &str) -> usize {
    text.find('e').unwrap_or(text.len())
}

/// One notation and one width for all numbers of a column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    kind: FloatType,
    is_scientific: bool,
    /// Whether positive numbers bear a sign: imaginary parts do.
    is_signed: bool,
    /// Digits behind the point: the most of them, or as many as each has.
    precision: usize,
    /// Characters before the point, and behind it with the exponent.
    left: usize,
    right: usize,
    /// Digits of the exponent.
    exponent: usize,
}

impl Column {
    pub(super) fn new(
        kind: FloatType,
        is_signed: bool,
        values: impl Iterator<Item = f64> + Clone,
    ) -> Self {
        let mut column = Self {
            kind,
            is_scientific: false,
            is_signed,
            precision: PRECISION,
            left: 0,
            right: 0,
            exponent: 0,
        };
        let finite = values.clone().filter(|value| value.is_finite());
        let sizes = finite.clone().map(f64::abs).filter(|size| *size > 0.0);
        let (min, max) =
            sizes.fold((f64::INFINITY, 0.0), |(min, max), size| (size.min(min), size.max(max)));
        if max > 0.0 {
            column.is_scientific =
                max >= kind.largest() || min < kind.round(1e-4) || kind.round(max / min) > 1000.0;
        }
        let mut most = 0;
        for value in finite {
            let (whole, fraction, exponent) = column.parts(value);
            column.left = column.left.max(whole);
            most = most.max(fraction);
            column.exponent = column.exponent.max(exponent);
        }
        column.right = most;
        if column.is_scientific {
            column.precision = most;
            column.right = column.exponent + 2 + most;
        }
        for value in values.filter(|value| !value.is_finite()) {
            // As NumPy counts: a sign is reserved for all if there is -inf, or if all have one; then
            // also beside nan, which has none.
            let has_sign = is_signed || value == f64::NEG_INFINITY;
            let needs = 3 + usize::from(has_sign);
            column.left = column.left.max(needs.saturating_sub(column.right + 1));
        }
        column
    }

    /// Characters before the point and behind it, and digits of the exponent.
    fn parts(&self, value: f64) -> (usize, usize, usize) {
        let (text, exponent) = self.digits(value);
        let dot = text.find('.').unwrap_or(text.len());
        (dot, text.len() - dot - 1, exponent.len())
    }

    /// The number with its sign, and the digits of its exponent where it has one.
    fn digits(&self, value: f64) -> (String, String) {
        let sign = if self.is_signed && !value.is_sign_negative() { "+" } else { "" };
        if self.is_scientific {
            let (mantissa, exponent) = self.kind.scientific(value, self.precision);
            (format!("{sign}{mantissa}"), format!("{:02}", exponent.unsigned_abs()))
        } else {
            (format!("{sign}{}", self.kind.positional(value, PRECISION)), String::new())
        }
    }

    /// The number, as wide as all others.
    pub(super) fn word(&self, value: f64) -> String {
        if !value.is_finite() {
            let width = self.left + self.right + 1;
            return format!("{:>width$}", special(value, self.is_signed));
        }
        if self.is_scientific {
            let text = self.exact(value);
            let pad = self.left.saturating_sub(text.find('.').unwrap_or(text.len()));
            return format!("{:pad$}{text}", "");
        }
        let (text, _) = self.digits(value);
        let pad = self.left.saturating_sub(text.find('.').unwrap_or(text.len()));
        let behind = (self.left + 1 + self.right).saturating_sub(pad + text.len());
        format!("{:pad$}{text}{:behind$}", "", "")
    }

    /// As many digits as the longest of the numbers needs; those that another could do without are
    /// the exact ones.
    fn exact(&self, value: f64) -> String {
        let sign = if self.is_signed && !value.is_sign_negative() { "+" } else { "" };
        let text = format!("{value:.*e}", self.precision);
        let (mantissa, power) = text.split_at(exponent_at(&text));
        let point = if self.precision == 0 { "." } else { "" };
        let power = power.trim_start_matches('e');
        let (below, power) = match power.strip_prefix('-') {
            Some(power) => ('-', power),
            None => ('+', power),
        };
        format!("{sign}{mantissa}{point}e{below}{power:0>width$}", width = self.exponent)
    }
}

fn special(value: f64, is_signed: bool) -> String {
    let name = if value.is_nan() { "nan" } else { "inf" };
    let sign = match value {
        _ if value.is_infinite() && value < 0.0 => "-",
        _ if is_signed => "+",
        _ => "",
    };
    format!("{sign}{name}")
}

/// One number by itself, as `str` of a NumPy scalar: `1.0`, `1e+16`.
pub(super) fn alone(kind: FloatType, value: f64) -> String {
    let text = bare(kind, value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}

/// One complex number by itself: `(1+2j)`, `2j`.
pub(super) fn complex_alone(kind: FloatType, re: f64, im: f64) -> String {
    if re == 0.0 && !re.is_sign_negative() {
        return format!("{}j", bare(kind, im));
    }
    let sign = if im.is_sign_negative() && !im.is_nan() { "" } else { "+" };
    format!("({}{sign}{}j)", bare(kind, re), bare(kind, im))
}

/// Without a point where there is nothing behind it.
fn bare(kind: FloatType, value: f64) -> String {
    if !value.is_finite() {
        return special(value, false);
    }
    let size = value.abs();
    let largest = if kind == FloatType::F64 { 1e16 } else { kind.largest() };
    if size == 0.0 || (size >= 1e-4 && size < largest) {
        let text = kind.positional(value, usize::MAX);
        return text.trim_end_matches('.').into();
    }
    let (mantissa, exponent) = kind.scientific(value, usize::MAX);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", mantissa.trim_end_matches('.'), exponent.unsigned_abs())
}

//! Units of time, as `datetime64` and `timedelta64` count in them.

use std::fmt;

/// A unit of time of `datetime64` and `timedelta64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `Y`
    Year,
    /// `M`
    Month,
    /// `W`
    Week,
    /// `D`
    Day,
    /// `h`
    Hour,
    /// `m`
    Minute,
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `ns`
    Nanosecond,
    /// `ps`
    Picosecond,
    /// `fs`
    Femtosecond,
    /// `as`
    Attosecond,
}

impl Unit {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Year, "Y"),
        (Self::Month, "M"),
        (Self::Week, "W"),
        (Self::Day, "D"),
        (Self::Hour, "h"),
        (Self::Minute, "m"),
        (Self::Second, "s"),
        (Self::Millisecond, "ms"),
        (Self::Microsecond, "us"),
        (Self::Nanosecond, "ns"),
        (Self::Picosecond, "ps"),
        (Self::Femtosecond, "fs"),
        (Self::Attosecond, "as"),
    ];

    fn code(self) -> &'static str {
        Self::ALL.iter().find(|(unit, _)| *unit == self).map_or("", |(_, code)| code)
    }

    fn from_code(code: &str) -> Option<Self> {
        let code = if matches!(code, "\u{3bc}s" | "\u{b5}s") { "us" } else { code };
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(unit, _)| *unit)
    }

    /// Smaller units, each with how many of them there are in this one, as NumPy counts: a month has
    /// 30 days in it, and a year 52 weeks.
    fn smaller(self) -> &'static [(u32, Self)] {
        match self {
            Self::Year => &[(12, Self::Month), (52, Self::Week), (365, Self::Day)],
            Self::Month => &[(4, Self::Week), (30, Self::Day), (720, Self::Hour)],
            Self::Week => &[(7, Self::Day), (168, Self::Hour), (10_080, Self::Minute)],
            Self::Day => &[(24, Self::Hour), (1440, Self::Minute), (86_400, Self::Second)],
            Self::Hour => &[(60, Self::Minute), (3600, Self::Second)],
            Self::Minute => &[(60, Self::Second), (60_000, Self::Millisecond)],
            Self::Second => &[(1000, Self::Millisecond), (1_000_000, Self::Microsecond)],
            Self::Millisecond => &[(1000, Self::Microsecond), (1_000_000, Self::Nanosecond)],
            Self::Microsecond => &[(1000, Self::Nanosecond), (1_000_000, Self::Picosecond)],
            Self::Nanosecond => &[(1000, Self::Picosecond), (1_000_000, Self::Femtosecond)],
            Self::Picosecond => &[(1000, Self::Femtosecond), (1_000_000, Self::Attosecond)],
            Self::Femtosecond => &[(1000, Self::Attosecond)],
            Self::Attosecond => &[],
        }
    }
}

/// What one tick of a `datetime64` or `timedelta64` lasts: `count` units, or generic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// No unit (`<M8`).
    Generic,
    /// So many of a unit (`<M8[25s]`); one in almost all arrays.
    Of(u32, Unit),
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generic => Ok(()),
            Self::Of(1, unit) => write!(f, "[{}]", unit.code()),
            Self::Of(count, unit) => write!(f, "[{count}{}]", unit.code()),
        }
    }
}

impl TimeUnit {
    /// From what stands behind `M8`: nothing, `[ns]`, `[25s]`, `[s/1000]` or `[generic]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if matches!(text, "" | "[generic]") {
            return Ok(Self::Generic);
        }
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or_else(|| format!("time unit {text:?} is not in brackets"))?;
        let (inner, divisor) = match inner.split_once('/') {
            Some((inner, divisor)) => (inner, count(divisor)?),
            None => (inner, 1),
        };
        let code = inner.trim_start_matches(|c: char| c.is_ascii_digit());
        let times = match &inner[..inner.len() - code.len()] {
            "" => 1,
            digits => count(digits)?,
        };
        let unit =
            Unit::from_code(code).ok_or_else(|| format!("time unit {code:?} is not known"))?;
        if divisor == 1 {
            return Ok(Self::Of(times, unit));
        }
        let divided = unit.smaller().iter().find(|(many, _)| many.is_multiple_of(divisor));
        divided
            .and_then(|(many, smaller)| {
                Some(Self::Of(times.checked_mul(many / divisor)?, *smaller))
            })
            .ok_or_else(|| format!("{times} {code} in {divisor} parts are no smaller unit"))
    }
}

fn count(digits: &str) -> Result<u32, String> {
    match digits.parse() {
        Ok(0) => Err("a time unit of zero ticks".into()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("time unit count {digits:?} is too large")),
    }
}

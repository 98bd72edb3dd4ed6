//! Moments and spans of time, as NumPy prints them.

use shmarray::dtype::{TimeUnit, Unit};

/// NumPy's "not a time".
pub(super) const NAT: i64 = i64::MIN;

const SECONDS_PER_DAY: i128 = 86_400;

/// A moment in ISO 8601, to the digit that its unit has: `2026-11-21T15:30`. Without a unit there
/// is only the number.
pub(super) fn moment(ticks: i64, unit: TimeUnit) -> String {
    let TimeUnit::Of(count, unit) = unit else {
        return ticks.to_string();
    };
    let ticks = i128::from(ticks) * i128::from(count);
    let (per_second, digits) = match unit {
        Unit::Year => return format!("{:04}", 1970 + ticks),
        Unit::Month => {
            return format!("{:04}-{:02}", 1970 + ticks.div_euclid(12), ticks.rem_euclid(12) + 1);
        }
        Unit::Week => return date(ticks * 7),
        Unit::Day => return date(ticks),
        Unit::Hour => {
            return format!("{}T{:02}", date(ticks.div_euclid(24)), ticks.rem_euclid(24));
        }
        Unit::Minute => {
            let (day, minute) = (ticks.div_euclid(24 * 60), ticks.rem_euclid(24 * 60));
            return format!("{}T{:02}:{:02}", date(day), minute / 60, minute % 60);
        }
        Unit::Second => (1, 0),
        Unit::Millisecond => (1_000, 3),
        Unit::Microsecond => (1_000_000, 6),
        Unit::Nanosecond => (1_000_000_000, 9),
        Unit::Picosecond => (1_000_000_000_000, 12),
        Unit::Femtosecond => (1_000_000_000_000_000, 15),
        Unit::Attosecond => (1_000_000_000_000_000_000, 18),
    };
    let (seconds, fraction) = (ticks.div_euclid(per_second), ticks.rem_euclid(per_second));
    let (day, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let text = format!("{}T{hour:02}:{minute:02}:{second:02}", date(day));
    if digits == 0 { text } else { format!("{text}.{fraction:0digits$}") }
}

/// The date so many days after 1970-01-01, in the Gregorian calendar before its time as well.
fn date(days: i128) -> String {
    // Years begin in March here, so that a leap day is the last of its year.
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (year + era * 400, month + 3);
    let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
    format!("{year:04}-{month:02}-{day:02}")
}

/// A span of time by itself: `125 seconds`.
pub(super) fn span(ticks: i64, unit: TimeUnit) -> String {
    let (count, name) = match unit {
        TimeUnit::Generic => (1, "generic time units"),
        TimeUnit::Of(count, unit) => (count, plural(unit)),
    };
    format!("{} {name}", i128::from(ticks) * i128::from(count))
}

fn plural(unit: Unit) -> &'static str {
    match unit {
        Unit::Year => "years",
        Unit::Month => "months",
        Unit::Week => "weeks",
        Unit::Day => "days",
        Unit::Hour => "hours",
        Unit::Minute => "minutes",
        Unit::Second => "seconds",
        Unit::Millisecond => "milliseconds",
        Unit::Microsecond => "microseconds",
        Unit::Nanosecond => "nanoseconds",
        Unit::Picosecond => "picoseconds",
        Unit::Femtosecond => "femtoseconds",
        Unit::Attosecond => "attoseconds",
    }
}

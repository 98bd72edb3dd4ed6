//! Sizes as people write them: `4GiB`, `64M`, `1000`.

/// Bytes. `K`, `M`, … and `KiB`, `MiB`, … are powers of 1024; `kB`, `MB`, … of 1000.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{text:?} does not begin with a whole number up to {}", u64::MAX))?;
    let unit = unit.trim().to_ascii_lowercase();
    let (letter, base) = match unit.strip_suffix('b') {
        None => (&*unit, 1024_u64),
        Some(rest) => match rest.strip_suffix('i') {
            Some(letter) => (letter, 1024),
            None => (rest, 1000),
        },
    };
    let power = match letter {
        "" => Some(0),
        letter => ["k", "m", "g", "t", "p", "e"]
            .iter()
            .position(|known| *known == letter)
            .map(|at| at + 1),
    };
    let power = power.and_then(|power| u32::try_from(power).ok());
    let Some(power) = power.filter(|_| unit != "ib") else {
        return Err(format!("{unit:?} is not a unit; write bytes, or K, MiB, G, TB, …"));
    };
    base.checked_pow(power)
        .and_then(|unit| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is more than {} bytes", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("7b", 7),
            ("4GiB", 4 << 30),
            ("64M", 64 << 20),
            (" 64 m ", 64 << 20),
            ("2k", 2048),
            ("2kB", 2000),
            ("1TB", 1_000_000_000_000),
            ("15E", 15 << 60),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "-1", "1.5G", "4 Gib x", "1Q", "16E", "1ib", "18446744073709551616"] {
            assert!(size(text).is_err(), "{text}: {:?}", size(text));
        }
    }
}

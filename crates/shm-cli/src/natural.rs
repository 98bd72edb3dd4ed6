//! The order in which people count: `tile-2` before `tile-10`.

use std::cmp::Ordering;

/// Compares two names; the digits in them count as numbers.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some((a, left_rest)), Some((b, right_rest))) = (part(left), part(right)) {
        let is_number = |text: &str| text.starts_with(|char: char| char.is_ascii_digit());
        let order = if is_number(a) && is_number(b) {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    // The longer name comes later; leading zeros tell equal numbers apart.
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// The digits, or what is not digits, that a text begins with, and the rest.
fn part(text: &str) -> Option<(&str, &str)> {
    let is_number = text.chars().next()?.is_ascii_digit();
    let end = text.find(|char: char| char.is_ascii_digit() != is_number).unwrap_or(text.len());
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn numbers_count() {
        let sorted =
            ["", "1", "2", "10", "100000000000000000000000", "a", "a2", "a2b", "a10", "b", "ß1"];
        let mut mixed = sorted;
        mixed.reverse();
        mixed.sort_by(|a, b| compare(a, b));
        assert_eq!(mixed, sorted);
        assert!(compare("a1", "a01").is_ne(), "no two names are the same");
    }
}

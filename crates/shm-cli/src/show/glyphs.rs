//! The digits that stand beside a colour bar, 5 by 7 points each.

/// Points of a glyph with the gap behind it, and its height.
pub(super) const WIDTH: usize = 6;
pub(super) const HEIGHT: usize = 7;

/// Each character with its rows, the leftmost point in the highest of five bits.
const GLYPHS: [(char, [u8; HEIGHT]); 14] = [
    ('0', [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110]),
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111]),
    ('3', [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110]),
    ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
    ('5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110]),
    ('6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100]),
    ('-', [0b00000, 0b00000, 0b00000, 0b11111, 0b00000, 0b00000, 0b00000]),
    ('+', [0b00000, 0b00100, 0b00100, 0b11111, 0b00100, 0b00100, 0b00000]),
    ('.', [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100]),
    ('e', [0b00000, 0b00000, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110]),
];

/// Whether a text has ink at that point; characters without a glyph are blank.
pub(super) fn has_ink(text: &str, x: usize, y: usize) -> bool {
    let glyph = text
        .chars()
        .nth(x / WIDTH)
        .and_then(|char| GLYPHS.iter().find(|(known, _)| *known == char).map(|(_, rows)| rows));
    let column = x % WIDTH;
    column < 5 && glyph.and_then(|rows| rows.get(y)).is_some_and(|row| row >> (4 - column) & 1 == 1)
}

//! Random numbers that a printed seed brings back, and the time that is wasted with them.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// A generator of random numbers (splitmix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The one of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One of `0..sides`.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.roll() % sides
    }

    /// True in one of so many cases.
    pub fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    /// One of `0..len`, or 0 if there is none.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len.max(1) as u64)).unwrap()
    }

    /// One of them, if there is any.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.index(all.len()))
    }

    /// Keeps the processor busy for up to so many microseconds.
    pub fn dawdle(&mut self, most: u64) {
        let time = Duration::from_micros(self.below(most + 1));
        let start = Instant::now();
        while start.elapsed() < time {
            spin_loop();
        }
    }
}

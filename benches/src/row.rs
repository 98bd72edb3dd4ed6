//! A row of the table: contenders that do the same thing, and how one of them is measured.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

/// Does the thing `count` times, and tells how long that took.
pub type Run = Box<dyn FnMut(u64) -> Duration>;

/// The role of a contender in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This library.
    Ours,
    /// The bare system calls that keep the same promise.
    Floor,
    /// What people use instead.
    Peer,
}

impl Role {
    /// Its name in what `contest` prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Peer => "peer",
        }
    }
}

/// The goal of ours, relative to the other contenders of the same run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most so many times the floor.
    OfFloor(f64),
    /// At least so many times faster than the best peer.
    OfPeer(f64),
    /// Less than this time.
    Below(Duration),
}

/// A contender: one way to do the operation of a row.
pub struct Contender {
    /// `ours`, `floor`, or which peer; one of its kind in the row.
    pub name: String,
    /// Its role in the row.
    pub role: Role,
    /// Makes what is needed, outside the time. Called in the process that measures, which has one
    /// thread, so it may fork.
    pub prepare: Box<dyn Fn() -> Run>,
}

impl Contender {
    /// This library.
    pub fn ours(prepare: impl Fn() -> Run + 'static) -> Self {
        Self { name: "ours".into(), role: Role::Ours, prepare: Box::new(prepare) }
    }

    /// The bare system calls that keep the same promise.
    pub fn floor(prepare: impl Fn() -> Run + 'static) -> Self {
        Self { name: "floor".into(), role: Role::Floor, prepare: Box::new(prepare) }
    }

    /// What people use instead.
    pub fn peer(name: &str, prepare: impl Fn() -> Run + 'static) -> Self {
        Self { name: name.into(), role: Role::Peer, prepare: Box::new(prepare) }
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// Its stable name: `create/shm/4KiB`.
    pub key: String,
    /// Its name for readers: `create+map+destroy, shm, 4 KiB`.
    pub title: String,
    /// What "floor" means here, in one sentence.
    pub floor: &'static str,
    /// Bytes moved by one operation, where GiB/s says more than a time.
    pub bytes: Option<u64>,
    /// The goal of ours.
    pub goal: Option<Goal>,
    /// Whether it can be run on this machine; otherwise why not.
    pub ready: fn() -> Result<(), String>,
    /// The contenders.
    pub contenders: Vec<Contender>,
}

/// For [`Row::ready`]: it can be run everywhere.
#[expect(clippy::unnecessary_wraps)] // as `ready` is
pub(crate) fn anywhere() -> Result<(), String> {
    Ok(())
}

/// A run that does nothing but `operation`, and drops what comes of it, within the time.
pub(crate) fn each<T>(mut operation: impl FnMut() -> T + 'static) -> Run {
    Box::new(move |count| {
        let start = Instant::now();
        for _ in 0..count {
            drop(std::hint::black_box(operation()));
        }
        start.elapsed()
    })
}

/// A run of work that counts by itself.
pub(crate) fn alone(mut work: impl FnMut(u64) + 'static) -> Run {
    Box::new(move |count| {
        let start = Instant::now();
        work(count);
        start.elapsed()
    })
}

/// A run of an operation that uses up what `before` makes: that, and dropping what comes of the
/// operation, are outside the time. For operations of many microseconds, as each reads the clock.
pub(crate) fn each_with<T, U>(
    mut before: impl FnMut() -> T + 'static,
    mut operation: impl FnMut(T) -> U + 'static,
) -> Run {
    Box::new(move |count| {
        let mut sum = Duration::ZERO;
        for _ in 0..count {
            let made = before();
            let start = Instant::now();
            let outcome = std::hint::black_box(operation(made));
            sum += start.elapsed();
            drop(outcome);
        }
        sum
    })
}

/// A run of memory by the gigabyte. An extra operation before the time begins fetches memory that the
/// machine's host has taken back. A note tells if the host took or gave some during the run.
pub(crate) fn calm(mut run: Run) -> Run {
    let mut is_first = true;
    Box::new(move |count| {
        if std::mem::take(&mut is_first) {
            run(1);
        }
        let before = ballooned();
        let time = run(count);
        if ballooned() != before {
            note("the host took memory from this machine, or gave it back, meanwhile");
        }
        time
    })
}

/// What `/proc/vmstat` counts of it: a balloon that grows or shrinks.
fn ballooned() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let moves = ["balloon_inflate ", "balloon_deflate "];
    let lines = text.lines().filter(|line| moves.iter().any(|key| line.starts_with(key)));
    lines.map(str::to_owned).collect()
}

/// Runs until a measurement takes `least`, or eight times that with what is left out of its time; gives
/// the time with how many operations it was of.
/// It begins with one, so that an operation of a second is done once.
pub fn measure(run: &mut Run, least: Duration) -> (Duration, u64) {
    let mut count = 1;
    loop {
        let start = Instant::now();
        let time = run(count);
        // What a row leaves out of its time may take far longer than what it counts.
        let share = time.div_duration_f64(least).max(start.elapsed().div_duration_f64(least * 8));
        if share >= 1.0 {
            return (time, count);
        }
        let factor = (1.2 / share).clamp(2.0, 10.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 2 to 10
        let factor = factor.ceil() as u64;
        count *= factor;
    }
}

thread_local! {
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Says something about this measurement that the table shall tell, once.
pub fn note(text: impl Into<String>) {
    let text = text.into();
    NOTES.with_borrow_mut(|notes| {
        if !notes.contains(&text) {
            notes.push(text);
        }
    });
}

/// What was said by [`note`], in order.
#[must_use]
pub fn notes() -> Vec<String> {
    NOTES.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many operations a measurement of 50 ms is of, if one takes that long, and all the counts.
    fn measured(one: Duration) -> (u64, Vec<u64>) {
        let counts = std::rc::Rc::new(RefCell::new(Vec::new()));
        let seen = counts.clone();
        let mut run: Run = Box::new(move |count| {
            seen.borrow_mut().push(count);
            one * u32::try_from(count).unwrap()
        });
        let (time, count) = measure(&mut run, Duration::from_millis(50));
        assert_eq!(time, one * u32::try_from(count).unwrap());
        (count, counts.take())
    }

    #[test]
    fn what_takes_long_is_done_once() {
        assert_eq!(measured(Duration::from_secs(1)), (1, vec![1]));
    }

    #[test]
    fn what_is_quick_is_done_often_enough_and_not_far_more() {
        let (count, counts) = measured(Duration::from_nanos(30));
        let enough = 50_000_000 / 30 + 1;
        assert!((enough..enough * 3).contains(&count), "{count}");
        assert!(
            counts.is_sorted_by(|one, next| one * 2 <= *next && *next <= one * 10),
            "{counts:?}"
        );
    }

    #[test]
    fn a_note_is_told_once() {
        note("one");
        note("other");
        note("one");
        assert_eq!(notes(), ["one", "other"]);
    }
}

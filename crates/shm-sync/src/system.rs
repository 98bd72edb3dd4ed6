//! What the algorithms need of the system: waiting, and who is alive. The models have their own.

use std::time::{Duration, Instant};

use shm_core::{Error, Result};
use shm_presence::Owner;

use crate::atomic::{AtomicU64, spin_loop};

/// Whom a call to [`Wait::wake`] reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Those who wait to be the only one.
    Writers = 1,
    /// Those who wait together with others.
    Readers = 2,
}

/// Sleeping until a word changes, and waking those who do. See futex(2).
pub(crate) trait Wait {
    /// Sleeps until that time, unless the low half of `word` differs from that of `seen`. It may
    /// return for no reason; it tells whether the time was over.
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool>;

    /// The time, since some moment: `CLOCK_MONOTONIC` of `clock_gettime(2)`.
    fn now(&self) -> Duration;

    /// Wakes up to `count` of those who wait on `word`.
    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32);
}

/// Who is alive.
pub(crate) trait Liveness {
    /// Whether that owner is alive, by the kernel's word. No if there is no such slot.
    fn is_alive(&self, owner: Owner) -> Result<bool>;
}

/// Both.
pub(crate) trait System: Wait + Liveness {}

impl<S: Wait + Liveness> System for S {}

/// How long to wait for others.
#[derive(Clone, Copy, Debug)]
pub enum Timeout {
    /// Until it is there, or its holder is dead.
    Forever,
    /// Not at all.
    NoWait,
    /// So long, counted from when the waiting begins.
    After(Duration),
}

impl Timeout {
    /// What is left of it after waiting so long already.
    pub(crate) fn less(self, waited: Duration) -> Self {
        match self {
            Self::After(time) => Self::After(time.saturating_sub(waited)),
            other => other,
        }
    }
}

/// Why an algorithm stopped before it had what it wanted.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The limit passed.
    TimedOut {
        /// How long it had waited.
        waited: Duration,
    },
    /// What it waited for is not needed any more.
    Needless,
    /// The system failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The shortest and the longest sleep before the kernel is asked whether those who are waited for
/// live. A death is noticed that much later.
const TICKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// The first sleep of who sleeps often, and for short: longer than the kernel's own tick (10 ms at
/// most), as the hardware is set for whichever timer is the next, and in a virtual machine that takes a
/// microsecond on the way to sleep and another on the way back.
const OFTEN: Duration = Duration::from_millis(12);

/// Looks again so often before it sleeps: most holders let go within a microsecond.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };

/// One wait, from the first look to the end.
pub(crate) struct Waiter<'a> {
    limit: Timeout,
    /// Whether the wait has become needless.
    is_needless: Option<&'a dyn Fn() -> Result<bool>>,
    start: Option<Instant>,
    spins: u32,
    tick: Duration,
    has_asked: bool,
    /// When it is time to ask the kernel, once the sleeping has begun.
    asks: Option<Duration>,
}

impl<'a> Waiter<'a> {
    pub(crate) fn new(limit: Timeout) -> Self {
        Self::since(limit, None)
    }

    /// One who sleeps often, and has spun already.
    pub(crate) fn often(limit: Timeout) -> Self {
        Self { spins: 0, tick: OFTEN, ..Self::new(limit) }
    }

    /// One that began to wait earlier.
    pub(crate) fn since(limit: Timeout, start: Option<Instant>) -> Self {
        let (spins, tick) = (SPINS, TICKS[0]);
        Self { limit, is_needless: None, start, spins, tick, has_asked: false, asks: None }
    }

    /// The same, but it stops once that is so. It looks before each sleep, so also after each.
    pub(crate) fn unless(self, is_needless: &'a dyn Fn() -> Result<bool>) -> Self {
        Self { is_needless: Some(is_needless), ..self }
    }

    /// Somebody else is waited for now, about whom nobody has asked yet.
    pub(crate) fn for_others(&mut self) {
        self.has_asked = false;
    }

    /// Whether to look again at once.
    pub(crate) fn spins(&mut self) -> bool {
        if self.spins == 0 || matches!(self.limit, Timeout::NoWait) {
            return false;
        }
        self.spins -= 1;
        spin_loop();
        true
    }

    /// Sleeps unless `word` has changed from `seen`; tells whether it is time to ask the kernel.
    pub(crate) fn sleep(
        &mut self,
        system: &impl Wait,
        word: &AtomicU64,
        seen: u64,
        whom: Whom,
    ) -> Result<bool, Stop> {
        if let Some(is_needless) = self.is_needless
            && is_needless()?
        {
            return Err(Stop::Needless);
        }
        let passed = match self.rest() {
            Ok(rest) => {
                let now = system.now();
                let asks = *self.asks.get_or_insert(now.saturating_add(self.tick));
                let passed = system.wait(word, seen, whom, asks.min(now.saturating_add(rest)))?;
                // Whoever is woken again and again, by signals or by others, asks all the same.
                passed || now >= asks
            }
            // Nobody gives up without having asked: the one who is waited for may be dead.
            Err(stop) if self.has_asked => return Err(stop),
            Err(_) => true,
        };
        if passed {
            self.tick = (self.tick * 2).min(TICKS[1]);
            self.has_asked = true;
            self.asks = None;
        }
        Ok(passed)
    }

    /// What is left of the limit.
    fn rest(&mut self) -> Result<Duration, Stop> {
        let Timeout::After(limit) = self.limit else {
            return match self.limit {
                Timeout::NoWait => Err(Stop::TimedOut { waited: Duration::ZERO }),
                _ => Ok(Duration::MAX),
            };
        };
        let waited = self.start.get_or_insert_with(Instant::now).elapsed();
        limit.checked_sub(waited).filter(|rest| !rest.is_zero()).ok_or(Stop::TimedOut { waited })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A system that wakes whoever sleeps, at once and for nothing.
    struct Disturbing(Instant);

    impl Wait for Disturbing {
        fn wait(&self, _: &AtomicU64, _: u64, _: Whom, _: Duration) -> Result<bool> {
            Ok(false)
        }

        fn now(&self) -> Duration {
            self.0.elapsed()
        }

        fn wake(&self, _: &AtomicU64, _: Whom, _: u32) {}
    }

    #[test]
    fn whoever_is_woken_all_the_time_asks_the_kernel_all_the_same() {
        let (mut waiter, word) = (Waiter::new(Timeout::Forever), AtomicU64::new(0));
        for _ in 0..3 {
            let start = Instant::now();
            while !waiter.sleep(&Disturbing(start), &word, 0, Whom::Readers).unwrap() {
                assert!(start.elapsed() < Duration::from_secs(20), "it never asks");
            }
        }
    }

    #[test]
    fn nobody_gives_up_without_having_asked() {
        for limit in [Timeout::NoWait, Timeout::After(Duration::ZERO)] {
            let (mut waiter, word) = (Waiter::new(limit), AtomicU64::new(0));
            let disturbing = Disturbing(Instant::now());
            let mut sleep = || waiter.sleep(&disturbing, &word, 0, Whom::Readers);
            assert!(sleep().unwrap(), "it asks first");
            assert!(matches!(sleep(), Err(Stop::TimedOut { .. })));
        }
    }
}

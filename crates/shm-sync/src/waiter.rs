//! One thread's wait: it spins, sleeps, calls the caller's hook, and says when to ask who lives.

use std::time::{Duration, Instant};

use shm_core::{Error, Result};
use shm_presence::Owner;

use crate::atomic::{AtomicU64, spin_loop};
use crate::sleep::{Sleep, Whom};
use crate::wait::{Timeout, Wait};
use crate::waits_for::{Note, WaitsFor};
use crate::words::Line;

/// Why an algorithm stopped before it had what it wanted.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The timeout passed.
    TimedOut {
        /// How long it had waited.
        waited: Duration,
    },
    /// The caller's hook gave up.
    Interrupted {
        /// How long it had waited.
        waited: Duration,
    },
    /// What the waiter waited for is not needed any more.
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
/// live. A death is noticed that much later, and a hook is called no more rarely.
const TICKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// The first sleep of a waiter that sleeps often, and for a short time.
///
/// It is longer than the kernel's own tick (10 ms at most). The kernel sets the hardware for the next
/// timer. A shorter one would have it set anew: in a virtual machine that takes a microsecond on the way
/// to sleep and another on the way back.
const OFTEN: Duration = Duration::from_millis(12);

/// How often a waiter looks again before it sleeps: most holders let go within a microsecond.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };

/// One wait, from the first look to the end.
pub(crate) struct Waiter<'h> {
    wait: Wait<'h>,
    /// Whether the wait has become needless.
    is_needless: Option<&'h dyn Fn() -> Result<bool>>,
    note: Note<'h>,
    /// The hook has given up.
    interrupted: bool,
    start: Option<Instant>,
    spins: u32,
    tick: Duration,
    has_asked: bool,
    /// When it is time to ask the kernel, once the sleeping has begun.
    asks: Option<Duration>,
}

impl<'h> Waiter<'h> {
    pub(crate) fn new(wait: Wait<'h>) -> Self {
        Self::since(wait, None)
    }

    /// A waiter that sleeps often, and has spun already.
    pub(crate) fn often(wait: Wait<'h>) -> Self {
        Self { spins: 0, tick: OFTEN, ..Self::new(wait) }
    }

    /// A waiter that began to wait earlier.
    pub(crate) fn since(wait: Wait<'h>, start: Option<Instant>) -> Self {
        let (spins, tick) = (SPINS, TICKS[0]);
        Self {
            wait,
            is_needless: None,
            note: Note::NONE,
            interrupted: false,
            start,
            spins,
            tick,
            has_asked: false,
            asks: None,
        }
    }

    /// The same, but it stops once `is_needless` says so. The waiter asks before each sleep, so also
    /// after each wake-up and tick.
    pub(crate) fn unless(self, is_needless: &'h dyn Fn() -> Result<bool>) -> Self {
        Self { is_needless: Some(is_needless), ..self }
    }

    /// The same, which [notes](Self::note) what it waits for in the line of that owner.
    pub(crate) fn noting(self, lines: &'h [Line], me: Owner) -> Self {
        Self { note: Note::of(lines, me), ..self }
    }

    /// Notes for onlookers what the next sleep is for, and for whom if that is one.
    pub(crate) fn note(&mut self, what: WaitsFor, whom: Option<Owner>) {
        self.note.write(what, whom);
    }

    /// What is left of this wait, for another that is a part of it.
    pub(crate) fn rest_of_wait(&mut self) -> Wait<'_> {
        let mut rest = self.wait.reborrow();
        if let (Timeout::After(time), Some(start)) = (rest.timeout, self.start) {
            rest.timeout = Timeout::After(time.saturating_sub(start.elapsed()));
        }
        rest
    }

    /// From now on the wait is for others, about whom the kernel has not been asked.
    pub(crate) fn for_others(&mut self) {
        self.has_asked = false;
    }

    /// Whether the waiter is to look again at once.
    pub(crate) fn spins(&mut self) -> bool {
        if self.spins == 0 || matches!(self.wait.timeout, Timeout::NoWait) {
            return false;
        }
        self.spins -= 1;
        spin_loop();
        true
    }

    /// Sleeps unless `word` has changed from `seen`; tells whether it is time to ask the kernel.
    pub(crate) fn sleep(
        &mut self,
        system: &impl Sleep,
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
                self.call_hook()?;
                // A waiter that is woken again and again, by signals or by others, asks all the same.
                passed || now >= asks
            }
            // No waiter gives up without having asked: the holder may be dead.
            Err(stop) if self.has_asked || self.interrupted => return Err(stop),
            Err(_) => true,
        };
        if passed {
            self.tick = (self.tick * 2).min(TICKS[1]);
            self.has_asked = true;
            self.asks = None;
        }
        Ok(passed)
    }

    /// Asks the hook, if there is one, whether to wait on. Its `Break` holds for the rest of the wait.
    fn call_hook(&mut self) -> Result<(), Stop> {
        let Some(hook) = &mut self.wait.hook else { return Ok(()) };
        self.interrupted = hook().is_break();
        if self.interrupted { Err(Stop::Interrupted { waited: self.waited() }) } else { Ok(()) }
    }

    /// What is left of the timeout.
    fn rest(&mut self) -> Result<Duration, Stop> {
        if self.interrupted {
            return Err(Stop::Interrupted { waited: self.waited() });
        }
        match self.wait.timeout {
            Timeout::NoWait => Err(Stop::TimedOut { waited: Duration::ZERO }),
            Timeout::Forever => {
                if self.wait.hook.is_some() {
                    self.waited(); // from now on, for the error if the hook gives up
                }
                Ok(Duration::MAX)
            }
            Timeout::After(time) => {
                let waited = self.waited();
                let rest = time.checked_sub(waited).filter(|rest| !rest.is_zero());
                rest.ok_or(Stop::TimedOut { waited })
            }
        }
    }

    /// How long it has waited: since the first call, or since the start that it was given.
    fn waited(&mut self) -> Duration {
        self.start.get_or_insert_with(Instant::now).elapsed()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;
    use std::ops::ControlFlow;

    use shm_core::Result;

    use super::*;

    /// A system that wakes every sleeper at once and for no reason.
    struct Disturbing(Instant);

    impl Sleep for Disturbing {
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
        let (mut waiter, word) = (Waiter::new(Timeout::Forever.into()), AtomicU64::new(0));
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
            let (mut waiter, word) = (Waiter::new(limit.into()), AtomicU64::new(0));
            let disturbing = Disturbing(Instant::now());
            let mut sleep = || waiter.sleep(&disturbing, &word, 0, Whom::Readers);
            assert!(sleep().unwrap(), "it asks first");
            assert!(matches!(sleep(), Err(Stop::TimedOut { .. })));
        }
    }

    /// A system on which every sleep lasts as long as it may, but takes no time.
    #[derive(Default)]
    struct Skipping(Cell<Duration>, Cell<u32>);

    impl Sleep for Skipping {
        fn wait(&self, _: &AtomicU64, _: u64, _: Whom, until: Duration) -> Result<bool> {
            let slept = until.saturating_sub(self.0.replace(until));
            assert!(slept <= Duration::from_millis(50), "{slept:?}");
            self.1.update(|sleeps| sleeps + 1);
            Ok(true)
        }

        fn now(&self) -> Duration {
            self.0.get()
        }

        fn wake(&self, _: &AtomicU64, _: Whom, _: u32) {}
    }

    #[test]
    fn a_hook_is_called_at_every_wake_up_and_every_50_milliseconds() {
        let (calls, word, system) = (Cell::new(0), AtomicU64::new(0), Skipping::default());
        let mut hook = || {
            calls.update(|calls| calls + 1);
            ControlFlow::Continue(())
        };
        let mut waiter = Waiter::new(Wait::with_hook(Timeout::Forever, &mut hook));
        for sleeps in 1..=20 {
            assert!(waiter.sleep(&system, &word, 0, Whom::Readers).unwrap());
            assert_eq!((calls.get(), system.1.get()), (sleeps, sleeps));
        }
        let disturbing = Disturbing(Instant::now());
        for calls_before in 20..40 {
            waiter.sleep(&disturbing, &word, 0, Whom::Readers).unwrap();
            assert_eq!(calls.get(), calls_before + 1);
        }
    }

    #[test]
    fn a_hook_that_gives_up_is_not_called_again() {
        let (mut calls, word, system) = (0, AtomicU64::new(0), Skipping::default());
        let mut hook = || {
            calls += 1;
            ControlFlow::Break(())
        };
        let mut waiter = Waiter::new(Wait::with_hook(Timeout::Forever, &mut hook));
        for _ in 0..2 {
            let slept = waiter.sleep(&system, &word, 0, Whom::Readers);
            assert!(matches!(slept, Err(Stop::Interrupted { .. })), "{slept:?}");
        }
        drop(waiter);
        assert_eq!((calls, system.1.get()), (1, 1));
    }

    #[test]
    fn a_part_of_a_wait_has_its_hook_and_what_is_left_of_its_time() {
        let mut calls = 0;
        let mut hook = || {
            calls += 1;
            ControlFlow::Continue(())
        };
        let (time, word) = (Duration::from_secs(60), AtomicU64::new(0));
        let began = Instant::now().checked_sub(Duration::from_secs(20));
        let mut waiter = Waiter::since(Wait::with_hook(time, &mut hook), began);
        let rest = waiter.rest_of_wait();
        let Timeout::After(left) = rest.timeout else { panic!("{rest:?}") };
        assert!(left <= Duration::from_secs(40));
        Waiter::new(rest).sleep(&Skipping::default(), &word, 0, Whom::Readers).unwrap();
        drop(waiter);
        assert_eq!(calls, 1);
    }
}

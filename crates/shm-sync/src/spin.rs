//! Adaptive spinning: each waiter learns from its own waits whether to spin.
//!
//! Spinning costs nothing where the others arrive meanwhile on cores of their own, and it saves putting
//! a thread to sleep and waking it. Where the others need this core, or arrive much later, it is wasted.
//! The kernel cannot say whether spinning will pay, so each waiter adapts from its own history.

use std::time::{Duration, Instant};

use crate::atomic::spin_loop;

/// How long a waiter spins: as long as it takes to wake a thread on a sleeping core. Two threads that
/// wake each other in turn stop doing so only if one still spins when the other has woken.
const ENOUGH: Duration = Duration::from_micros(50);

/// The clock is read once in so many turns.
const TURNS: u32 = 32;

/// The most waits without spinning after one in which it was in vain.
const MOST: u32 = 1023;

/// What a waiter has learnt.
#[derive(Debug, Default)]
pub(crate) struct AdaptiveSpin {
    /// So many waits from now on do without spinning.
    skips: u32,
    /// How many did after the last spin in vain; less a quarter for each spin that paid.
    skipped: u32,
}

impl AdaptiveSpin {
    /// Spins until the wait is over, for as long as that may pay. Tells whether it is over.
    pub(crate) fn spin_until(&mut self, is_over: impl Fn() -> bool) -> bool {
        if cfg!(loom) {
            return false;
        }
        if self.skips > 0 {
            self.skips -= 1;
            return false;
        }
        let mut start = None;
        for turn in 1_u32.. {
            if is_over() {
                self.skipped -= self.skipped.div_ceil(4);
                return true;
            }
            spin_loop();
            if turn.is_multiple_of(TURNS)
                && start.get_or_insert_with(Instant::now).elapsed() >= ENOUGH
            {
                break;
            }
        }
        self.skipped = (self.skipped * 4 + 3).min(MOST);
        self.skips = self.skipped;
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Waits in vain. Tells whether the waiter spun.
    fn is_spun_in(spin: &mut AdaptiveSpin) -> bool {
        let looked = Cell::new(false);
        let is_over = spin.spin_until(|| {
            looked.set(true);
            false
        });
        assert!(!is_over);
        looked.get()
    }

    #[test]
    fn waits_in_vain_make_it_spin_less_and_less() {
        let mut spin = AdaptiveSpin::default();
        for skipped in [3, 15, 63, 255, MOST, MOST] {
            assert!(is_spun_in(&mut spin));
            for _ in 0..skipped {
                assert!(!is_spun_in(&mut spin));
            }
        }
    }

    #[test]
    fn waits_that_end_soon_make_it_spin_again() {
        let mut spin = AdaptiveSpin { skips: 0, skipped: MOST };
        for _ in 0..40 {
            assert!(spin.spin_until(|| true));
        }
        assert!(is_spun_in(&mut spin));
        assert_eq!(spin.skips, 3, "as after the first in vain");
    }
}

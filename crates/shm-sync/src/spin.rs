//! When spinning pays, as the waits before have taught.
//!
//! Looking again and again costs nothing where the others come meanwhile on cores of their own, and
//! saves what it takes to put a thread to sleep and wake it. Where they need this core, or come much
//! later, it is lost. Which it is cannot be asked: a process that may run on one core only may have
//! it for itself. So each waiter keeps count for itself of how its waits went.

use std::time::{Duration, Instant};

use crate::atomic::spin_loop;

/// As long as it takes to wake somebody on a sleeping core: two who both sleep, and wake each other in
/// turn, find out of it only if one is still looking when the other has woken.
const ENOUGH: Duration = Duration::from_micros(50);

/// The clock is looked at every so many times.
const TURNS: u32 = 32;

/// The most waits that are not spun in after one that was in vain.
const MOST: u32 = 1023;

/// What a waiter has learnt.
#[derive(Debug, Default)]
pub(crate) struct AdaptiveSpin {
    /// So many waits are not spun in from now on.
    skips: u32,
    /// So many were not, after the last that was in vain; less a quarter for each that was not.
    skipped: u32,
}

impl AdaptiveSpin {
    /// Looks until it is over, for as long as that is worth it; tells whether it is.
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

    /// Waits in vain; tells whether it looked at all.
    fn is_spun_in(patience: &mut AdaptiveSpin) -> bool {
        let looked = Cell::new(false);
        let is_over = patience.spin_until(|| {
            looked.set(true);
            false
        });
        assert!(!is_over);
        looked.get()
    }

    #[test]
    fn waits_in_vain_make_it_spin_less_and_less() {
        let mut patience = AdaptiveSpin::default();
        for skipped in [3, 15, 63, 255, MOST, MOST] {
            assert!(is_spun_in(&mut patience));
            for _ in 0..skipped {
                assert!(!is_spun_in(&mut patience));
            }
        }
    }

    #[test]
    fn waits_that_end_soon_make_it_spin_again() {
        let mut patience = AdaptiveSpin { skips: 0, skipped: MOST };
        for _ in 0..40 {
            assert!(patience.spin_until(|| true));
        }
        assert!(is_spun_in(&mut patience));
        assert_eq!(patience.skips, 3, "as after the first in vain");
    }
}

//! A wait that fails, as the system may: its participant stays counted, once.
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use shm_core::{ErrorKind, Result};

use super::*;
use crate::atomic::AtomicU64;
use crate::liveness::Liveness;
use crate::sleep::Sleep;
use crate::words::Entry;

/// One in which all live, and which fails when it is next asked who does, if it says so.
struct Failing(Cell<bool>);

impl Sleep for Failing {
    fn wait(&self, _: &AtomicU64, _: u64, _: Whom, _: Duration) -> Result<bool> {
        Ok(true)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wake(&self, _: &AtomicU64, _: Whom, _: u32) {}
}

impl Liveness for Failing {
    fn is_alive(&self, _: Owner) -> Result<bool> {
        let reason = "as the test wants".to_owned();
        if self.0.replace(false) {
            Err(ErrorKind::InvalidRound { reason }.into())
        } else {
            Ok(true)
        }
    }
}

const ME: Owner = Owner::new(0, 1);
const OTHER: Owner = Owner::new(1, 1);

fn line() -> Line {
    let word = || AtomicU64::new(0);
    Line {
        holder: word(),
        since: word(),
        marks: word(),
        entry: Entry { owner: word(), task: word() },
        seat: word(),
        waits_for: AtomicU64::new(0),
        ring: word(),
    }
}

/// Two have seats, and the wait of the first fails after it has been counted.
fn after_a_failed_wait(test: impl FnOnce(&Barrier<'_>, &Failing, Taken, Taken)) {
    let (words, lines) = (BarrierWords { state: AtomicU64::new(0) }, [line(), line()]);
    let barrier = Barrier { words: &words, lines: &lines, size: 2 };
    let system = Failing(Cell::new(false));
    let mut mine = barrier.join(ME, &system, Timeout::Forever.into()).unwrap();
    let other = barrier.join(OTHER, &system, Timeout::Forever.into()).unwrap();
    fails(&barrier, &system, &mut mine);
    test(&barrier, &system, mine, other);
}

fn fails(barrier: &Barrier<'_>, system: &Failing, mine: &mut Taken) {
    system.0.set(true);
    let failed = barrier.wait(ME, mine, system, Timeout::Forever.into());
    assert!(matches!(failed, Err(Blocked::Stop(Stop::Failed(_)))), "{failed:?}");
}

#[test]
fn whoever_waits_again_is_not_counted_again() {
    after_a_failed_wait(|barrier, system, mut mine, mut other| {
        fails(barrier, system, &mut mine);
        assert!(
            barrier.wait(OTHER, &mut other, system, Timeout::Forever.into()).unwrap(),
            "the last to come"
        );
        // Where it failed, the phase is over: it is counted in the next.
        fails(barrier, system, &mut mine);
        assert!(barrier.wait(OTHER, &mut other, system, Timeout::Forever.into()).unwrap());
    });
}

#[test]
fn whoever_leaves_is_missed_though_it_was_counted() {
    after_a_failed_wait(|barrier, system, mine, mut other| {
        barrier.leave(ME, &mine, system);
        let broken = barrier.wait(OTHER, &mut other, system, Timeout::Forever.into());
        let left = |broken: &Broken| (broken.slot, broken.how) == (0, How::Left);
        assert!(matches!(&broken, Err(Blocked::Broken(broken)) if left(broken)), "{broken:?}");
    });
}

#[test]
fn whoever_found_it_whole_looks_again_once_it_is_broken() {
    after_a_failed_wait(|barrier, system, mut mine, mut other| {
        assert!(
            barrier.wait(OTHER, &mut other, system, Timeout::Forever.into()).unwrap(),
            "it was whole"
        );
        fails(barrier, system, &mut mine);
        barrier.leave(ME, &mine, system);
        let broken = barrier.wait(OTHER, &mut other, system, Timeout::Forever.into());
        assert!(matches!(broken, Err(Blocked::Broken(_))), "{broken:?}");
    });
}

/// One in which all live, and whose only waiter is woken for nothing.
struct Waking(Cell<u32>);

impl Sleep for Waking {
    fn wait(&self, _: &AtomicU64, _: u64, _: Whom, _: Duration) -> Result<bool> {
        self.0.update(|sleeps| sleeps + 1);
        Ok(false)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wake(&self, _: &AtomicU64, _: Whom, _: u32) {}
}

impl Liveness for Waking {
    fn is_alive(&self, _: Owner) -> Result<bool> {
        Ok(true)
    }
}

/// A waiter that goes on stays counted, so the other is the last to come. One that gives up breaks the
/// barrier, unless all have come.
#[test]
fn a_hook_goes_on_or_breaks_the_barrier() {
    for gives_up in [false, true] {
        let (words, lines) = (BarrierWords { state: AtomicU64::new(0) }, [line(), line()]);
        let barrier = Barrier { words: &words, lines: &lines, size: 2 };
        let system = Waking(Cell::new(0));
        let mut mine = barrier.join(ME, &system, Timeout::Forever.into()).unwrap();
        let mut other = barrier.join(OTHER, &system, Timeout::Forever.into()).unwrap();
        let mut calls = 0;
        let mut hook = || {
            calls += 1;
            if gives_up {
                return ControlFlow::Break(());
            }
            let state = State::of(words.state.load(SeqCst));
            assert!((state.arrived, state.asleep) == (1, true), "{state:?}");
            assert_eq!(calls, system.0.get());
            if calls == 5 {
                assert!(barrier.wait(OTHER, &mut other, &system, Timeout::NoWait.into()).unwrap());
            }
            ControlFlow::Continue(())
        };
        let waited =
            barrier.wait(ME, &mut mine, &system, Wait::with_hook(Timeout::Forever, &mut hook));
        if gives_up {
            assert!(matches!(waited, Err(Blocked::Stop(Stop::Interrupted { .. }))), "{waited:?}");
            let broken = barrier.wait(OTHER, &mut other, &system, Timeout::Forever.into());
            let gave_up = |broken: &Broken| (broken.slot, broken.how) == (0, How::GaveUp);
            assert!(
                matches!(&broken, Err(Blocked::Broken(broken)) if gave_up(broken)),
                "{broken:?}"
            );
        } else {
            assert!(!waited.unwrap());
            assert_eq!(calls, 5);
        }
    }
}

#[test]
fn a_state_holds_the_last_slot_and_as_many_participants_as_there_are_slots() {
    let most = shm_core::MAX_SLOTS;
    let zero = State { phase: 0, moves: 0, broken: None, size: 0, arrived: 0, asleep: false };
    assert_eq!(State::of(0), zero);
    let full = State { phase: (1 << 20) - 1, moves: 2047, size: most, arrived: most - 1, ..zero };
    for asleep in [false, true] {
        let state = State { asleep, ..full };
        assert_eq!(State::of(state.word()), state);
        for how in [How::Died, How::Left, How::GaveUp] {
            for slot in [0, 128, most - 1] {
                let broken = state.broken_by(Broken { slot, how });
                assert_eq!(State::of(broken.word()), broken);
                assert_ne!(low_half(broken.word()), low_half(state.word()), "sleepers wake");
            }
        }
    }
    assert_eq!(full.with_one_more(), State { phase: 0, arrived: 0, ..full }, "the last one");
    let owner = Owner::new(most - 1, u32::MAX);
    let seat = seat_bits(owner, full.phase);
    assert_eq!((Owner::in_word(seat), is_of(seat, full)), (Some(owner), true));
    assert!(is_taken(seat) && !is_taken(seat | GONE) && !has_arrived(seat, full));
    assert!(has_arrived(seat_bits(owner, after(full.phase)), full));
}

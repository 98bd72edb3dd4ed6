//! A large range, worked on piece by piece by several threads.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{Builder, ScopedJoinHandle, available_parallelism, scope};

use crate::os;

/// What is worked on at once, in bytes: a huge page, which stays in the processor's cache between the
/// kernel's zeros and our bytes.
pub(crate) const PIECE: usize = 2 << 20;

/// A thread for fewer bytes costs more than it brings.
const EACH: usize = 4 << 20;

/// So many share what a memory controller gives; chosen, not measured.
const MOST: usize = 8;

const STACK: usize = 128 << 10;

/// How many threads work on so many bytes.
///
/// Beside a limit on addresses (`RLIMIT_AS`) one: a thread that has its stack, and finds no room for its
/// signal stack, ends the process.
pub(crate) fn size(bytes: usize) -> usize {
    match (bytes / EACH).min(MOST) {
        0 | 1 => 1,
        _ if os::is_address_space_limited() => 1,
        most => available_parallelism().map_or(1, |cores| cores.get().min(most)),
    }
}

/// Calls `work` with each piece of a range of bytes; pieces begin at multiples of [`PIECE`]. Tells the
/// first error, after which no piece is begun.
///
/// The threads have ended when this returns, so that a fork behind it finds one thread. Where the
/// system gives none, the calling thread does it all.
pub(crate) fn in_pieces<E: Send>(
    range: Range<usize>,
    work: impl Fn(Range<usize>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (first, end) = (range.start / PIECE, range.end.div_ceil(PIECE));
    let next = AtomicUsize::new(first);
    let run = || {
        loop {
            let piece = next.fetch_add(1, Relaxed);
            if piece >= end {
                return Ok(());
            }
            let part = range.start.max(piece * PIECE)..range.end.min((piece + 1) * PIECE);
            if let Err(error) = work(part) {
                next.store(end, Relaxed);
                return Err(error);
            }
        }
    };
    let helpers = size(range.len()) - 1;
    if helpers == 0 {
        return run();
    }
    scope(|scope| {
        let spawn = |_| {
            let builder = Builder::new().name("shmarray".into()).stack_size(STACK);
            builder.spawn_scoped(scope, run).ok()
        };
        let others: Vec<_> = (0..helpers).map_while(spawn).collect();
        let own = run();
        let join = |result, helper: ScopedJoinHandle<'_, _>| match helper.join() {
            Ok(theirs) => Result::and(result, theirs),
            Err(panic) => resume_unwind(panic),
        };
        others.into_iter().fold(own, join)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn parts(range: Range<usize>) -> Vec<Range<usize>> {
        let parts = Mutex::new(Vec::new());
        in_pieces(range, |part| {
            parts.lock().unwrap().push(part);
            Ok::<(), ()>(())
        })
        .unwrap();
        let mut parts = parts.into_inner().unwrap();
        parts.sort_by_key(|part| part.start);
        parts
    }

    #[test]
    fn every_byte_is_in_one_piece() {
        for range in [0..0, 5..6, 0..PIECE, 7..PIECE + 1, 12_288..40 * PIECE + 3] {
            let parts = parts(range.clone());
            let mut at = range.start;
            for part in &parts {
                assert_eq!(part.start, at);
                assert!(part.start == range.start || part.start.is_multiple_of(PIECE));
                at = part.end;
            }
            assert_eq!(at, range.end);
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        let done = AtomicUsize::new(0);
        let result = in_pieces(0..64 * PIECE, |_| {
            done.fetch_add(1, Relaxed);
            Err("no")
        });
        assert_eq!(result, Err("no"));
        assert!(done.into_inner() <= MOST);
    }

    #[test]
    fn an_error_of_another_thread_is_told() {
        let me = std::thread::current().id();
        let has_failed = AtomicUsize::new(0);
        let work = |_| {
            if std::thread::current().id() != me {
                has_failed.store(1, Relaxed);
                return Err("no");
            }
            while has_failed.load(Relaxed) == 0 {
                std::thread::yield_now(); // or there would be no piece left for it
            }
            Ok(())
        };
        if size(64 * PIECE) == 1 {
            return println!("one thread is all there is here: not tested");
        }
        assert_eq!(in_pieces(0..64 * PIECE, work), Err("no"));
    }

    #[test]
    fn a_panic_comes_back() {
        let work = |part: Range<usize>| -> Result<(), ()> {
            assert!(part.start < 20 * PIECE, "on purpose");
            Ok(())
        };
        assert!(std::panic::catch_unwind(|| in_pieces(0..64 * PIECE, work)).is_err());
    }
}

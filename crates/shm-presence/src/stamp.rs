//! What is new with each segment: its UUID, and who makes it when.

use std::sync::atomic::{AtomicU64, Ordering};

use shm_core::Stamp;
use uuid::{Builder, Uuid};

use crate::fork;
use crate::os::since_1970;

/// A stamp for a new segment.
///
/// Its UUID is of version 7: the time, and bits that begin at random in each process,
/// forked ones included, and count from there. No lock is taken, and after the first call no random
/// bits are asked for.
pub fn stamp() -> Stamp {
    let now = since_1970();
    let in_units = |per_second, rest: u32| {
        now.as_secs().saturating_mul(per_second).saturating_add(rest.into())
    };
    let milliseconds = in_units(1000, now.subsec_millis());
    Stamp {
        uuid: Builder::from_unix_timestamp_millis(milliseconds, &next_bits()).into_uuid(),
        created: in_units(1_000_000_000, now.subsec_nanos()),
        creator: fork::pid(),
    }
}

/// The bits of a UUID beside the time: each process counts from a random number.
fn next_bits() -> [u8; 10] {
    static SEED: AtomicU64 = AtomicU64::new(0);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    /// The generation that the seed was made in.
    static SEEDED: AtomicU64 = AtomicU64::new(0);
    let this = fork::generation();
    if SEEDED.load(Ordering::Acquire) != this {
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        SEED.store(seed, Ordering::Relaxed);
        SEEDED.store(this, Ordering::Release);
    }
    // Two threads that both seed count from the later seed, or from both: each count is used once.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let low = SEED.load(Ordering::Relaxed).wrapping_add(count);
    let mut bits = [0; 10];
    bits[..2].copy_from_slice(&count.to_be_bytes()[6..]);
    bits[2..].copy_from_slice(&low.to_be_bytes());
    bits
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_stamps_are_alike() {
        let threads = (0..4)
            .map(|_| std::thread::spawn(|| (0..5000).map(|_| stamp().uuid).collect::<Vec<_>>()));
        let threads: Vec<_> = threads.collect();
        let all: Vec<Uuid> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        assert!(all.iter().all(|uuid| uuid.get_version_num() == 7));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    /// However many are made between two ticks of the clock.
    #[test]
    fn the_last_bytes_do_not_come_again() {
        let last = |_| next_bits()[2..].to_vec();
        assert_eq!((0..5000).map(last).collect::<HashSet<_>>().len(), 5000);
    }
}

//! Which segment it is, and who makes it when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use shm_core::Stamp;
use uuid::{Builder, Uuid};

use crate::fork;

/// A stamp for a new segment.
///
/// Its identity is a UUID of version 7: the time, and bits that begin at random in each process,
/// forked ones included, and count from there. No lock is taken, and after the first call no random
/// bits are asked for.
pub fn stamp() -> Stamp {
    // A clock before 1970 counts as 1970.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let milliseconds = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Stamp {
        uuid: Builder::from_unix_timestamp_millis(milliseconds, &next_bits()).into_uuid(),
        created: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        creator: fork::pid(),
    }
}

/// The bits of a UUID beside the time: each process counts from a random number.
fn next_bits() -> [u8; 10] {
    static SEED: AtomicU64 = AtomicU64::new(0);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    /// One more than the generation that the seed was made in.
    static SEEDED: AtomicU64 = AtomicU64::new(0);
    let this = fork::generation() + 1;
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
}

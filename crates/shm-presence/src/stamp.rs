//! Which segment it is, and who makes it when.

use std::time::{Duration, SystemTime};

use shm_core::Stamp;
use uuid::{NoContext, Timestamp, Uuid};

/// A stamp for a new segment.
///
/// Its identity is a UUID of version 7: time and 74 random bits from the kernel, so it is unique
/// also between a process and its forked children. No lock is taken.
pub fn stamp() -> Stamp {
    // A clock before 1970 counts as 1970.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let time = Timestamp::from_unix(NoContext, now.as_secs(), now.subsec_nanos());
    Stamp {
        uuid: Uuid::new_v7(time),
        created: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        creator: std::process::id(),
    }
}

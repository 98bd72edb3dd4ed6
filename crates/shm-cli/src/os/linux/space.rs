//! The size of `/dev/shm`, and how much of it is free.

use super::DIRECTORY;
use crate::finding::Finding;
use crate::units;

/// Docker's default: the automatic choice passes it over.
const LITTLE: u64 = 64 << 20;

/// For an array of so many bytes with its header.
pub(super) fn findings(needs: Option<u64>) -> Vec<Finding> {
    let (group, what) = (DIRECTORY, "free");
    let Ok(stat) = rustix::fs::statvfs(DIRECTORY) else {
        return vec![Finding::unknown(group, what)];
    };
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if total == 0 {
        return vec![Finding::new(group, what, "no limit of its own")];
    }
    let words = format!("{} of {}", units::bytes(free), units::bytes(total));
    let found = Finding::new(group, what, words).number(Some(free));
    let raise = "enlarge it: mount -o remount,size=8g /dev/shm; for Docker, --shm-size=8g";
    let finding = match needs {
        Some(needs) if needs > free => found
            .problem(format!("an array of {needs} bytes with its header does not fit; {raise}")),
        _ if free <= LITTLE => {
            found.advice(format!("too little for `auto` to choose shm; {raise}"))
        }
        _ => found,
    };
    let entries =
        Finding::new(group, "files free", stat.f_favail.to_string()).number(Some(stat.f_favail));
    vec![finding, entries]
}

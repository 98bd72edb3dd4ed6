//! The limits of a machine and a process, from `/proc`, `/sys` and the kernel. What is missing or
//! odd is unknown.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::finding::Finding;
use crate::units;

/// Fewer file descriptors than this are worth a word: an array takes two.
const FEW_DESCRIPTORS: u64 = 1024;

/// Fewer mappings than this: an array takes two.
const FEW_MAPPINGS: u64 = 65_530;

const GROUP: &str = "limits";

/// The start of a small file, as one text.
pub(super) fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(256 << 10).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn number(path: &str) -> Option<u64> {
    text(path)?.parse().ok()
}

pub(super) fn findings() -> Vec<Finding> {
    let mut found = vec![descriptors(), mappings(), locked(), address_space(), file_size()];
    found.push(overcommit());
    found.extend(memory());
    found
}

fn descriptors() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or("no limit".into(), |most| most.to_string());
    let what = "open files (RLIMIT_NOFILE)";
    let Some(now) = limit.current else {
        return Finding::new(GROUP, what, "no limit");
    };
    let found =
        Finding::new(GROUP, what, format!("{now}, can be raised to {most}")).number(Some(now));
    if now < FEW_DESCRIPTORS {
        return found.advice(format!("an array takes two; raise it: ulimit -n {most}"));
    }
    found
}

fn mappings() -> Finding {
    let what = "mappings of a process (vm.max_map_count)";
    match number("/proc/sys/vm/max_map_count") {
        None => Finding::unknown(GROUP, what),
        Some(most) => {
            let found = Finding::new(GROUP, what, most.to_string()).number(Some(most));
            if most < FEW_MAPPINGS {
                return found
                    .advice("an array takes two; raise it: sysctl vm.max_map_count=262144");
            }
            found
        }
    }
}

fn bytes_or_none(what: &str, limit: Option<u64>) -> Finding {
    let words = limit.map_or("no limit".into(), units::bytes);
    Finding::new(GROUP, what, words).number(limit)
}

fn locked() -> Finding {
    bytes_or_none("locked memory (RLIMIT_MEMLOCK)", getrlimit(Resource::Memlock).current)
}

fn address_space() -> Finding {
    let limit = getrlimit(Resource::As).current;
    let found = bytes_or_none("address space (RLIMIT_AS)", limit);
    match limit {
        None => found,
        Some(_) => found.advice("arrays count by their whole size; lift it: ulimit -v unlimited"),
    }
}

fn file_size() -> Finding {
    let limit = getrlimit(Resource::Fsize).current;
    let found = bytes_or_none("size of a file (RLIMIT_FSIZE)", limit);
    match limit {
        None => found,
        Some(_) => {
            found.advice("no array on shm or memfd can be larger; lift it: ulimit -f unlimited")
        }
    }
}

fn overcommit() -> Finding {
    let what = "overcommit (vm.overcommit_memory)";
    match number("/proc/sys/vm/overcommit_memory") {
        Some(0) => Finding::new(GROUP, what, "0: within reason").number(Some(0)),
        Some(1) => Finding::new(GROUP, what, "1: always").number(Some(1)),
        Some(2) => Finding::new(GROUP, what, "2: never")
            .number(Some(2))
            .advice("memfd arrays are reserved when they are made, since a first touch could fail"),
        Some(_) | None => Finding::unknown(GROUP, what)
            .advice("memfd arrays are reserved when they are made, as if it were 2"),
    }
}

/// The free memory of the machine.
fn memory() -> Vec<Finding> {
    let meminfo = text("/proc/meminfo").unwrap_or_default();
    let finding = |(what, field): (&str, &str)| match kibibytes(&meminfo, field) {
        None => Finding::unknown(GROUP, what),
        Some(bytes) => Finding::new(GROUP, what, units::bytes(bytes)).number(Some(bytes)),
    };
    [("memory available", "MemAvailable"), ("swap free", "SwapFree")].map(finding).to_vec()
}

/// A field of `/proc/meminfo`, in bytes.
fn kibibytes(meminfo: &str, field: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::kibibytes;

    #[test]
    fn odd_lines_are_unknown() {
        let text = "MemTotal: 5 kB\nMemAvailable:\t 7 kB\nOdd: x kB\nHuge: 99999999999999999999 kB\n\
                    Much: 18446744073709551615 kB\nPages:  3\n";
        assert_eq!(kibibytes(text, "MemAvailable"), Some(7168));
        for field in ["Mem", "Odd", "Huge", "Much", "Pages", "None", ""] {
            assert_eq!(kibibytes(text, field), None, "{field}");
        }
    }
}

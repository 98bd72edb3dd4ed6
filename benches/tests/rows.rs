//! Every row that can be run here runs: each contender once. What it takes is not looked at.
#![allow(clippy::unwrap_used)] // what cannot be done fails the test

use std::collections::BTreeSet;
use std::process::Command;

use shm_conformance::{leaks, process};
use shmarray_bench::{Role, all};

/// Rows that move more are left to the drivers.
const SMALL: u64 = 64 << 20;

fn main() {
    process::main(
        &[],
        &[
            ("keys_are_unique", keys_are_unique),
            ("each_row_says_what_it_is", each_row_says_what_it_is),
            ("each_contender_runs", each_contender_runs),
        ],
    );
}

fn keys_are_unique() {
    let mut keys = BTreeSet::new();
    for row in all() {
        assert!(keys.insert(row.key.clone()), "{} is there twice", row.key);
        let names: BTreeSet<_> = row.contenders.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), row.contenders.len(), "{}: {:?}", row.key, row.contenders);
    }
}

fn each_row_says_what_it_is() {
    for row in all() {
        assert!(!row.title.is_empty() && !row.floor.is_empty(), "{}", row.key);
        let of = |role| row.contenders.iter().filter(|one| one.role == role).count();
        assert!(of(Role::Ours) <= 1 && of(Role::Floor) <= 1, "{}: one of each kind", row.key);
    }
}

fn each_contender_runs() {
    let before = leaks::entries();
    for row in all() {
        if (row.ready)().is_err() || row.bytes.is_some_and(|bytes| bytes > SMALL) {
            continue;
        }
        for contender in &row.contenders {
            let of = format!("{} of {}", contender.name, row.key);
            let mut contest = Command::new(env!("CARGO_BIN_EXE_contest"));
            let contest = contest.args(["run", &row.key, &contender.name, "--count", "1"]);
            let output = contest.output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{of}: {error}");
            let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(printed["count"], 1, "{of}: {printed}");
            assert_eq!(leaks::entries(), before, "left by {of}");
        }
    }
}

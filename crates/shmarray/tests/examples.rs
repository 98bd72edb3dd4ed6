//! The examples print what they say, and leave nothing in `/dev/shm`.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use shm_conformance::{private, process};

fn main() {
    process::main(
        &[],
        &[
            ("several_processes", several_processes),
            ("spawned_workers", spawned_workers),
            ("chunk_pool", chunk_pool),
            ("poisoned_lock", poisoned_lock),
            ("ring", ring),
            ("frozen_over_socket", frozen_over_socket),
            ("load_and_save", load_and_save),
            ("loader", loader),
            ("heat", heat),
        ],
    );
}

/// Runs an example, which must succeed and leave nothing; gives what it printed.
fn run(name: &str) -> String {
    run_with(name, &[])
}

fn run_with(name: &str, arguments: &[&str]) -> String {
    // `cargo test -p shmarray` builds them beside the tests; `--test examples` alone does not.
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(built.is_file(), "build it first: cargo build -p shmarray --example {name}");
    let before = entries();
    let output = Command::new(&built).args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {}\n{said}{complaint}", output.status);
    assert_eq!(complaint, "", "{name}");
    if private::is_private() {
        assert_eq!(entries(), before, "{name} leaves something");
    }
    said
}

fn entries() -> BTreeSet<std::ffi::OsString> {
    let listing = std::fs::read_dir(Path::new("/dev/shm")).unwrap();
    listing.map(|entry| entry.unwrap().file_name()).collect()
}

/// The README has this program as it is here.
fn several_processes() {
    let said = run("several_processes");
    let mut lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.pop(), Some("sum: 307200"));
    lines.sort_unstable();
    assert_eq!(lines, [0, 1, 2, 3].map(|number| format!("worker {number}: exit status: 0")));

    let program = include_str!("../examples/several_processes.rs");
    let (_, code) = program.split_once("\n\n").unwrap();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```rust,no_run\n{code}```\n")), "the program in the README");
}

fn spawned_workers() {
    assert_eq!(run("spawned_workers"), "[[0, 1, 2, 3],\n [10, 11, 12, 13],\n [20, 21, 22, 23]]\n");
}

fn chunk_pool() {
    let said = run("chunk_pool");
    let counts = said.lines().filter_map(|line| line.split_once(" chunks by process "));
    let counts: Vec<u32> = counts.map(|(count, _)| count.parse().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().sum()), (3, 1000_u32.div_ceil(64)), "{said}");
    assert_eq!(said.lines().last(), Some("1000 of 1000 rows are right"));
}

fn poisoned_lock() {
    let said = run("poisoned_lock");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "the writer took 30, and is killed before it gives them");
    assert!(lines[1].contains("`write_poisoned()`"), "{said}");
    assert_eq!(lines[2..], ["found [70, 100]", "mended: [100, 100]"]);
}

fn ring() {
    let said = run("ring");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "60 of 60 images came out right, in order");
    assert_eq!(lines[1..], ["decoder: exit status: 0", "killed: true, the other: exit status: 0"]);
}

fn frozen_over_socket() {
    let sum: u32 = (0..256).map(|level| level * (1 + 2)).sum();
    let each = ["sent:     ", "received: "].map(|who| format!("{who}[256, 3], sum {sum}\n"));
    assert_eq!(run("frozen_over_socket"), each.concat());
}

fn load_and_save() {
    let said = run("load_and_save");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("loaded [3, 4] of <f4 on "), "{said}");
    assert!(lines[1].contains("<f4") && lines[1].contains("|u1"), "{said}");
    assert_eq!(lines[2], "saved [3, 4] of <f4");
    assert_eq!(lines[3..], ["[[1.5, 1.5, 1.5, 1.5],", " [7, 7, 7, 7],", " [1.5, 1.5, 1.5, 1.5]]"]);
}

fn loader() {
    let right = |epoch| format!("epoch {epoch}: 2048 of 2048 samples are right");
    let said = run("loader");
    assert_eq!(said.lines().collect::<Vec<_>>(), (0..6).map(right).collect::<Vec<_>>());
    for _ in 0..5 {
        // Killed at another moment each time.
        let said = run_with("loader", &["--kill-one"]);
        let (deaths, epochs): (Vec<_>, Vec<_>) =
            said.lines().partition(|line| line.contains("died"));
        assert_eq!(epochs, (0..6).map(right).collect::<Vec<_>>());
        assert_eq!(deaths, ["worker 0 died: signal: 9 (SIGKILL)"]);
    }
}

fn heat() {
    let end =
        ["100 steps; the same bits as by one process: true", "87.470 degrees in the second row"];
    assert_eq!(run("heat").lines().collect::<Vec<_>>(), end);
    for _ in 0..3 {
        let said = run_with("heat", &["--kill-one"]);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines, [&["worker 0 died: signal: 9 (SIGKILL)"], &end[..]].concat());
    }
}

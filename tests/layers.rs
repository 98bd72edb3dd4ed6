//! The layers: a crate depends on crates below it, never on one above it or beside it.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

use std::path::Path;

use toml::{Table, Value};

/// The crates from the lowest layer up; those of one layer know nothing of each other.
const LAYERS: &[&[&str]] = &[
    &["shm-core"],
    &["shm-map"],
    &["shm-presence"],
    &["shm-sync"],
    &["shm-posix", "shm-anon", "shm-memfd", "shm-conformance"],
    &["shm-select", "shm-pass", "shm-ndarray", "shm-npy", "shm-survey"],
    &["shmarray"],
    &["shm-cli"],
    &["shm-python"],
];

/// The suite that the crates below it run in their tests: the one edge that may go sideways or up,
/// and only in `[dev-dependencies]`.
const SUITE: &str = "shm-conformance";

/// What measures the others, as a program would use them: it is in no layer, and nothing depends on it.
const BENCHMARKS: &str = "shmarray-bench";

#[test]
fn nothing_depends_on_the_benchmarks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).unwrap();
    let folders = crates.map(|folder| folder.unwrap().path());
    for folder in folders.chain([root.to_path_buf(), root.join("xtask"), root.join("fuzz")]) {
        let manifest = read(&folder.join("Cargo.toml"));
        let depends = edges(&manifest).into_iter().any(|edge| edge.to == BENCHMARKS);
        assert!(!depends, "{}: nothing depends on {BENCHMARKS}: run it instead", folder.display());
    }
    let name = read(&root.join("benches/Cargo.toml"))["package"]["name"].clone();
    assert_eq!(name.as_str(), Some(BENCHMARKS));
}

#[test]
fn every_edge_goes_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for folder in std::fs::read_dir(root.join("crates")).unwrap() {
        faults.extend(faults_of(&read(&folder.unwrap().path().join("Cargo.toml"))));
    }
    faults.extend(
        edges(&read(&root.join("xtask/Cargo.toml")))
            .into_iter()
            .filter(|edge| layer(&edge.to).is_some())
            .map(|edge| {
                format!(
                    "xtask -> {}: xtask builds without our crates; run cargo on them instead",
                    edge.to
                )
            }),
    );
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn an_edge_that_goes_up_is_told() {
    let up = "[package]\nname = 'shm-core'\n[target.'cfg(unix)'.dependencies]\nshm-map = '1'";
    let faults = faults_of(&up.parse().unwrap());
    assert!(faults[0].starts_with("shm-core -> shm-map goes up"), "{faults:?}");

    let beside = "[package]\nname = 'shm-anon'\n[dependencies]\nx = { package = 'shm-memfd' }";
    let faults = faults_of(&beside.parse().unwrap());
    assert!(faults[0].starts_with("shm-anon -> shm-memfd goes sideways"), "{faults:?}");

    let unknown = "[package]\nname = 'shm-new'";
    assert!(faults_of(&unknown.parse().unwrap())[0].contains("add it to the layers"));
}

#[test]
fn the_suite_is_for_tests_only() {
    let manifest = |section: &str| {
        let text = format!("[package]\nname = 'shm-anon'\n[{section}]\nshm-conformance = '1'");
        faults_of(&text.parse().unwrap())
    };
    assert!(manifest("dev-dependencies").is_empty());
    assert_eq!(manifest("dependencies").len(), 1);
}

struct Edge {
    to: String,
    in_tests: bool,
}

fn faults_of(manifest: &Table) -> Vec<String> {
    let from = manifest["package"]["name"].as_str().unwrap();
    let Some(here) = layer(from) else {
        return vec![format!(
            "crate {from} is in no layer: add it to the layers in tests/layers.rs and docs/architecture.md"
        )];
    };
    let fault = |edge: Edge| {
        let to = edge.to;
        let there = layer(&to)?;
        if there < here || (edge.in_tests && to == SUITE) {
            return None;
        }
        let direction = if there == here { "sideways" } else { "up" };
        Some(format!(
            "{from} -> {to} goes {direction}: {from} is in layer {here}, {to} in layer {there}. \
             Move what {from} needs into a crate below both, or its use into a crate above both"
        ))
    };
    edges(manifest).into_iter().filter_map(fault).collect()
}

/// Everything that a manifest depends on, on any platform.
fn edges(manifest: &Table) -> Vec<Edge> {
    let platforms = manifest.get("target").and_then(Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut edges = Vec::new();
    for part in platforms.chain([manifest]) {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let dependencies = part.get(section).and_then(Value::as_table);
            edges.extend(dependencies.into_iter().flatten().map(|(key, value)| Edge {
                to: value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned(),
                in_tests: section == "dev-dependencies",
            }));
        }
    }
    edges
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn read(path: &Path) -> Table {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

//! The layers: which crate may use which. An edge that is not in the list is a fault, and so is one
//! in the list that goes up or sideways, or that no manifest has.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

use std::path::Path;

use toml::{Table, Value};

/// The crates from the lowest layer up; those of one layer know nothing of each other.
const LAYERS: &[&[&str]] = &[
    &["shm-core"],
    &["shm-map"],
    &["shm-presence"],
    &["shm-sync"],
    &["shm-posix", "shm-anon", "shm-memfd", "shm-conformance", "shm-arena"],
    &["shm-select", "shm-pass", "shm-ndarray", "shm-npy", "shm-survey"],
    &["shmarray"],
    &["shm-cli"],
    &["shm-python"],
];

/// The crates of ours that a crate may use.
struct Wanted {
    from: &'static str,
    /// `[dependencies]` and `[build-dependencies]`.
    always: &'static [&'static str],
    /// `[dev-dependencies]`, besides those.
    in_tests: &'static [&'static str],
}

/// Every edge that is wanted.
const EDGES: &[Wanted] = &[
    Wanted { from: "shm-core", always: &[], in_tests: &[] },
    Wanted { from: "shm-map", always: &["shm-core"], in_tests: &[] },
    Wanted { from: "shm-presence", always: &["shm-core", "shm-map"], in_tests: &[] },
    Wanted { from: "shm-sync", always: &["shm-core", "shm-presence"], in_tests: &[] },
    Wanted { from: "shm-conformance", always: &["shm-core", "shm-presence"], in_tests: &[] },
    Wanted {
        from: "shm-posix",
        always: &["shm-core", "shm-map", "shm-presence"],
        in_tests: &[SUITE],
    },
    Wanted {
        from: "shm-anon",
        always: &["shm-core", "shm-map", "shm-presence"],
        in_tests: &[SUITE],
    },
    Wanted {
        from: "shm-memfd",
        always: &["shm-core", "shm-map", "shm-presence"],
        in_tests: &[SUITE],
    },
    Wanted {
        from: "shm-arena",
        always: &["shm-core", "shm-map", "shm-presence", "shm-sync"],
        in_tests: &[SUITE],
    },
    Wanted { from: "shm-select", always: &["shm-core", "shm-map"], in_tests: &[] },
    Wanted { from: "shm-pass", always: &["shm-core", "shm-map", "shm-presence"], in_tests: &[] },
    Wanted { from: "shm-ndarray", always: &["shm-core"], in_tests: &[] },
    Wanted { from: "shm-npy", always: &["shm-core"], in_tests: &[SUITE] },
    Wanted {
        from: "shm-survey",
        always: &["shm-core", "shm-map", "shm-presence", "shm-sync"],
        in_tests: &[SUITE, "shm-memfd", "shm-posix"],
    },
    Wanted {
        from: "shmarray",
        always: &[
            "shm-core",
            "shm-map",
            "shm-presence",
            "shm-sync",
            "shm-posix",
            "shm-anon",
            "shm-memfd",
            "shm-select",
            "shm-pass",
            "shm-ndarray",
            "shm-npy",
        ],
        in_tests: &[SUITE, "shm-survey"],
    },
    Wanted {
        from: "shm-cli",
        always: &[
            "shmarray",
            "shm-core",
            "shm-map",
            "shm-presence",
            "shm-ndarray",
            "shm-npy",
            "shm-survey",
        ],
        in_tests: &[SUITE],
    },
    Wanted {
        from: "shm-python",
        always: &["shmarray", "shm-core", "shm-survey", "shm-cli"],
        in_tests: &[],
    },
    // Programs and tests that nothing depends on.
    Wanted { from: "shmarray-workspace", always: &[], in_tests: &["shmarray", SUITE] },
    Wanted { from: "shmarray-bench", always: &["shmarray"], in_tests: &[SUITE] },
    Wanted { from: "shmarray-fuzz", always: &["shm-core", "shm-npy", "shm-pass"], in_tests: &[] },
    Wanted { from: "embedding", always: &["shmarray"], in_tests: &[] },
    // Tasks have to build when a crate does not.
    Wanted { from: "xtask", always: &[], in_tests: &[] },
];

/// The suite that crates of its layer and above run in their tests, and nothing else does.
const SUITE: &str = "shm-conformance";

#[test]
fn every_edge_is_wanted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|folder| folder.unwrap().path());
    let others =
        ["", "xtask", "benches", "fuzz", "tests/embedding"].map(|folder| root.join(folder));
    let faults: Vec<_> = crates
        .chain(others)
        .flat_map(|folder| faults_of(&read(&folder.join("Cargo.toml")), EDGES))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_wanted_edge_goes_down() {
    let faults: Vec<_> = EDGES.iter().flat_map(upward).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_documents_draw_the_same_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let table = text.lines().skip_while(|line| *line != "## Layers");
    let rows = table.filter(|line| line.starts_with('|') && line.contains("`shm"));
    let mut drawn: Vec<Vec<_>> = rows
        .map(|row| row.split('`').skip(1).step_by(2).filter(|name| *name != SUITE).collect())
        .collect();
    drawn.reverse();
    let ours =
        |layer: &&[&'static str]| layer.iter().copied().filter(|name| *name != SUITE).collect();
    let layers: Vec<Vec<_>> = LAYERS.iter().map(ours).collect();
    assert_eq!(drawn, layers, "the table of layers in CONTRIBUTING.md, from the lowest row up");
}

#[test]
fn an_edge_that_nobody_wants_is_told() {
    let wanted = [
        Wanted { from: "shm-select", always: &["shm-core"], in_tests: &[SUITE] },
        Wanted { from: "shm-posix", always: &[], in_tests: &[] },
        Wanted { from: "shm-core", always: &[], in_tests: &[] },
    ];
    let faults = |text: &str| faults_of(&text.parse().unwrap(), &wanted);
    let select = "[package]\nname = 'shm-select'\n[dependencies]\nshm-core = '1'\n";
    let good = format!("{select}[dev-dependencies]\nshm-conformance = '1'\nshm-core = '1'");
    assert!(faults(&good).is_empty());

    let posix =
        format!("{good}\n[target.'cfg(unix)'.dependencies]\nx = {{ package = 'shm-posix' }}");
    let told = faults(&posix);
    assert!(told[0].starts_with("shm-select -> shm-posix is not wanted"), "{told:?}");

    let suite = good.replace("dev-dependencies", "build-dependencies");
    let told = faults(&suite);
    assert!(told[0].contains("move it to [dev-dependencies]"), "{told:?}");

    let told = faults(select);
    assert!(told[0].starts_with("shm-select -> shm-conformance is in EDGES"), "{told:?}");

    let told = faults("[package]\nname = 'shm-new'");
    assert!(told[0].starts_with("shm-new is not in EDGES"), "{told:?}");
}

#[test]
fn an_edge_that_goes_up_is_told() {
    let faults = |from, always, in_tests| upward(&Wanted { from, always, in_tests });
    assert!(faults("shm-core", &["shm-map"], &[])[0].starts_with("shm-core -> shm-map goes up"));
    assert!(faults("shm-anon", &["shm-memfd"], &[])[0].contains("goes sideways"));
    assert!(faults("shm-anon", &[], &[SUITE]).is_empty());
    assert_eq!(faults("shm-anon", &[SUITE], &[]).len(), 1);
    assert!(faults("shm-new", &[], &[])[0].contains("is in no layer"));
}

struct Edge {
    to: String,
    in_tests: bool,
}

/// The edges of a manifest that are not wanted, and the wanted ones that it does not have.
fn faults_of(manifest: &Table, wanted: &[Wanted]) -> Vec<String> {
    let from = manifest["package"]["name"].as_str().unwrap();
    let Some(wants) = wanted.iter().find(|wants| wants.from == from) else {
        return vec![format!(
            "{from} is not in EDGES: add what it may use, and its layer to LAYERS"
        )];
    };
    let is_ours =
        |edge: &Edge| wanted.iter().any(|wants| wants.from == edge.to) || edge.to == SUITE;
    let edges: Vec<_> = edges(manifest).into_iter().filter(is_ours).collect();
    let mut faults = Vec::new();
    for Edge { to, in_tests } in &edges {
        let always = wants.always.contains(&&**to);
        let for_tests = wants.in_tests.contains(&&**to);
        match (always, for_tests, in_tests) {
            (true, ..) | (false, true, true) => {}
            (false, true, false) => faults.push(format!(
                "{from} -> {to} is wanted in tests only: move it to [dev-dependencies]"
            )),
            (false, false, _) => faults.push(format!(
                "{from} -> {to} is not wanted. Move what {from} needs into a crate that it may use, \
                 or its use into a crate that may use both. If the edge is right, add it to EDGES"
            )),
        }
    }
    let unused = |(to, in_tests): (&str, bool)| {
        let is_used = edges.iter().any(|edge| edge.to == to && edge.in_tests == in_tests);
        (!is_used)
            .then(|| format!("{from} -> {to} is in EDGES, but not in the manifest: remove it"))
    };
    let always = wants.always.iter().map(|to| (*to, false));
    faults.extend(always.chain(wants.in_tests.iter().map(|to| (*to, true))).filter_map(unused));
    faults
}

/// The wanted edges of a crate that go up or sideways. Programs are above all layers.
fn upward(wants: &Wanted) -> Vec<String> {
    let from = wants.from;
    let Some(here) = layer(from) else {
        let is_crate = from.starts_with("shm-");
        let fault = format!("{from} is in no layer: add it to LAYERS, and to the documents");
        return Vec::from_iter(is_crate.then_some(fault));
    };
    let fault = |(to, in_tests): (&str, bool)| {
        let there = layer(to)?;
        if there < here || (in_tests && to == SUITE) {
            return None;
        }
        let direction = if there == here { "sideways" } else { "up" };
        Some(format!("{from} -> {to} goes {direction}: no such edge can be wanted"))
    };
    let always = wants.always.iter().map(|to| (*to, false));
    always.chain(wants.in_tests.iter().map(|to| (*to, true))).filter_map(fault).collect()
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

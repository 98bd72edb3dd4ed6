//! The house rules that can be read off the files. A failure says what to do.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

#[path = "sources/mod.rs"]
#[allow(dead_code)] // each test of the house rules needs a part of it
mod sources;

use std::fmt::Write as _;

use toml::Value;

use sources::{Source, sources};

impl Source {
    /// Whether it is this file, which has to spell out what it forbids.
    fn is_this(&self) -> bool {
        self.path == "tests/tidy.rs"
    }

    /// The lines that are not comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// A fault for each line of code that contains one of `words`.
    fn forbid(&self, words: &[&str], advice: &str) -> Vec<String> {
        let bad = |line: &str| words.iter().find(|word| line.contains(**word)).copied();
        let faults = self.code().filter_map(|(number, line)| Some((number, bad(line)?)));
        faults.map(|(number, word)| format!("{}:{number}: `{word}`: {advice}", self.path)).collect()
    }
}

/// Fails if `rule` finds a fault in any of the sources.
fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let mut report = String::new();
    for fault in sources().iter().flat_map(rule) {
        writeln!(report, "{fault}").unwrap();
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn every_file_says_what_it_is() {
    check(|source| {
        let without = source.is_rust() && !source.text.starts_with("//!");
        let fault = "begin with a `//!` line that says what the file is";
        Vec::from_iter(without.then(|| format!("{}: {fault}", source.path)))
    });
}

/// One enum, which cannot be parted: a variant for each fault, with its figures.
const ONE_ITEM: &str = "crates/shm-core/src/error/kind.rs";

#[test]
fn no_file_holds_two_ideas() {
    check(|source| {
        let lines = source.text.lines().count();
        let long = source.is_rust() && lines > 500 && source.path != ONE_ITEM;
        let fault = format!("{}: {lines} lines, at most 500: split it by idea", source.path);
        Vec::from_iter(long.then_some(fault))
    });
}

#[test]
fn unsafe_code_is_denied_at_each_root() {
    check(|source| {
        let is_root = source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs");
        let denied = ["#![deny(unsafe_code)]", "#![forbid(unsafe_code)]"];
        let open = is_root && !denied.iter().any(|line| source.text.contains(line));
        let fault = "add `#![deny(unsafe_code)]`, and allow it again in the modules that need it";
        Vec::from_iter(open.then(|| format!("{}: {fault}", source.path)))
    });
}

#[test]
fn lints_are_those_of_the_workspace() {
    check(|source| {
        let apart = ["tests/embedding/Cargo.toml", "fuzz/Cargo.toml"]; // workspaces of their own
        let member = source.path.ends_with("Cargo.toml") && !apart.contains(&&*source.path);
        let inherits = || source.table().get("lints")?.get("workspace")?.as_bool();
        let fault = "add `[lints]` with `workspace = true`";
        let own = member && inherits() != Some(true);
        Vec::from_iter(own.then(|| format!("{}: {fault}", source.path)))
    });
}

#[test]
fn no_path_of_a_machine() {
    check(|source| {
        if source.is_this() {
            return Vec::new();
        }
        let lines = (1..).zip(source.text.lines());
        let bad = lines.filter(|(_, line)| {
            ["/root/", "/home/", "/work/"].iter().any(|path| line.contains(path))
        });
        let advice =
            "names a folder of one machine: make it relative, or take it from the environment";
        bad.map(|(number, _)| format!("{}:{number}: {advice}", source.path)).collect()
    });
}

#[test]
fn nothing_is_left_for_later() {
    check(|source| {
        if !source.is_rust() || source.is_this() {
            return Vec::new();
        }
        let lines = (1..).zip(source.text.lines());
        let words = ["todo!", "TODO", "FIXME", "#[ignore", "```ignore"];
        let found = lines.filter_map(|(number, line)| {
            Some((number, *words.iter().find(|word| line.contains(**word))?))
        });
        found
            .map(|(number, word)| {
                format!("{}:{number}: `{word}`: do it now, or leave it out", source.path)
            })
            .collect()
    });
}

#[test]
fn no_sleep_hides_a_race() {
    check(|source| {
        let exempt = !source.is_rust() || source.is_this();
        let advice = "wait for the event itself: a pipe, a lock, a child's exit";
        if exempt { Vec::new() } else { source.forbid(&["thread::sleep", "sleep_ms("], advice) }
    });
}

#[test]
fn only_shm_map_maps_memory() {
    check(|source| {
        if source.path.starts_with("crates/shm-map/") {
            return Vec::new();
        }
        let advice = "only shm-map maps memory: add what is missing there";
        if source.is_of_a_crate() {
            let calls =
                ["rustix::mm", "mmap_anonymous(", "munmap(", "madvise(", "mremap(", "libc::mmap"];
            return source.forbid(&calls, advice);
        }
        let manifest = source.path.starts_with("crates/") && source.path.ends_with("Cargo.toml");
        let depends =
            || source.table().get("dependencies").and_then(|all| all.get("memmap2")).is_some();
        let fault = format!("{}: `memmap2`: {advice}", source.path);
        Vec::from_iter((manifest && depends()).then_some(fault))
    });
}

#[test]
fn what_only_looks_changes_nothing() {
    check(|source| {
        let looks = source.path.starts_with("crates/shm-survey/src/");
        let acts = [
            "Mapping",
            "RDWR",
            "WRONLY",
            "OpenOptions",
            "File::create",
            "presence::join",
            "try_alone",
        ];
        let advice = "shm-survey maps nothing, takes no lock and opens nothing for writing";
        if looks { source.forbid(&acts, advice) } else { Vec::new() }
    });
}

#[test]
fn only_one_module_locks_by_fcntl() {
    check(|source| {
        let allowed = source.path == "crates/shm-presence/src/os/linux/ofd.rs";
        let advice = "locks are taken in crates/shm-presence/src/os/linux/ofd.rs only; for the rest there is rustix";
        if source.is_of_a_crate() && !allowed {
            source.forbid(&["libc::fcntl"], advice)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn only_one_module_knows_bincode() {
    check(|source| {
        let allowed = source.path == "crates/shm-core/src/wire.rs";
        let advice = "the wire format is made in crates/shm-core/src/wire.rs only";
        if source.is_of_a_crate() && !allowed {
            source.forbid(&["bincode"], advice)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn every_feature_is_explained() {
    check(|source| {
        let manifest = source.path.starts_with("crates/") && source.path.ends_with("Cargo.toml");
        if !manifest {
            return Vec::new();
        }
        let advice = "say in a comment above it what this feature adds";
        unexplained(
            source,
            "[features]",
            |key, above, _| key == "default" || above.starts_with('#'),
            advice,
        )
    });
}

#[test]
fn every_dependency_has_a_reason() {
    check(|source| {
        if source.path != "Cargo.toml" {
            return Vec::new();
        }
        let advice = "say behind `#` why it is depended on";
        let is_ours = |line: &str| line.contains("path = \"crates/");
        let explained = |_: &str, above: &str, line: &str| {
            line.contains('#') || above.starts_with('#') || is_ours(line)
        };
        unexplained(source, "[workspace.dependencies]", explained, advice)
    });
}

/// A fault for each `key = value` line of a section that is not `explained(key, line above, line)`.
fn unexplained(
    source: &Source,
    section: &str,
    explained: impl Fn(&str, &str, &str) -> bool,
    advice: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut inside, mut above) = (false, "");
    for (number, line) in (1..).zip(source.text.lines()) {
        if line.starts_with('[') {
            inside = line.starts_with(section);
        } else if let Some((key, _)) = line.split_once('=')
            && inside
            && !line.starts_with(['#', ' '])
            && !explained(key.trim(), above, line)
        {
            faults.push(format!("{}:{number}: {}: {advice}", source.path, key.trim()));
        }
        above = line;
    }
    faults
}

#[test]
fn the_rules_see_what_they_look_for() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let rust = source("crates/x/src/lib.rs", "//! munmap(2)\nfn f() { munmap(p) }");
    assert_eq!(rust.forbid(&["munmap("], "no"), ["crates/x/src/lib.rs:2: `munmap(`: no"]);
    let manifest = source("crates/x/Cargo.toml", "[features]\n# Why.\na = []\nb = []\n[x]\nc = []");
    let faults = unexplained(&manifest, "[features]", |_, above, _| above.starts_with('#'), "no");
    assert_eq!(faults, ["crates/x/Cargo.toml:4: b: no"]);
    assert_eq!(manifest.table()["features"]["a"], Value::Array(Vec::new()));
}

#[test]
fn published_crates_are_complete() {
    let sources = sources();
    let readme_of = |home: &str| {
        let readme = sources.iter().find(|source| source.path == format!("{home}/README.md"));
        readme.map_or("", |source| &source.text)
    };
    check(|source| {
        let home = source.home();
        if source.path != format!("{home}/Cargo.toml") {
            return Vec::new();
        }
        let table = source.table();
        let package = table["package"].as_table().unwrap();
        let is_published = package.get("publish").and_then(Value::as_bool) != Some(false);
        if !is_published || !home.starts_with("crates/") {
            let fault = format!("{}: only crates/ are published: `publish = false`", source.path);
            return Vec::from_iter(is_published.then_some(fault));
        }
        let keys = [
            "description",
            "license",
            "repository",
            "documentation",
            "readme",
            "keywords",
            "categories",
            "rust-version",
            "include",
        ];
        let missing = keys.into_iter().filter(|key| !package.contains_key(*key));
        let mut faults: Vec<_> =
            missing.map(|key| format!("{}: add `{key}`", source.path)).collect();
        let on_docs_rs = || package.get("metadata")?.get("docs")?.get("rs")?.get("targets");
        if on_docs_rs().is_none() {
            faults.push(format!("{}: add [package.metadata.docs.rs] with targets", source.path));
        }
        let readme = readme_of(home);
        let says = ["used on its own", "the crate to depend on", "Install it"];
        if !readme.starts_with('#') || !says.iter().any(|words| readme.contains(words)) {
            let what = "say what the crate is, and whether it is meant to be used on its own";
            faults.push(format!("{home}/README.md: {what}"));
        }
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if !sources.iter().any(|source| source.path == format!("{home}/{licence}")) {
                faults.push(format!("{home}/{licence}: add a link to the one at the root"));
            }
        }
        faults
    });
}

#[test]
fn the_audit_map_is_whole() {
    let map = sources().into_iter().find(|source| source.path == "docs/soundness.md").unwrap();
    check(|source| {
        let unsafe_code = source.is_of_a_crate() && source.text.contains("allow(unsafe_code)");
        let entry = format!("| `{}` |", source.path.trim_start_matches("crates/"));
        let fault = format!("{}: add it to the audit map in docs/soundness.md", source.path);
        Vec::from_iter((unsafe_code && !map.text.contains(&entry)).then_some(fault))
    });
}

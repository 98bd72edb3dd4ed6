//! What one operating system has and another has not is named in a crate's module `os` only
//! (`src/os.rs`, `src/os/`, or those of a folder below), behind an interface that names no such thing.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

#[path = "sources/mod.rs"]
#[allow(dead_code)] // each test of the house rules needs a part of it
mod sources;

use sources::rust::{Rust, line, words};
use sources::{Fault, Source, judge, sources};

/// Crates that still name an operating system elsewhere. The list only shrinks.
const KNOWN: &[&str] = &[];

/// Conditions on the system, and the crates with its calls.
const NAMES: [&str; 4] = ["target_os", "target_vendor", "rustix", "libc"];

/// Calls, flags and modules of Linux that could come by another way.
const LINUX: [&str; 8] =
    ["memfd_create", "sendfile", "fallocate", "futex", "TMPFILE", "mremap", "madvise", "linux"];

/// Folders that the kernel shows itself in.
const FOLDERS: [&str; 2] = ["/proc", "/sys"];

/// Where the facade says which backend exists on which system, in `backends.rs` and `backends/`: by
/// conditions, and without a call.
const GATE: &str = "crates/shmarray/src/backends";

/// Whether a file is, or is part of, a module `os`.
fn is_os(path: &str) -> bool {
    let source = path.split_once("/src/").map_or(path, |(_, source)| source);
    source.split('/').any(|part| part == "os" || part == "os.rs")
}

fn faults(source: &Source) -> Vec<Fault> {
    if !source.is_of_a_crate() || is_os(&source.path) {
        return Vec::new();
    }
    let fault = |at: usize, name: &str| Fault {
        home: source.home().to_owned(),
        text: format!(
            "{}:{}: `{name}`: move it into the crate's module `os`, behind a function that any system \
             could have",
            source.path,
            line(&source.text, at)
        ),
    };
    let rust = Rust::new(&source.text);
    let code = rust.without_tests();
    let is_gate = |name: &str| source.path.starts_with(GATE) && name == "target_os";
    let is_named = |name: &str| (NAMES.contains(&name) || LINUX.contains(&name)) && !is_gate(name);
    let named = words(&code).filter(|(_, name)| is_named(name));
    let literals = paths(&rust, &code);
    named.chain(literals).map(|(at, name)| fault(at, name)).collect()
}

/// The literals that are paths in [`FOLDERS`]: they begin with one, or have it with `/` behind it. A
/// sentence may say `/proc`.
fn paths<'a>(rust: &'a Rust, code: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_path = |(at, folder): &(usize, &str)| {
        let (before, behind) = (&rust.literals[..*at], &rust.literals[at + folder.len()..]);
        before.ends_with('"') && behind.starts_with(['/', '"']) || behind.starts_with('/')
    };
    let found = FOLDERS.into_iter().flat_map(|folder| rust.literals.match_indices(folder));
    // Where tests were, the code has blanks: not even the `,` or `)` behind the literal is left.
    let is_kept = move |at: usize| {
        let end = rust.literals[at..].find('\n').map_or(rust.literals.len(), |len| at + len);
        let start = rust.literals[..at].rfind('\n').map_or(0, |start| start + 1);
        code[start..end] == rust.code[start..end]
    };
    found.filter(is_path).filter(move |(at, _)| is_kept(*at))
}

#[test]
fn systems_are_named_in_os_only() {
    judge(&sources().iter().flat_map(faults).collect::<Vec<_>>(), KNOWN);
}

#[test]
fn systems_are_seen() {
    let count = |path: &str, text: &str| {
        let path = format!("crates/x/src/{path}");
        faults(&Source { path, text: text.into() }).len()
    };
    let code = "#[cfg(target_os = \"linux\")]\nuse rustix::fs::open;\nfn f() { memfd_create() }\n";
    assert_eq!(count("a.rs", code), 3);
    assert_eq!(count("pos.rs", code), 3);
    for path in ["os.rs", "os/linux.rs", "a/os.rs", "a/os/linux/b.rs"] {
        assert_eq!(count(path, code), 0, "{path}");
    }
    let gate = Source { path: format!("{GATE}/memfd.rs"), text: code.into() };
    assert_eq!(faults(&gate).len(), 2);
    assert_eq!(count("a.rs", "//! rustix\nfn f() -> &str { \"rustix\" }"), 0);
    let paths =
        "f(\"/proc/self\", \"/sys\", \"of /proc/1\", \"see /proc\", \"/process\", b\"/proc\")";
    assert_eq!(count("a.rs", paths), 4);
    assert_eq!(count("a.rs", &format!("#[cfg(test)]\nmod tests {{\n    {paths};\n}}\n{code}")), 3);
}

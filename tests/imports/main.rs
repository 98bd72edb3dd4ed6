//! What the files of a crate import from each other: from the file that owns a thing, and never in a
//! circle. Code that only tests have is left out.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

mod circles;
mod modules;
#[path = "../sources/mod.rs"]
#[allow(dead_code)] // each test of the house rules needs a part of it
mod sources;

use std::path::Path;

use modules::Crate;
use sources::{Fault, judge, sources};

/// Circles that are still there: the crate, and the files. The list only shrinks.
const KNOWN_CIRCLES: &[(&str, &[&str])] = &[];

/// Crates whose files still import from elsewhere than the owner. The list only shrinks.
const KNOWN_IMPORTERS: &[&str] = &[];

/// Modules that are an interface to whichever file is behind it: that of a system, or of the model checker.
const INTERFACES: [&str; 2] = ["os", "atomic"];

/// Every crate of the repository, read from its root file on.
fn crates() -> Vec<Crate> {
    let is_root = |path: &str| {
        let path = path.strip_suffix("/lib.rs").or_else(|| path.strip_suffix("/main.rs"));
        path.is_some_and(|path| path.ends_with("/src"))
    };
    let roots = sources().into_iter().filter(|source| is_root(&source.path));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    roots
        .map(|root| {
            let read = |path: &str| std::fs::read_to_string(folder.join(path)).ok();
            Crate::read(root.home(), &root.path, read)
        })
        .collect()
}

#[test]
fn no_circle_of_files() {
    let mut found = Vec::new();
    let mut report = Vec::new();
    for this in crates() {
        for circle in circles::circles(&this) {
            let known = (this.home.clone(), circle.files.clone());
            if !KNOWN_CIRCLES.iter().any(|(home, files)| *home == known.0 && *files == known.1) {
                report.push(format!(
                    "{}: {}: a circle, among {:?}. Move what both sides need into a file that imports neither, \
                     or hand it over as an argument",
                    this.home, circle.way, circle.files
                ));
            }
            found.push(known);
        }
    }
    for (home, files) in KNOWN_CIRCLES {
        if !found.iter().any(|known| known.0 == *home && known.1 == *files) {
            report.push(format!("{home}: {files:?}: cut: take it out of KNOWN_CIRCLES"));
        }
    }
    assert!(report.is_empty(), "\n{}\n", report.join("\n"));
}

#[test]
fn things_are_imported_from_their_owner() {
    let faults: Vec<_> = crates().iter().flat_map(detours).collect();
    judge(&faults, KNOWN_IMPORTERS);
}

/// A fault for each import of a thing from a module that has it from another one. The owner is
/// `crate::error` for errors too; macros with `#[macro_export]` belong to the root.
fn detours(this: &Crate) -> Vec<Fault> {
    let detour = |import: &modules::Import| {
        if this.files_of(&import.module).contains(&import.file) {
            return None; // the file's own names
        }
        if import.module.last().is_some_and(|module| INTERFACES.contains(&&**module)) {
            return None;
        }
        let owner = this.owner(&import.module, &import.name)?;
        let shown = [&["crate".to_owned()], &*import.module].concat().join("::");
        Some(Fault {
            home: this.home.clone(),
            text: format!(
                "{}:{}: `{shown}::{}`: import it from its owner, `{owner}`",
                this.files[import.file].path, import.line, import.name
            ),
        })
    };
    this.imports.iter().filter_map(detour).collect()
}

/// A crate of these files, of which the first is the root.
#[cfg(test)]
fn made_of(files: &[(&str, &str)]) -> Crate {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| path == format!("x/src/{name}"));
        file.map(|(_, text)| (*text).to_owned())
    };
    Crate::read("x", &format!("x/src/{}", files[0].0), read)
}

#[test]
fn circles_are_seen() {
    let ways = |files: &[(&str, &str)]| -> Vec<String> {
        circles::circles(&made_of(files)).into_iter().map(|circle| circle.way).collect()
    };
    let root = ("lib.rs", "mod a; mod b; mod c;");
    let [a, b] = [("a.rs", "use crate::{b::{B, c}, c};"), ("b.rs", "fn f() { super::c::g() }")];
    assert!(ways(&[root, a, b, ("c.rs", "// use crate::a::A;")]).is_empty());
    let closed = ways(&[root, a, b, ("c.rs", "use crate::a::A;")]);
    assert_eq!(closed, ["a -> c (a.rs:1) -> a (c.rs:1)"]);
    let tests = "#[cfg(test)]\nmod tests { use crate::a::A; }\n";
    assert!(ways(&[root, a, b, ("c.rs", tests)]).is_empty());
    // A file may use what the file above it has, but not what that gets from outside.
    let below = [("lib.rs", "mod a; mod b;"), ("a.rs", "mod d;"), ("b.rs", "use crate::a::A;")];
    let parent = ("a/d.rs", "use super::A;");
    assert!(ways(&[below[0], below[1], below[2], parent]).is_empty());
    let outside = ("a/d.rs", "use crate::b::B;");
    assert_eq!(ways(&[below[0], below[1], below[2], outside]).len(), 1);
}

#[test]
fn detours_are_seen() {
    let texts = |files: &[(&str, &str)]| -> Vec<String> {
        detours(&made_of(files)).into_iter().map(|fault| fault.text).collect()
    };
    let root = (
        "lib.rs",
        "mod a; mod b;\npub use a::{A, inner::C as D};\npub use other::E;\npub struct R;",
    );
    let a = ("a.rs", "pub struct A; pub mod inner { pub struct C; }");
    let straight =
        "use crate::a::A;\nuse crate::R;\nuse super::b;\nmacro_rules! m { () => { $crate::A } }";
    assert!(texts(&[root, a, ("b.rs", straight)]).is_empty());
    let os = ("a/os.rs", "mod linux;\nuse linux as system;\npub use system::open;");
    let above = ("a.rs", "mod os;\nuse os::open;");
    assert!(texts(&[root, above, os, ("b.rs", "use crate::a::os::open;")]).is_empty());
    let faults = texts(&[root, a, ("b.rs", "\nuse crate::{A,\nD}; fn f() -> super::E {}")]);
    assert_eq!(
        faults,
        [
            "x/src/b.rs:2: `crate::A`: import it from its owner, `crate::a::A`",
            "x/src/b.rs:3: `crate::D`: import it from its owner, `crate::a::inner::C`",
            "x/src/b.rs:3: `crate::E`: import it from its owner, `other::E`",
        ]
    );
}

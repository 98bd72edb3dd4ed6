//! What the compiler says to those who take `bool` for an element, or a guarded array for a plain one.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::path::Path;
use std::process::Command;

const WRONG: &str = "
use shmarray::prelude::*;

pub fn get(array: &GuardedArray<f32, Ix1>) -> Option<f32> {
    array.get(0)
}

pub fn set(array: &GuardedArray<f32, Ix1>) -> shmarray::Result<()> {
    array.set(0, 1.0)
}

pub fn mask(_: SharedArray<bool, Ix1>) {}
";

#[test]
fn the_compiler_says_what_to_do() {
    let told = check(WRONG);
    for text in [
        "the elements of a guarded array are reached through a guard or a chunk only",
        "take `read()` or `write()` and use what that gives: `array.read()?[index]`",
        "take `write()` and use what that gives: `array.write()?[index] = value`",
        "`bool` cannot be an element of a shared array",
        "use `Bool` in the place of `bool`",
    ] {
        assert!(told.contains(text), "not told: {text}\n{told}");
    }
}

/// What a user's package that has this code is told by cargo.
fn check(code: &str) -> String {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"user\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         shmarray = {{ path = {this:?}, default-features = false, features = [\"memfd\"] }}\n"
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/lib.rs"), code).unwrap();
    std::fs::copy(this.join("../../Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--offline", "--quiet"]).current_dir(&folder);
    cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages"));
    let output = cargo.output().unwrap();
    assert!(!output.status.success(), "this does not compile");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

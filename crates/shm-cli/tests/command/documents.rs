//! The documents: the commands in them print what they say, and no code in them is left unrun.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shm_conformance::process::Child;
use shmarray::prelude::*;

use crate::files::repository;
use crate::listing::{held, keep};
use crate::run::shmarray;
use crate::terminal::shown_in;

/// The name that the processes of the documents bear.
const PROCESS: &str = "hillshade";

/// A block of code in a document: its language, and its lines.
struct Block {
    language: String,
    lines: Vec<String>,
}

fn documents() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository("docs")).unwrap().map(|entry| entry.unwrap().path());
    let markdown = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let root = ["README.md", "CONTRIBUTING.md"].map(repository);
    folder.filter(markdown).chain(root).collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) if !is_inside => {
                blocks.push(Block { language: language.into(), lines: Vec::new() });
                is_inside = true;
            }
            Some(_) => is_inside = false,
            None if is_inside => blocks.last_mut().unwrap().lines.push(line.into()),
            None => {}
        }
    }
    blocks
}

/// Rust is run by the tests of documentation, Python by `tests/python.rs` and by `test_examples.py` of
/// shm-python, commands and manifests here. The two commands of the README's first screen are run by
/// `tests/hillshade` and by whoever runs this test.
pub(crate) fn languages() {
    let facade = fs::read_to_string(repository("crates/shmarray/src/lib.rs")).unwrap();
    for path in documents() {
        let name = path.file_name().unwrap().to_str().unwrap();
        for Block { language, lines } in blocks(&fs::read_to_string(&path).unwrap()) {
            let is_run = match &*language {
                "rust" | "rust,no_run" => facade.contains(&format!("{name}\")]")),
                "python" => ["guide.md", "python.md"].contains(&name),
                "console" => ["README.md", "command.md"].contains(&name),
                "sh" => {
                    ["README.md", "command.md"].contains(&name) || lines.iter().all(|it| waits(it))
                }
                "toml" => name == "README.md",
                "text" | "mermaid" => true, // pictures, and what is printed
                "" => name == "CONTRIBUTING.md",
                _ => false,
            };
            assert!(is_run, "{name}: no test runs this block of {language:?}: {lines:#?}");
        }
    }
}

/// Whether a line of shell is none that a test can run: it installs, mounts, measures, or takes minutes.
fn waits(line: &str) -> bool {
    let begins = [
        "cargo ",
        "pip ",
        "python3 -m venv",
        "target/python/",
        "echo advise >",
        "mount ",
        "grep ",
        "#",
    ];
    begins.iter().any(|begin| line.starts_with(begin))
}

/// Every line of shell that is for the command itself: it succeeds, in a home of its own.
pub(crate) fn shell() {
    let home = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_shmarray")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for folder in [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"]
    {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    let mut run = 0;
    for document in ["README.md", "docs/command.md"] {
        let text = fs::read_to_string(repository(document)).unwrap();
        let lines = blocks(&text).into_iter().filter(|block| block.language == "sh");
        for line in lines.flat_map(|block| block.lines).filter(|line| !waits(line)) {
            let mut shell = Command::new("sh");
            shell.args(["-ec", &line]).env("PATH", &path).env("HOME", home.path());
            let done = shell.stdin(Stdio::null()).output().unwrap();
            assert!(done.status.success(), "{document}: {line}\n{done:?}");
            run += 1;
        }
    }
    assert!(run >= 6, "only {run} lines");
    assert!(home.path().join(".local/share/man/man1/shmarray-ls.1").is_file());
}

/// Every manifest of the README is one, and asks for features that there are.
pub(crate) fn manifests() {
    let read = |text: &str| text.parse::<toml::Table>().unwrap();
    let facade = read(&fs::read_to_string(repository("crates/shmarray/Cargo.toml")).unwrap());
    let text = fs::read_to_string(repository("README.md")).unwrap();
    let manifests: Vec<_> = blocks(&text).into_iter().filter(|it| it.language == "toml").collect();
    assert!(manifests.len() >= 2);
    for Block { lines, .. } in manifests {
        let ours = read(&lines.join("\n"))["dependencies"]["shmarray"].clone();
        assert!(
            ours.get("path")
                .is_some_and(|path| path.as_str().unwrap().ends_with("crates/shmarray"))
        );
        for feature in ours.get("features").and_then(toml::Value::as_array).into_iter().flatten() {
            assert!(facade["features"].get(feature.as_str().unwrap()).is_some(), "{feature:?}");
        }
    }
}

/// What this process has as its argument, and the programs of the documents have not.
const ARGUMENT: &str = " documents";

/// Every `$ shmarray …` of the documents, among the arrays that these are about.
pub(crate) fn commands() {
    let mut run = 0;
    for document in ["README.md", "docs/command.md"] {
        let text = fs::read_to_string(repository(document)).unwrap();
        let consoles = blocks(&text).into_iter().filter(|block| block.language == "console");
        for Block { lines, .. } in consoles {
            let _arrays = Arrays::new();
            let mut lines = lines.iter().peekable();
            while let Some(command) = lines.next() {
                let words = words(command.strip_prefix("$ shmarray ").unwrap());
                let mut expected = Vec::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                    expected.push(line.clone());
                }
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let out = shown_in(200, &words, &[("NO_COLOR", "1")]);
                let out = without_others(&out.replace(ARGUMENT, ""));
                let found: Vec<&str> = out.lines().map(str::trim_end).collect();
                let is_same = expected.len() == found.len()
                    && expected.iter().zip(&found).all(|(expected, found)| same(expected, found));
                assert!(is_same, "{document}: {command}\n{}\n\nprints\n{out}", expected.join("\n"));
                run += 1;
            }
        }
    }
    assert!(run >= 9, "only {run} commands");
}

/// Without what depends on the machine: how many of its processes this one may not look into.
fn without_others(out: &str) -> String {
    let known = |line: &str| match line.split_once(" not to be looked into") {
        Some((before, _)) => before.rsplit_once(", ").map_or(before, |(known, _)| known).to_owned(),
        None => line.to_owned(),
    };
    out.lines().map(known).collect::<Vec<_>>().join("\n")
}

/// The arguments of a command, with single quotes around some.
fn words(text: &str) -> Vec<String> {
    let parts = text.split('\'').enumerate();
    parts
        .flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Whether two lines say the same, but for process numbers, times and what is as wide as these.
fn same(expected: &str, found: &str) -> bool {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z');
    let is_uuid = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let is_place =
        |word: &str| word.split_once(':').is_some_and(|(pid, fd)| is_number(pid) && is_number(fd));
    let is_rule = |word: &str| word.starts_with('─');
    let is_about_processes =
        ["alive", "process", "user", PROCESS].iter().any(|it| expected.contains(it));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (expected, found) = (words(expected), words(found));
    expected.len() == found.len()
        && expected.iter().zip(&found).enumerate().all(|(at, (one, two))| {
            let both = |is: &dyn Fn(&str) -> bool| is(one) && is(two);
            let is_age = expected.get(at + 1).is_some_and(|unit| unit == "s");
            one == two
                || both(&is_time)
                || both(&is_uuid)
                || both(&is_place)
                || both(&is_rule)
                || (both(&is_number) && (is_about_processes || is_age))
        })
}

/// Two arrays that a worker has too, a frozen one, and one that a killed program left.
struct Arrays {
    /// Goes first, so that the names go with the others.
    _worker: Child,
    _elevation: SharedArray<i16, Ix2>,
    _shade: GuardedArray<f32, Ix2>,
    _colours: FrozenArray<u8, Ix2>,
    name: Vec<u8>,
}

impl Arrays {
    fn new() -> Self {
        let name = fs::read("/proc/self/comm").unwrap();
        fs::write("/proc/self/comm", PROCESS).unwrap();
        let file = repository("examples/data/jacksboro_dem.npy");
        let elevation = SharedArray::<i16, Ix2>::load(file).name("elevation");
        let elevation = elevation.backend(BackendKind::Shm).create().unwrap();
        let shade = GuardedArray::<f32, Ix2>::builder((344, 403)).name("shade");
        let shade = shade.backend(BackendKind::Shm).zeros().unwrap();
        let (worker, _) = held(|| keep(shade.read().unwrap()));
        let colours = SharedArray::<u8, Ix2>::builder((256, 3)).name("colours");
        let colours = colours.backend(BackendKind::Memfd).zeros().unwrap();
        let colours = colours.into_memfd().unwrap().freeze().unwrap();
        let (killed, _) = held(|| {
            let tile = SharedArray::<f64, Ix2>::builder((512, 512)).name("tile");
            keep(tile.backend(BackendKind::Shm).zeros().unwrap());
        });
        drop(killed);
        Self { _elevation: elevation, _shade: shade, _colours: colours, _worker: worker, name }
    }
}

impl Drop for Arrays {
    fn drop(&mut self) {
        fs::write("/proc/self/comm", self.name.trim_ascii_end()).unwrap();
        shmarray(&["gc"]).expect(0);
    }
}

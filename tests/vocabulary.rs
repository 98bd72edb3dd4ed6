//! Words that were given up do not come back: docs/README.md lists each, with what to say instead.

#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be read fails the test

#[path = "sources/mod.rs"]
#[allow(dead_code)] // each test of the house rules needs a part of it
mod sources;

use std::collections::BTreeSet;

use sources::rust::{Rust, line, words};
use sources::{Fault, Source, judge, sources};

/// Where words that were given up still stand. The list only shrinks.
const KNOWN: &[&str] = &["crates/shm-cli", "crates/shmarray"];

/// The table of the words is below this heading.
const HEADING: &str = "## Words that were given up";

/// Files that may say anything: what happened, what programs wrote, this test.
const FREE: [&str; 4] =
    ["CHANGELOG.md", "LICENSE-APACHE", "docs/performance/", "tests/vocabulary.rs"];

/// A row of the table.
#[derive(Debug)]
struct GivenUp {
    /// As the table has it.
    shown: String,
    form: Form,
    instead: String,
    /// Files and folders where it means something else.
    right_in: Vec<String>,
}

#[derive(Debug)]
enum Form {
    /// In backticks: a name, path or literal of code, as it is written.
    Exactly(String),
    /// A word, or several in a row: in text, and in names of which it is a part. Of each, the forms
    /// that it may have; none for up to two words of any kind.
    Words(Vec<Vec<String>>),
}

/// A word in lower case, and its position.
type Word = (usize, String);

/// A file, told apart once for all words of the table.
struct File {
    source: Source,
    /// What is read as code: in Rust code and literals, in data all of it.
    code: Vec<String>,
    /// What is read as text, and may quote code: comments, or a document.
    prose: String,
    /// The words of the text and of literals.
    words: Vec<Word>,
    /// The names in Rust code, each in its parts.
    names: Vec<Vec<Word>>,
}

impl File {
    fn new(source: Source) -> Self {
        let lower = |text: &str| -> Vec<Word> {
            words(text).map(|(at, word)| (at, word.to_lowercase())).collect()
        };
        if source.is_rust() {
            let Rust { code, comments, literals } = Rust::new(&source.text);
            let name = |(at, name)| parts(name).into_iter().map(|part| (at, part)).collect();
            let names = words(&code).map(name).collect();
            let mut words = lower(&comments);
            words.extend(lower(&literals));
            return Self { source, code: vec![code, literals], prose: comments, words, names };
        }
        let words = lower(&source.text);
        let is_document = source.path.ends_with(".md");
        let text = source.text.clone();
        let (code, prose) =
            if is_document { (Vec::new(), text) } else { (vec![text], String::new()) };
        Self { source, code, prose, words, names: Vec::new() }
    }
}

impl GivenUp {
    fn parse(row: &str) -> Option<Self> {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (shown, instead, right_in) = (cells.next()?, cells.next()?, cells.next()?);
        let form = match shown.strip_prefix('`') {
            Some(name) => Form::Exactly(name.trim_end_matches('`').to_owned()),
            None => Form::Words(shown.split(' ').map(forms).collect()),
        };
        let right_in = right_in.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some(Self { shown: shown.to_owned(), form, instead: instead.to_owned(), right_in })
    }

    /// Where it stands in a file, by line.
    fn lines(&self, file: &File) -> BTreeSet<usize> {
        let found = match &self.form {
            Form::Exactly(name) => {
                let in_code = file.code.iter().flat_map(|text| exactly(text, name));
                let quoted = |at: &usize| is_quoted(&file.prose, *at, name);
                in_code.chain(exactly(&file.prose, name).into_iter().filter(quoted)).collect()
            }
            Form::Words(sought) => {
                let mut found = in_a_row(&file.words, sought);
                found.extend(file.names.iter().flat_map(|parts| in_a_row(parts, sought)));
                found
            }
        };
        let mut lines: BTreeSet<_> =
            found.into_iter().map(|at| line(&file.source.text, at)).collect();
        if let Form::Exactly(name) = &self.form
            && name.ends_with(".rs")
            && file.source.path.ends_with(&format!("/{name}"))
        {
            lines.insert(1);
        }
        lines
    }

    fn faults(&self, file: &File) -> Vec<Fault> {
        let source = &file.source;
        let is_right = self.right_in.iter().any(|place| source.path.starts_with(&**place));
        if is_right {
            return Vec::new();
        }
        let fault = |line| Fault {
            home: source.home().to_owned(),
            text: format!("{}:{line}: {}: say {}", source.path, self.shown, self.instead),
        };
        self.lines(file).into_iter().map(fault).collect()
    }
}

/// The forms of a word of the table: `find/finds`; none for `…`.
fn forms(word: &str) -> Vec<String> {
    if word == "…" { Vec::new() } else { word.split('/').map(str::to_owned).collect() }
}

/// Where a name stands that is not part of a longer one.
fn exactly(text: &str, name: &str) -> Vec<usize> {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |(at, _): &(usize, &str)| {
        let before = text[..*at].ends_with(is_in_word) && name.starts_with(is_in_word);
        let behind = text[at + name.len()..].starts_with(is_in_word) && name.ends_with(is_in_word);
        !before && !behind
    };
    text.match_indices(name).filter(stands).map(|(at, _)| at).collect()
}

/// Whether the name here is code: in backticks, of which its line has an odd number before it, or
/// indented as a block of code is.
fn is_quoted(text: &str, at: usize, name: &str) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let backticks = text[start..at].matches('`').count();
    backticks % 2 == 1 || name.ends_with(".rs") || name.contains("::")
}

/// Where these words stand one after the other.
fn in_a_row(text: &[Word], sought: &[Vec<String>]) -> Vec<usize> {
    let found = (0..text.len()).filter(|from| begins_with(&text[*from..], sought));
    found.map(|from| text[from].0).collect()
}

fn begins_with(text: &[Word], sought: &[Vec<String>]) -> bool {
    match sought {
        [] => true,
        [forms, rest @ ..] if forms.is_empty() => {
            (0..=2).any(|gap| text.get(gap..).is_some_and(|text| begins_with(text, rest)))
        }
        [forms, rest @ ..] => {
            let first = text.first();
            first.is_some_and(|(_, word)| forms.contains(word)) && begins_with(&text[1..], rest)
        }
    }
}

/// The words that a name is made of, in lower case: those of `snake_case` and of `CamelCase`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_small) {
            parts.push(String::new());
        }
        was_small = letter.is_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| letter != '_') {
            part.extend(letter.to_lowercase());
        }
    }
    parts
}

/// The rows of the table in the glossary, and every file that they hold for, the glossary without them.
fn read() -> (Vec<GivenUp>, Vec<File>) {
    let mut sources = sources();
    let glossary = sources.iter_mut().find(|source| source.path == "docs/README.md").unwrap();
    let (text, table) = glossary.text.split_once(HEADING).unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let given_up: Vec<_> = rows.filter_map(GivenUp::parse).collect();
    assert!(given_up.len() > 20, "the table in docs/README.md: {} rows", given_up.len());
    glossary.text = text.to_owned();
    let is_free = |source: &Source| FREE.iter().any(|free| source.path.starts_with(free));
    sources.retain(|source| !is_free(source));
    (given_up, sources.into_iter().map(File::new).collect())
}

#[test]
fn words_that_were_given_up_do_not_come_back() {
    let (given_up, files) = read();
    let faults = |file| given_up.iter().flat_map(move |word: &GivenUp| word.faults(file));
    judge(&files.iter().flat_map(faults).collect::<Vec<_>>(), KNOWN);

    for word in &given_up {
        for place in &word.right_in {
            let mut there = files.iter().filter(|file| file.source.path.starts_with(&**place));
            let needed = there.any(|file| !word.lines(file).is_empty());
            assert!(needed, "{}: not in {place}: take it out of docs/README.md", word.shown);
        }
    }
}

#[test]
fn words_are_seen() {
    let lines = |row: &str, path: &str, text: &str| {
        let source = Source { path: path.into(), text: text.into() };
        GivenUp::parse(row).unwrap().faults(&File::new(source)).len()
    };
    let torn = "| torn | poisoned | `docs/soundness.md` |";
    assert_eq!(lines(torn, "docs/a.md", "Torn.\nIt is\ntorn"), 2);
    assert_eq!(lines(torn, "docs/soundness.md", "Torn."), 0);
    assert_eq!(lines(torn, "x/src/a.rs", "fn is_torn() {}\nstruct IsTorn;\nfn tornado() {}"), 2);
    assert_eq!(lines(torn, "x/src/a.rs", "// torn\nf(\"torn\")"), 2);

    let locked = "| `Locked` | `TimedOut` | |";
    assert_eq!(lines(locked, "x/src/a.rs", "Locked\n\"Locked\"\n// Locked, then\n// `Locked`"), 3);
    assert_eq!(lines(locked, "docs/a.md", "Locked in `Locked`"), 1);
    assert_eq!(lines(locked, "docs/a.md", "Locked in; `NotLocked`"), 0);

    let page = "| find/finds … page/pages | populate | |";
    assert_eq!(lines(page, "docs/a.md", "It finds every one of its pages."), 0);
    assert_eq!(lines(page, "docs/a.md", "It finds all the pages.\nTo find a\npage"), 2);

    let file = "| `left.rs` | `deferred.rs` | |";
    assert_eq!(lines(file, "x/src/left.rs", ""), 1);
    assert_eq!(lines(file, "x/src/lib.rs", "//! - left.rs: names\n// is left. rs"), 1);
}

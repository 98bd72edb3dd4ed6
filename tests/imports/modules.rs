//! The modules of a crate, and what each imports.

use std::collections::BTreeMap;

use crate::sources::rust::{Rust, closing, line, words};

/// The way to a module from the crate's root.
type ModulePath = Vec<String>;

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) module: ModulePath,
    code: String,
}

/// A path in the code that leads to a thing in a module of the crate, or to the module itself.
pub(crate) struct Import {
    /// The file that it stands in.
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) module: ModulePath,
    /// The thing; empty for the module itself.
    pub(crate) name: String,
}

pub(crate) struct Crate {
    pub(crate) home: String,
    pub(crate) files: Vec<File>,
    /// The files of a module: several where they differ by platform.
    modules: BTreeMap<ModulePath, Vec<usize>>,
    /// What a module names that is another's: its name there, and the path to it.
    borrowed: BTreeMap<(ModulePath, String), String>,
    pub(crate) imports: Vec<Import>,
}

/// A module inside a file, or the file itself.
struct Block {
    start: usize,
    end: usize,
    module: ModulePath,
}

impl Crate {
    /// Reads a crate from its root file on; `read` gives the text of a file.
    pub(crate) fn read(home: &str, root: &str, read: impl Fn(&str) -> Option<String>) -> Self {
        let mut this = Self {
            home: home.to_owned(),
            files: Vec::new(),
            modules: BTreeMap::new(),
            borrowed: BTreeMap::new(),
            imports: Vec::new(),
        };
        this.add(root, Vec::new(), &read);
        for file in 0..this.files.len() {
            this.add_paths(file);
        }
        this
    }

    /// The files that a module stands in.
    pub(crate) fn files_of(&self, module: &[String]) -> &[usize] {
        self.modules.get(module).map_or(&[], Vec::as_slice)
    }

    /// The path to a thing that this module names but does not own.
    pub(crate) fn owner(&self, module: &[String], name: &str) -> Option<&str> {
        self.borrowed.get(&(module.to_vec(), name.to_owned())).map(String::as_str)
    }

    fn add(&mut self, path: &str, module: ModulePath, read: &impl Fn(&str) -> Option<String>) {
        let Some(text) = read(path) else { return };
        let code = Rust::new(&text).without_tests();
        let number = self.files.len();
        self.files.push(File { path: path.to_owned(), module: module.clone(), code: code.clone() });
        self.modules.entry(module.clone()).or_default().push(number);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let stem = path.trim_end_matches(".rs");
        let is_root = ["/lib", "/main", "/mod"].iter().any(|end| stem.ends_with(end));
        let below = if is_root { folder } else { stem };
        for (at, name) in declared(&code) {
            let child = [&*module, &[name.to_owned()]].concat();
            if code[at..].starts_with('{') {
                self.modules.entry(child).or_default().push(number);
            } else if let Some(elsewhere) = elsewhere(&text[..at]) {
                self.add(&format!("{folder}/{elsewhere}"), child, read);
            } else {
                self.add(&format!("{below}/{name}.rs"), child.clone(), read);
                self.add(&format!("{below}/{name}/mod.rs"), child, read);
            }
        }
    }

    fn add_paths(&mut self, file: usize) {
        let File { module, code, .. } = &self.files[file];
        let (module, code) = (module.clone(), code.clone());
        let blocks = blocks(&code, &module);
        let innermost = |at: usize| {
            let mut around = blocks.iter().filter(|block| (block.start..block.end).contains(&at));
            around.next_back().map_or(&module, |block| &block.module)
        };
        for path in paths(&code) {
            let here = innermost(path.at);
            if path.is_use
                && let Some((alias, segments)) = path.borrows()
            {
                let target = self.resolve(here, segments);
                let is_module = target.as_ref().is_some_and(|(_, name)| name.is_empty());
                if !is_module {
                    let shown = target.map_or_else(
                        || segments.join("::"),
                        |(module, name)| {
                            [&["crate".to_owned()], &*module, &[name]].concat().join("::")
                        },
                    );
                    self.borrowed.insert((here.clone(), alias.to_owned()), shown);
                }
            }
            if ["crate", "self", "super"].contains(&&*path.segments[0])
                && let Some((module, name)) = self.resolve(here, &path.segments)
            {
                let line = line(&code, path.at);
                self.imports.push(Import { file, line, module, name });
            }
        }
    }

    /// The module that a path leads to, and the name of the thing in it; nothing if it leads out of
    /// the crate.
    fn resolve(&self, here: &[String], segments: &[String]) -> Option<(ModulePath, String)> {
        let mut module = here.to_vec();
        let mut rest = segments.iter().map(String::as_str).peekable();
        let mut is_ours = false;
        while let Some(first) = rest.next_if(|first| ["crate", "self", "super"].contains(first)) {
            is_ours = true;
            match first {
                "crate" => module.clear(),
                "super" => drop(module.pop()),
                _ => {}
            }
        }
        while let Some(segment) = rest.peek() {
            let child = [&*module, &[(*segment).to_owned()]].concat();
            if !self.modules.contains_key(&child) {
                break;
            }
            (module, is_ours) = (child, true);
            rest.next();
        }
        is_ours.then(|| (module, rest.next().unwrap_or_default().to_owned()))
    }
}

/// The modules that some code declares: where `{` or `;` stands, and the name.
fn declared(code: &str) -> Vec<(usize, &str)> {
    let mut declared = Vec::new();
    let mut words = words(code).peekable();
    while let Some((at, word)) = words.next() {
        let Some(&(start, name)) = words.peek() else { break };
        let between = &code[at + word.len()..start];
        let end = start + name.len();
        let behind = code[end..].trim_start();
        if word == "mod" && between.trim().is_empty() && behind.starts_with(['{', ';']) {
            declared.push((code.len() - behind.len(), name));
        }
    }
    declared
}

/// What `#[path = "…"]` says, if it is the last attribute of this text.
fn elsewhere(text: &str) -> Option<&str> {
    let (_, attribute) = text.rsplit_once("#[path = \"")?;
    let (path, behind) = attribute.split_once("\"]")?;
    (!behind.contains([';', '{', '}'])).then_some(path)
}

/// The modules that stand inside a file, outer ones first.
fn blocks(code: &str, module: &[String]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (start, name) in declared(code) {
        if code[start..].starts_with('{') {
            let around = blocks.iter().rev().find(|block| block.end > start);
            let outer = around.map_or(module, |block| &block.module);
            let module = [outer, &[name.to_owned()]].concat();
            blocks.push(Block { start, end: closing(code, start), module });
        }
    }
    blocks
}

/// A path in the code, one of those that a tree of imports stands for.
struct Path {
    at: usize,
    segments: Vec<String>,
    alias: Option<String>,
    is_use: bool,
}

impl Path {
    /// The name under which the module has the thing, and the path to it.
    fn borrows(&self) -> Option<(&str, &[String])> {
        let last = self.segments.last()?;
        let is_thing = self.segments.len() > 1 && last != "*";
        is_thing.then(|| (self.alias.as_deref().unwrap_or(last), &*self.segments))
    }
}

/// Every path behind `use`, and every other one that begins with `crate`, `self` or `super`.
fn paths(code: &str) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut seen = 0;
    for (at, word) in words(code) {
        let before = code[..at].trim_end();
        let behind = code[at + word.len()..].trim_start();
        if at < seen || before.ends_with("::") || code[..at].ends_with('$') {
            continue;
        }
        let start = if word == "use" && !behind.starts_with(['<', '(']) {
            code.len() - behind.len()
        } else if ["crate", "self", "super"].contains(&word) && behind.starts_with("::") {
            at
        } else {
            continue;
        };
        seen = tree(code, start, &[], word == "use", &mut paths);
    }
    paths
}

/// Reads a tree of imports, or a single path; gives the position behind it.
fn tree(code: &str, start: usize, above: &[String], is_use: bool, paths: &mut Vec<Path>) -> usize {
    let skip = |at: usize| code.len() - code[at..].trim_start().len();
    let mut segments = above.to_vec();
    let mut at = skip(start);
    loop {
        if code[at..].starts_with('{') {
            at = skip(at + 1);
            while at < code.len() && !code[at..].starts_with('}') {
                let end = skip(tree(code, at, &segments, is_use, paths));
                at = if code[end..].starts_with(',') { skip(end + 1) } else { end.max(at + 1) };
            }
            return (at + 1).min(code.len());
        }
        let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
        let len = code[at..].find(|c| !is_in_word(c)).unwrap_or(code.len() - at);
        let word = if code[at..].starts_with('*') { "*" } else { &code[at..at + len] };
        if word.is_empty() {
            break;
        }
        if word != "self" || segments.is_empty() {
            segments.push(word.to_owned());
        }
        let end = at + word.len();
        let next = skip(end);
        match code[next..].strip_prefix("::") {
            Some(_) => at = skip(next + 2),
            None => {
                let alias = code[next..].strip_prefix("as ").filter(|_| is_use);
                let alias =
                    alias.and_then(|rest| words(rest).next()).map(|(_, alias)| alias.to_owned());
                let end = alias.as_ref().map_or(end, |alias| {
                    next + code[next..].find(&**alias).unwrap_or(0) + alias.len()
                });
                paths.push(Path { at, segments, alias, is_use });
                return end;
            }
        }
    }
    paths.push(Path { at, segments, alias: None, is_use });
    at
}

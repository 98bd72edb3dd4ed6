//! Circles among the files of a crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::Crate;

pub(crate) struct Circle {
    /// All files that reach each other, sorted.
    pub(crate) files: Vec<String>,
    /// The shortest way round, with the line of each step.
    pub(crate) way: String,
}

/// From a file to those that it imports from, with the line of the first import.
type Edges = BTreeMap<usize, BTreeMap<usize, usize>>;

/// The circles of a crate. A file in a folder belongs to the file that the folder is named after: it
/// may use what that one has, which is no step of a circle.
pub(crate) fn circles(this: &Crate) -> Vec<Circle> {
    let edges = edges(this);
    let reached: Vec<_> = (0..this.files.len()).map(|from| reach(&edges, from)).collect();
    let mut circles = Vec::new();
    let mut done = BTreeSet::<usize>::new();
    for from in 0..this.files.len() {
        if !reached[from].contains_key(&from) || done.contains(&from) {
            continue;
        }
        let others = reached[from].keys().copied().filter(|to| reached[*to].contains_key(&from));
        let members: BTreeSet<usize> = others.collect();
        let mut files: Vec<_> = members.iter().map(|file| name(this, *file)).collect();
        files.sort();
        done.extend(&members);
        circles.push(Circle { files, way: way(this, &edges, &members) });
    }
    circles
}

fn edges(this: &Crate) -> Edges {
    let mut edges = Edges::new();
    for import in &this.imports {
        let from = &this.files[import.file].module;
        for to in this.files_of(&import.module) {
            if !from.starts_with(&this.files[*to].module) {
                let lines = edges.entry(import.file).or_default();
                lines.entry(*to).or_insert(import.line);
            }
        }
    }
    // A file stands for those below it, which it declares.
    for (above, file) in this.files.iter().enumerate() {
        for (below, other) in this.files.iter().enumerate() {
            let is_child = other.module.len() == file.module.len() + 1;
            if is_child && other.module.starts_with(&file.module) && !file.module.is_empty() {
                edges.entry(above).or_default().entry(below).or_insert(1);
            }
        }
    }
    edges
}

/// The files that are reached from this one, each with the file before it on the shortest way.
fn reach(edges: &Edges, from: usize) -> BTreeMap<usize, usize> {
    let mut reached = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(file) = next.pop_front() {
        for to in edges.get(&file).into_iter().flatten().map(|(to, _)| *to) {
            reached.entry(to).or_insert_with(|| {
                next.push_back(to);
                file
            });
        }
    }
    reached
}

/// The shortest way round among these files.
fn way(this: &Crate, edges: &Edges, members: &BTreeSet<usize>) -> String {
    let round = |start: usize| {
        let before = reach(edges, start);
        let mut way = vec![start];
        let mut file = before[&start];
        while file != start {
            way.push(file);
            file = before[&file];
        }
        way.push(start);
        way.reverse();
        way
    };
    let shortest = members.iter().map(|file| round(*file)).min_by_key(Vec::len).unwrap_or_default();
    let mut text = name(this, shortest[0]);
    for step in shortest.windows(2) {
        let file = this.files[step[0]].path.rsplit('/').next().unwrap_or_default();
        text += &format!(" -> {} ({file}:{})", name(this, step[1]), edges[&step[0]][&step[1]]);
    }
    text
}

/// The name of a file: its module's, from the crate's root.
fn name(this: &Crate, file: usize) -> String {
    this.files[file].module.join("::")
}

//! The outcome as tables: one for each group of rows, in the terminal and in Markdown.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::contest::Role;
use super::outcome::{Figures, Line, Outcome};
use super::samples::SHORT;
use super::{PLOTS, rounds, text};

/// The columns of the first table.
const HEAD: [&str; 7] =
    ["what", "ours", "floor", "ours ÷ floor", "goal", "best peer", "peer ÷ ours"];

/// The columns of the table of all contenders.
const EACH: [&str; 6] = ["what", "contender", "median", "quartiles", "least–greatest", "÷ floor"];

/// Prints the ratios, and what a reader has to know of them.
pub(crate) fn print(outcome: &Outcome) {
    for group in &outcome.groups() {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header(HEAD);
        for line in group {
            table.add_row(cells(line));
        }
        for column in [1, 2, 3, 6] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("\n{table}");
        for line in floors(group).into_iter().chain(remarks(group)) {
            println!("  {line}");
        }
    }
    println!();
    for line in left_out(outcome) {
        println!("left out, as {line}");
    }
    for warning in &outcome.about.warnings {
        println!("warning: {warning}");
    }
}

/// Everything, as a page of Markdown.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let mut page = format!("# Figures of one run\n\n{}\n", about(outcome));
    for warning in &outcome.about.warnings {
        page += &format!("\n**Warning**: {warning}.\n");
    }
    page += "\nThe ratios are what counts: other machines have other times. A ratio is the\n\
             median of the ratios of figures that were measured next to each other, with their quartiles in\n\
             parentheses; so it may differ from that of the two medians beside it, of which one may be\n\
             from a time when the whole machine was slower. Above 1, the floor is faster than ours\n\
             (`ours ÷ floor`), and ours than the peer (`peer ÷ ours`).\n";
    for (file, title) in PLOTS {
        page += &format!("\n![{title}]({file})\n");
    }
    for group in &outcome.groups() {
        page += &format!("\n## {}\n\n", heading(group));
        page += &rows(&HEAD, &[1, 2, 3, 6], group.iter().copied().map(cells));
        page += &bullets(floors(group).into_iter().chain(remarks(group)));
    }
    let left_out = left_out(outcome);
    if !left_out.is_empty() {
        page += &format!("\n## Left out\n{}", bullets(left_out));
    }
    page += "\n## Every contender\n";
    for group in &outcome.groups() {
        page += &format!("\n### {}, each\n\n", heading(group));
        page += &rows(&EACH, &[2, 3, 4, 5], group.iter().copied().flat_map(each));
    }
    page
}

/// Where and how it was made, in one sentence for each.
fn about(outcome: &Outcome) -> String {
    let about = &outcome.about;
    let machine = &about.machine;
    let mut text = format!(
        "Made on {} by `{}`: medians of {} interleaved rounds, of operations repeated for some {} \
         ms, in a\nprocess of their own each time; of those that take less than {}, for {} ms, in up to {} \
         processes of each\nround. The machine: {} cores ({}), {} GiB of memory, {}, huge pages in shared \
         memory: `{}`.\nBuilt by {}.",
        about.date,
        about.command,
        about.rounds,
        about.millis,
        text::time(SHORT),
        about.each_millis,
        rounds::PROCESSES,
        machine.cores,
        machine.processor,
        machine.memory,
        machine.kernel,
        machine.huge_pages,
        about.compiler,
    );
    let more = outcome.rows.iter().filter(|line| line.rounds() > about.rounds).count();
    if more > 0 {
        let rounds = about.rounds * rounds::IF_CLOSE;
        text += &format!(
            "\nIn {more} rows the goal was between the quartiles: those whom it is about had {rounds} rounds."
        );
    }
    if let Some(python) = &about.python {
        text += &format!(" Python peers: {python}.");
    }
    if machine.huge_pages.contains(super::huge::ASKED) {
        text += " Before the rows of huge pages, free memory was gathered into such (`compact_memory`).";
    }
    let [met, missed] = outcome.goals();
    text + &format!("\n\nGoals: {met} met, {missed} missed.")
}

fn heading<'a>(group: &[&'a Line]) -> &'a str {
    group.first().map_or("", |line| line.group())
}

fn cells(line: &Line) -> [String; 7] {
    let of = |role| line.best(role).or(line.contenders.iter().find(|one| one.role == role));
    let median = |role| of(role).map_or_else(String::new, |one| text::median(line, one));
    let peer = of(Role::Peer)
        .map_or_else(String::new, |peer| format!("{}, {}", peer.name, text::median(line, peer)));
    let ratio = |ratio: &Option<_>| ratio.as_ref().map_or_else(String::new, text::ratio);
    [
        line.title.clone(),
        median(Role::Ours),
        median(Role::Floor),
        ratio(&line.of_floor),
        text::verdict(line),
        peer,
        ratio(&line.of_peer),
    ]
}

/// A row of the second table for each contender.
fn each(line: &Line) -> Vec<[String; 6]> {
    let cells = |one: &Figures| {
        let Some(ns) = one.ns else {
            let error = one.error.clone().unwrap_or_default();
            let failed = format!("failed: {error}");
            return [line.title.as_str(), &one.name, &failed, "", "", ""].map(String::from);
        };
        let range = |[low, high]: [f64; 2]| {
            // The greatest rate is that of the least time.
            let [low, high] = if line.bytes.is_some() { [high, low] } else { [low, high] };
            format!("{}–{}", text::value(line, low), text::value(line, high))
        };
        let ratio = line.multiple(one).map_or_else(String::new, text::digits);
        [
            line.title.clone(),
            one.name.clone(),
            text::value(line, ns.median),
            range(ns.quartiles),
            range(ns.range),
            ratio,
        ]
    };
    line.contenders.iter().map(cells).collect()
}

/// What "floor" means in a group: what it means in most rows, and the rows where it is another.
fn floors(group: &[&Line]) -> Vec<String> {
    let mut meanings: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in group {
        add(&mut meanings, &line.floor, &line.title);
    }
    meanings.sort_by_key(|(_, titles)| std::cmp::Reverse(titles.len()));
    let told = |(place, (meaning, titles)): (usize, (&str, Vec<&str>))| match place {
        0 => format!("Floor: {meaning}."),
        _ => format!("Floor of {}: {meaning}.", titles.join("; ")),
    };
    meanings.into_iter().enumerate().map(told).collect()
}

/// What contenders said of their measurements, and why some failed.
fn remarks(group: &[&Line]) -> Vec<String> {
    let mut remarks = Vec::new();
    for (line, one) in
        group.iter().flat_map(|line| line.contenders.iter().map(move |one| (line, one)))
    {
        let failed = one.error.iter().map(|error| format!("failed: {error}"));
        for remark in one.notes.iter().cloned().chain(failed) {
            remarks.push(format!("{}, {}: {remark}", line.title, one.name));
        }
    }
    remarks
}

/// Why rows could not be run, and which.
fn left_out(outcome: &Outcome) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in &outcome.rows {
        if let Some(reason) = &line.not_ready {
            add(&mut reasons, reason, &line.title);
        }
    }
    let told = |(reason, titles): (&str, Vec<&str>)| format!("{reason}: {}", titles.join("; "));
    reasons.into_iter().map(told).collect()
}

/// Adds a title to those of which the same is said.
fn add<'a>(all: &mut Vec<(&'a str, Vec<&'a str>)>, said: &'a str, title: &'a str) {
    match all.iter_mut().find(|(known, _)| *known == said) {
        Some((_, titles)) => titles.push(title),
        None => all.push((said, vec![title])),
    }
}

/// A table of Markdown; the columns `right` are of figures.
fn rows<const N: usize>(
    head: &[&str; N],
    right: &[usize],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let rule = (0..N).map(|column| if right.contains(&column) { "---:" } else { "---" });
    let mut text = format!("| {} |\n|{}|\n", head.join(" | "), rule.collect::<Vec<_>>().join("|"));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// A list of Markdown, with an empty line before it.
fn bullets(items: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for item in items {
        let _ = write!(text, "\n- {item}");
    }
    if text.is_empty() { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::super::contest::Goal;
    use super::super::fixture;
    use super::*;

    fn outcome() -> Outcome {
        let contenders = [("ours", 110.0), ("floor", 100.0), ("x", 440.0), ("y", 220.0)];
        let mut first = fixture::line("create/1", &contenders);
        (first.goal, first.met) = (Some(Goal::OfFloor(1.15)), Some(true));
        let mut second = fixture::line("create/2", &contenders);
        second.contenders[3].error = Some("out | of luck".into());
        second.contenders[3].ns = None;
        second.contenders[2].notes.push("warm".into());
        let mut third = fixture::line("touch/1", &[("ours", 110.0)]);
        third.not_ready = Some("shmem_enabled is never".into());
        fixture::outcome(vec![first, second, third])
    }

    #[test]
    fn a_row_of_the_table() {
        let outcome = outcome();
        let expected = [
            "title of create/1",
            "110 ns",
            "100 ns",
            "1.10 (1.10–1.10)",
            "at most 1.15 × floor: met",
            "y, 220 ns",
            "2.00 (2.00–2.00)",
        ];
        assert_eq!(cells(&outcome.rows[0]), expected);
        assert_eq!(cells(&outcome.rows[1])[5], "x, 440 ns", "the best that did not fail");
    }

    #[test]
    fn a_floor_that_most_rows_have_is_told_first() {
        let mut group = ["a/1", "a/2", "a/3"].map(|key| fixture::line(key, &[("ours", 1.0)]));
        group[0].floor = "memcpy".into();
        let expected = ["Floor: the same calls, bare.", "Floor of title of a/1: memcpy."];
        assert_eq!(floors(&group.each_ref()), expected);
    }

    #[test]
    fn a_rate_is_greatest_where_time_is_least() {
        let mut line = fixture::line("touch/1", &[("ours", 1e9)]);
        line.bytes = Some(1 << 30);
        line.contenders[0].ns.as_mut().unwrap().range = [5e8, 2e9];
        assert_eq!(each(&line)[0][4], "0.50 GiB/s–2.00 GiB/s");
    }

    #[test]
    fn the_page_says_everything() {
        let page = markdown(&outcome());
        for part in [
            "Made on 2026-01-31 by `cargo xtask bench`: medians of 3 interleaved rounds",
            "2 cores (a processor), 24 GiB of memory, Linux 6.18.0 x86_64",
            "Goals: 1 met, 0 missed.",
            "**Warning**: the machine had other things to do.",
            "](ratios.svg)",
            "\n## create\n\n| what | ours |",
            "|---|---:|---:|---:|---|---|---:|\n",
            "| title of create/2 | x | 440 ns | 440 ns–440 ns | 440 ns–440 ns | 4.40 |",
            "| y | failed: out \\| of luck |",
            "- Floor: the same calls, bare.",
            "- title of create/2, x: warm",
            "## Left out\n\n- shmem_enabled is never: title of touch/1",
        ] {
            assert!(page.contains(part), "{part}\n\n{page}");
        }
        assert!(!page.contains("## touch"), "{page}");
    }
}

//! `watch`: for programs, and in a terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::listing::{held, keep, shared};
use crate::run::{command, shmarray, wait};
use crate::terminal::{all_of, started, terminal};

pub(crate) fn snapshots() {
    let (_child, pid) = held(|| keep(shared("watched")));
    let done = shmarray(&["watch", "--count", "2", "--interval", "0.1"]).expect(0);
    let tables = Vec::from_iter(done.out.split("\n\n"));
    assert_eq!(tables.len(), 2, "{done:#?}");
    for table in tables {
        let heads = "NAME\tDTYPE\tSHAPE\tBYTES\tSECONDS\tPROCESSES\tWHO\tMARKS";
        assert_eq!(table.lines().next(), Some(heads));
        let row = table.lines().find(|line| line.starts_with("watched\t")).unwrap();
        let row = Vec::from_iter(row.split('\t'));
        assert_eq!((row[2], row[3], row[5]), ("(30, 50)", "6000", "1"));
        assert!(row[6].ends_with(&format!(" {pid}")), "{row:?}");
    }
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

pub(crate) fn reader() {
    let mut command = command(&["watch", "--interval", "3600"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("NAME\t"), "{line}");
    drop(out);
    assert!(wait(child).success(), "it does not wait for the next table");
}

pub(crate) fn redrawn() {
    // Three arrays, in a terminal of five lines: a title, heads and their line, and not all of them.
    let (_child, _) = held(|| keep(["redrawn-1", "redrawn-2", "redrawn-3"].map(shared)));
    let (written, mut shown) = terminal(30, 5);
    let mut watch = command(&["watch", "--interval", "0.1"]);
    watch.env("NO_COLOR", "1");
    let child = started(watch, written);
    // Until it has been drawn three times.
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while text.matches("to end").count() < 3 && text.matches("\x1b[J").count() < 3 {
        let mut file = std::fs::File::from(shown);
        let len = file.read(&mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes[..len]));
        shown = file.into();
    }
    // ^C
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = wait(child);
    assert!(!status.success(), "{status}");
    text.push_str(&all_of(shown));
    let mut tables = text.split("\x1b[J");
    assert_eq!(tables.next().unwrap().lines().count(), 4, "{text:?}");
    for table in tables.take(2) {
        let lines = table.strip_prefix("\x1b[4A\r").unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(lines.lines().count(), 4, "{text:?}");
        let widths = lines.lines().map(|line| line.trim_end_matches("\x1b[K").chars().count());
        assert!(widths.max().unwrap() <= 30, "{text:?}");
        assert!(lines.contains("… ") && lines.contains("more line"), "{text:?}");
    }
    // Nothing is left to restore: no hidden cursor, no other screen, no mode at all.
    assert!(!text.contains("\x1b[?"), "{text:?}");
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

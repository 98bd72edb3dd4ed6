//! `watch`: for programs, and in a terminal.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use shmarray::prelude::*;
use unicode_width::UnicodeWidthStr;

use crate::listing::{held, keep, shared};
use crate::run::{command, shmarray, wait};
use crate::screen::Screen;
use crate::terminal::{all_of, resize, started, terminal};

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

/// A terminal with `watch` in it.
struct Watched {
    child: Child,
    /// Keys are typed, and what is drawn is read, here.
    shown: File,
    screen: Screen,
    /// The bytes drawn since the last whole table.
    pending: Vec<u8>,
}

/// The end of each table.
const END: &[u8] = b"\x1b[J";

impl Watched {
    fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let (written, shown) = terminal(columns, rows);
        let mut watch = command(&[&["watch"], arguments].concat());
        watch.env("NO_COLOR", "1").stdin(written.try_clone().unwrap());
        let child = started(watch, written);
        let screen = Screen::new(columns.into(), rows.into());
        Self { child, shown: shown.into(), screen, pending: Vec::new() }
    }

    /// Waits for whole tables, until one is as wanted.
    fn until(&mut self, wanted: impl Fn(&[&str]) -> bool) {
        let mut bytes = [0; 4096];
        loop {
            let end = self.pending.windows(END.len()).position(|part| part == END);
            match end.map(|end| end + END.len()) {
                Some(end) => {
                    let table = String::from_utf8(self.pending.drain(..end).collect()).unwrap();
                    self.screen.write(&table);
                    if wanted(&self.screen.lines()) {
                        return;
                    }
                }
                None => {
                    let len = self.shown.read(&mut bytes).unwrap();
                    self.pending.extend(&bytes[..len]);
                }
            }
        }
    }

    fn typed(&mut self, keys: &str) {
        self.shown.write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        resize(&self.shown, columns, rows);
        // A terminal tells the processes that it controls; it controls nobody here.
        kill_process(Pid::from_child(&self.child), Signal::WINCH).unwrap();
        self.screen.resize(columns.into(), rows.into());
    }

    /// How it ends, and what is on the screen then.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = wait(self.child);
        let text = [self.pending, all_of(self.shown.into()).into_bytes()].concat();
        self.screen.write(&String::from_utf8(text).unwrap());
        let lines = self.screen.lines().into_iter().map(str::to_owned).collect();
        (status, lines)
    }
}

/// Makes arrays of these names and numbers of elements, and keeps them.
fn arrays(arrays: &'static [(&'static str, usize)]) -> shm_conformance::process::Child {
    let make = |(name, len): &(&str, usize)| {
        keep(SharedArray::<u8, Ix1>::builder(*len).name(*name).backend(BackendKind::Shm).zeros());
    };
    held(|| arrays.iter().for_each(make)).0
}

pub(crate) fn redrawn() {
    let child = arrays(&[("redrawn-1", 1), ("redrawn-2", 2), ("redrawn-10", 10)]);
    // In a terminal of five lines: a title, heads and their line, and not all of them.
    let mut watched = Watched::start(&["redrawn-*", "--interval", "0.1"], 30, 5);
    for _ in 0..3 {
        watched.until(|lines| {
            assert_eq!(lines.len(), 5, "{lines:?}");
            assert!(lines[3].starts_with("redrawn-1 "), "{lines:?}");
            assert!(lines.iter().all(|line| line.width() <= 30), "{lines:?}");
            lines[4] == "… 1 to 1 of 3"
        });
    }
    // ^C. What was on the terminal before comes back, and the last table stays.
    kill_process(Pid::from_child(&watched.child), Signal::INT).unwrap();
    let (status, lines) = watched.end();
    assert!(!status.success(), "{status}");
    assert_eq!(lines, [""; 0]);
    drop(child);
    shmarray(&["gc"]).expect(0);
}

pub(crate) fn keys() {
    let child = arrays(&[("keys-1", 30), ("keys-2", 20), ("keys-10", 10)]);
    let mut watched = Watched::start(&["keys-*", "--interval", "3600"], 60, 5);
    let first = |name: &'static str| {
        move |lines: &[&str]| lines.get(3).is_some_and(|line| line.starts_with(name))
    };
    watched.until(first("keys-1 "));
    watched.typed("j");
    watched.until(first("keys-2 "));
    watched.typed("\x1b[A");
    watched.until(first("keys-1 "));
    watched.typed("G");
    watched.until(first("keys-10 "));
    watched.typed("s");
    watched.until(first("keys-1 "));
    watched.typed("  ");
    watched.until(|lines| lines[3].starts_with("keys-10 ") && lines[0].contains("by size"));
    watched.typed("nq");
    let (status, lines) = watched.end();
    assert!(status.success(), "{status}");
    assert!(
        lines[0].starts_with("3 arrays by name, ") && lines[3].starts_with("keys-1 "),
        "{lines:?}"
    );
    drop(child);
    shmarray(&["gc"]).expect(0);
}

pub(crate) fn resized() {
    let child = arrays(&[("resized-1", 1), ("resized-2", 2), ("resized-3", 3), ("resized-4", 4)]);
    let mut watched = Watched::start(&["resized-*", "--interval", "3600"], 80, 10);
    watched.until(|lines| lines.len() == 7);
    for (columns, rows) in [(40, 10), (100, 6), (20, 4), (80, 10)] {
        watched.resize(columns, rows);
        watched.until(|lines| {
            let whole = usize::from(rows).min(7);
            let heads = lines.iter().filter(|line| line.starts_with("NAME")).count();
            let titles = lines.iter().filter(|line| line.starts_with("4 arrays")).count();
            lines.len() == whole
                && (titles, heads) == (1, 1)
                && lines.iter().all(|line| line.width() <= columns.into())
        });
    }
    watched.typed("q");
    assert!(watched.end().0.success());
    drop(child);
    shmarray(&["gc"]).expect(0);
}

//! What a terminal gets, and what it never gets.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use shmarray::prelude::*;
use unicode_width::UnicodeWidthStr;

use crate::listing::{held, keep, shared};
use crate::run::{command, shmarray, wait};

/// A terminal: what programs write to, and what shows it.
pub(crate) fn terminal(columns: u16, rows: u16) -> (File, OwnedFd) {
    let shown = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&shown).unwrap();
    unlockpt(&shown).unwrap();
    resize(&shown, columns, rows);
    let name = ptsname(&shown, Vec::new()).unwrap();
    let written = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (written, shown)
}

/// Gives it another size.
pub(crate) fn resize(shown: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(shown, size).unwrap();
}

/// Starts it in that terminal, which nobody else has open from then on.
pub(crate) fn started(mut command: Command, written: File) -> Child {
    command.stdout(written.try_clone().unwrap()).stderr(written);
    command.spawn().unwrap() // what the command has of it is closed with the command
}

/// Everything it shows until nobody writes to it any more.
pub(crate) fn all_of(shown: OwnedFd) -> String {
    let mut bytes = Vec::new();
    match File::from(shown).read_to_end(&mut bytes) {
        Err(error) if error.raw_os_error() != Some(5) => panic!("{error}"), // EIO: nobody writes
        _ => String::from_utf8(bytes).unwrap(),
    }
}

/// The output of a command in a terminal, with these variables.
fn shown(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    shown_in(200, arguments, variables)
}

/// The same, in a terminal of so many columns.
pub(crate) fn shown_in(columns: u16, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let (written, shown) = terminal(columns, 50);
    let mut command = command(arguments);
    command.envs(variables.iter().copied());
    let child = started(command, written);
    let text = all_of(shown);
    assert!(wait(child).success(), "{arguments:?}: {text}");
    text
}

pub(crate) fn colours() {
    let (_child, _) = held(|| keep(shared("coloured")));
    let text = shown(&["ls"], &[]);
    assert!(text.contains("\x1b[1mNAME\x1b[0m"), "{text}");
    assert!(text.contains("5.9 KiB") && text.contains("───"), "rounded, with a line: {text}");
    let plain = |text: &str| !text.contains('\x1b');
    for variables in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = shown(&["ls"], &[variables]);
        assert!(plain(&text) && text.contains("5.9 KiB"), "{variables:?}: {text}");
    }
    assert!(!plain(&shown(&["ls"], &[("NO_COLOR", "")])), "empty is as if it were not set");
    assert!(plain(&shown(&["ls", "--json"], &[])));
    assert!(plain(&shmarray(&["ls"]).expect(0).out), "no colours elsewhere");
    let text = shown(&["stat", "coloured"], &[("NO_COLOR", "1")]);
    assert!(text.contains("bytes       6000 (5.9 KiB)\r\n"), "{text}");
    let dumb = shown(&["watch", "--count", "2", "--interval", "0.1"], &[("TERM", "dumb")]);
    assert!(plain(&dumb) && dumb.matches("coloured").count() == 2, "{dumb}");
    // Columns stand below each other, whatever the colours.
    let text = shown(&["ls"], &[("NO_COLOR", "1")]);
    let backend = text.lines().next().unwrap().find("BACKEND").unwrap();
    let row = text.lines().find(|line| line.starts_with("coloured ")).unwrap();
    assert_eq!(&row[backend..backend + 4], "shm ", "{text}");
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

/// Long names, wide glyphs and long shapes, in terminals of 60, 80 and 120 columns, and in a tiny one.
pub(crate) fn widths() {
    let long = "a-name-that-goes-on-and-on-for-longer-than-any-terminal-is-wide-0123456789-0017";
    let wide = "数数数数数数数数数数数数数数数数数数数数数数数数数数数数数数-17";
    let (child, pid) = held(|| {
        keep([long, wide, "short"].map(shared));
        let structure =
            SharedArray::<f64, shmarray::ndarray::Ix5>::builder((1, 22, 3, 4, 5)).name("five");
        keep(structure.backend(BackendKind::Shm).zeros().unwrap());
    });
    let arrays = 4;
    for columns in [20, 60, 80, 120] {
        for arguments in [&["ls"][..], &["watch", "--count", "1"]] {
            let plain = [("NO_COLOR", "1"), ("TERM", "dumb")];
            let text = shown_in(columns, arguments, &plain);
            let lines = Vec::from_iter(text.lines().map(|line| line.trim_end_matches('\r')));
            let rows = lines.iter().skip(2).take(arrays);
            assert!(rows.clone().all(|line| line.width() <= columns.into()), "{columns}:\n{text}");
            let names = Vec::from_iter(rows.map(|line| line.split("  ").next().unwrap()));
            assert_eq!(names.len(), arrays, "{text}");
            assert!(names.iter().all(|name| !name.is_empty()), "{text}");
            assert!(names[0].starts_with("a-") && names[0].ends_with("17"), "{text}");
            let has = |head: &str| lines[0].split_whitespace().any(|word| word == head);
            // The processes come before the shape.
            assert!(has("NAME") && has("WHO") && (has("SIZE") || columns < 60), "{text}");
            assert!(!has("SHAPE") || has("WHO"), "{text}");
            assert_eq!(has("SHAPE"), columns == 120, "{text}");
            if columns > 20 {
                let short = lines.iter().find(|line| line.starts_with("short ")).unwrap();
                assert!(short.contains(&pid.to_string()), "{text}");
            }
        }
    }
    let text = shown_in(60, &["ls", "--wide"], &[("NO_COLOR", "1")]);
    assert!(text.contains(long) && text.contains("POLICY") && text.contains("(1, 22, 3"), "{text}");
    drop(child);
    shmarray(&["gc"]).expect(0);
}

/// Elements stand in lines that fit, and elsewhere in those of NumPy.
pub(crate) fn elements() {
    let numbers = shmarray::ndarray::Array1::from_iter(0..200_u16);
    let array = SharedArray::<u16, Ix1>::builder(200).name("fitted").backend(BackendKind::Shm);
    let array = array.copy_of(&numbers).unwrap();
    let longest = |text: &str| text.lines().map(|line| line.trim_end().len()).max().unwrap();
    for columns in [20, 60, 80, 120] {
        let text = shown_in(columns, &["show", "fitted"], &[]);
        let most = usize::from(columns);
        assert!((most - 5..=most).contains(&longest(&text)), "{columns}: {text}");
        assert_eq!(text.replace(['[', ']'], " ").split_whitespace().count(), 200);
    }
    assert!((70..=75).contains(&longest(&shmarray(&["show", "fitted"]).expect(0).out)));
    drop(array);
}

pub(crate) fn control_characters() {
    let evil = "a\u{1b}[2J\u{9b}31m\u{202e}";
    let (_child, pid) = held(|| {
        fs::write("/proc/self/comm", "\u{1b}]0;x\u{7}\n").unwrap();
        keep(shared("controlled"));
    });
    let entry = format!("/dev/shm/{evil}");
    fs::write(&entry, "SHMARRAY and then nothing that fits").unwrap();
    for arguments in [
        &["ls"][..],
        &["ls", "--json"],
        &["stat", "controlled"],
        &["stat", "controlled", "--json"],
        &["stat", evil],
        &["rm", evil],
        &["rm", "nobody", evil],
        &["man", "--to", &format!("/dev/null/{evil}")],
        &["watch", "--count", "1"],
    ] {
        let (written, shown) = terminal(200, 50);
        let mut command = command(arguments);
        command.env("NO_COLOR", "1").env("TERM", "dumb");
        let child = started(command, written);
        let text = all_of(shown);
        assert_ne!(wait(child).code(), Some(101));
        let bad = text.chars().find(|char| char.is_control() && !matches!(char, '\r' | '\n'));
        assert_eq!((bad, text.contains('\u{202e}')), (None, false), "{arguments:?}: {text:?}");
    }
    let json = shmarray(&["stat", "controlled", "--json"]).expect(0).json();
    assert_eq!(json["processes"][0]["pid"], pid);
    match fs::remove_file(entry) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

//! `--help`, `completions` and `man`: for people, shells and `man`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::run::shmarray;

const SUBCOMMANDS: [&str; 11] =
    ["ls", "stat", "show", "load", "save", "rm", "gc", "doctor", "watch", "completions", "man"];

pub(crate) fn help() {
    let all = shmarray(&["--help"]).expect(0).out;
    for what in ["Examples:", "Exit codes:", "NO_COLOR"] {
        assert!(all.contains(what), "{what}: {all}");
    }
    for subcommand in SUBCOMMANDS {
        assert!(all.contains(&format!("\n  {subcommand} ")), "{subcommand}: {all}");
        for flag in ["--help", "-h"] {
            let help = shmarray(&[subcommand, flag]).expect(0).out;
            assert!(help.contains("Examples:\n  shmarray "), "{subcommand}: {help}");
            assert!(help.contains(&format!("Usage: shmarray {subcommand}")), "{help}");
        }
    }
}

/// Runs a program on this text, if the machine has it; whether it ended well, and what it printed.
fn fed(program: &str, arguments: &[&str], text: &str) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

pub(crate) fn completions() {
    for (shell, check) in [
        ("bash", Some(&["-n"])),
        ("zsh", Some(&["-n"])),
        ("fish", Some(&["--no-execute"])),
        ("elvish", None),
        ("powershell", None),
    ] {
        let script = shmarray(&["completions", shell]).expect(0).out;
        for subcommand in SUBCOMMANDS {
            assert!(script.contains(subcommand), "{shell}: {subcommand}");
        }
        if let Some(arguments) = check
            && let Some((is_well, printed)) = fed(shell, arguments, &script)
        {
            assert!(is_well && printed.is_empty(), "{shell}: {printed}");
        }
    }
    // It completes.
    let bash = shmarray(&["completions", "bash"]).expect(0).out;
    let ask = "\nCOMP_WORDS=(shmarray wa); COMP_CWORD=1; _shmarray shmarray wa shmarray; echo \"${COMPREPLY[@]}\"";
    assert_eq!(fed("bash", &[], &(bash + ask)).unwrap(), (true, "watch\n".to_owned()));
}

pub(crate) fn manual() {
    let page = shmarray(&["man"]).expect(0).out;
    let sections = page.lines().filter_map(|line| line.strip_prefix(".SH "));
    let sections = Vec::from_iter(sections.map(|title| title.trim_matches('"')));
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SUBCOMMANDS"] {
        assert!(sections.contains(&section), "{section}: {sections:?}");
    }
    assert!(page.contains(".TH shmarray 1"), "{page}");

    let folder = tempfile::tempdir().unwrap();
    shmarray(&["man", "--to", folder.path().to_str().unwrap()]).expect(0);
    for subcommand in SUBCOMMANDS {
        let name = format!("shmarray-{subcommand}.1");
        let page = fs::read_to_string(folder.path().join(&name)).unwrap();
        assert!(page.contains(&format!(".TH shmarray-{subcommand} 1")), "{name}: {page}");
        if let Some((is_well, printed)) = fed("groff", &["-man", "-ww", "-z"], &page) {
            assert!(is_well && printed.is_empty(), "{name}: {printed}");
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("shmarray.1")).unwrap(), page);
    let error = shmarray(&["man", "--to", "/dev/null/folder"]).expect(1).err;
    assert!(error.contains("/dev/null/folder"), "{error}");
}

//! `--help`, `completions` and `man`: for people, shells and `man`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::listing::{held, keep, shared};
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
        assert!(script.contains("SHMARRAY_COMPLETE"), "{shell}: {script}");
        if let Some(arguments) = check
            && let Some((is_well, printed)) = fed(shell, arguments, &script)
        {
            assert!(is_well && printed.is_empty(), "{shell}: {printed}");
        }
    }
    let (_child, _) = held(|| keep(["completed-1", "completed 2"].map(shared)));
    fs::write("/dev/shm/completed\u{1b}[2J", "SHMARRAY and then nothing that fits").unwrap();
    let bash = shmarray(&["completions", "bash"]).expect(0).out;
    let program = Path::new(env!("CARGO_BIN_EXE_shmarray")).parent().unwrap().to_str().unwrap();
    let completed = |words: &[&str]| {
        let words = words.iter().map(|word| format!("'{word}'"));
        let words = Vec::from_iter(words).join(" ");
        let ask = format!(
            "PATH='{program}':$PATH\n{bash}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _clap_complete_shmarray shmarray \"${{COMP_WORDS[COMP_CWORD]}}\" x\n\
             printf '<%s>' \"${{COMPREPLY[@]}}\"\n"
        );
        fed("bash", &[], &ask).unwrap().1
    };
    assert_eq!(completed(&["shmarray", "wa"]), "<watch>");
    for subcommand in ["show", "stat", "save", "rm", "ls", "watch"] {
        let names = completed(&["shmarray", subcommand, "comp"]);
        assert!(names.contains("<completed-1>") && names.contains("<completed 2>"), "{names}");
        assert!(!names.contains('\u{1b}'), "{names:?}");
    }
    fs::remove_file("/dev/shm/completed\u{1b}[2J").unwrap();
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

pub(crate) fn manual() {
    let page = shmarray(&["man"]).expect(0).out;
    let sections = page.lines().filter_map(|line| line.strip_prefix(".SH "));
    let sections = Vec::from_iter(sections.map(|title| title.trim_matches('"')));
    let expected = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "SUBCOMMANDS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "EXAMPLES",
    ];
    assert_eq!(sections, expected);
    assert!(page.contains(".TH shmarray 1"), "{page}");

    let folder = tempfile::tempdir().unwrap();
    shmarray(&["man", "--to", folder.path().to_str().unwrap()]).expect(0);
    for subcommand in SUBCOMMANDS {
        let name = format!("shmarray-{subcommand}.1");
        let page = fs::read_to_string(folder.path().join(&name)).unwrap();
        assert!(page.contains(&format!(".TH shmarray-{subcommand} 1")), "{name}: {page}");
        let (start, columns) =
            (page.find(".SH \"COLUMNS\""), ["ls", "watch"].contains(&subcommand));
        assert_eq!(start.is_some(), columns, "{name}: {page}");
        assert!(page.contains(".SH \"EXAMPLES\"\n.nf\nshmarray "), "{name}: {page}");
        if let Some((is_well, printed)) = fed("groff", &["-man", "-ww", "-z"], &page) {
            assert!(is_well && printed.is_empty(), "{name}: {printed}");
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("shmarray.1")).unwrap(), page);
    let error = shmarray(&["man", "--to", "/dev/null/folder"]).expect(1).err;
    assert!(error.contains("/dev/null/folder"), "{error}");
}

//! `shmarray man`: manual pages, of what `--help` says.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::out::Out;

const EXAMPLES: &str = "\
Examples:
  shmarray man | man -l -
  shmarray man --to ~/.local/share/man/man1      then `man shmarray-ls`
";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A folder: writes shmarray.1 and a page for each subcommand there
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    // There are no pages about `shmarray help`, which is not in the one page, either.
    let mut command = crate::Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &arguments.to else {
        out.write_all(&page(&command)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let file = folder.join(Man::new(command.clone()).get_filename());
        fs::write(&file, page(command)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The page of a command. See `man-pages(7)` for the order of its sections.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    // The text below the options of `--help` becomes sections of its own.
    let help = command.get_after_long_help().or(command.get_after_help());
    let help = Help::of(&help.map(ToString::to_string).unwrap_or_default());
    let man = Man::new(command.clone().after_help("").after_long_help(""));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    page.write_all(help.text.as_bytes())?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for title in ["COLUMNS", "KEYS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"] {
        let blocks = help.blocks.iter().filter(|(heading, _)| heading == title);
        for (_, lines) in blocks {
            write!(page, ".SH \"{title}\"\n.nf\n{lines}.fi\n")?;
        }
    }
    Ok(page)
}

/// The text below the options of `--help`, as roff.
#[derive(Debug, Default, PartialEq, Eq)]
struct Help {
    /// The paragraphs.
    text: String,
    /// The lists, under the titles of their sections; their lines stay as they are.
    blocks: Vec<(String, String)>,
}

impl Help {
    /// A heading ends with a colon and is followed by indented lines.
    fn of(text: &str) -> Self {
        let mut help = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let is_heading = lines.peek().is_some_and(|next| next.starts_with("  "));
            match line.strip_suffix(':').filter(|_| is_heading) {
                Some("Exit codes") => help.blocks.push(("EXIT STATUS".into(), String::new())),
                Some(heading) => help.blocks.push((heading.to_uppercase(), String::new())),
                None if line.is_empty() => help.text.push_str(".PP\n"),
                None => help.text.push_str(&escaped(line)),
            }
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                if let Some((_, block)) = help.blocks.last_mut() {
                    block.push_str(&escaped(line.strip_prefix("  ").unwrap_or(line)));
                }
            }
        }
        help
    }
}

/// A line that roff prints as it is. See groff(7), "Escape sequences" and "Control characters".
fn escaped(line: &str) -> String {
    let mut text = String::new();
    if line.starts_with(['.', '\'']) {
        text.push_str("\\&");
    }
    for char in line.chars() {
        match char {
            '\\' => text.push_str("\\e"),
            '-' => text.push_str("\\-"),
            '\'' => text.push_str("\\(aq"),
            '`' => text.push_str("\\(ga"),
            '~' => text.push_str("\\(ti"),
            '^' => text.push_str("\\(ha"),
            char => text.push(char),
        }
    }
    let _ = writeln!(text); // a String takes everything
    text
}

#[cfg(test)]
mod tests {
    use super::Help;

    #[test]
    fn lists_stay_lists() {
        let help = Help::of(
            "Some of it: 'this'.\n\nColumns:\n  NAME  what\n        it is\n\n.more\n\nExit codes:\n  0  a\\b\n",
        );
        assert_eq!(help.text, "Some of it: \\(aqthis\\(aq.\n.PP\n.PP\n\\&.more\n.PP\n");
        let block = |title: &str, lines: &str| (title.to_owned(), lines.to_owned());
        let columns = block("COLUMNS", "NAME  what\n      it is\n");
        assert_eq!(help.blocks, [columns, block("EXIT STATUS", "0  a\\eb\n")]);
    }
}

//! `shmarray rm`.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap_complete::engine::ArgValueCandidates;
use shm_survey::{Holder, Holders, Locator, printable};
use shmarray::ErrorKind;

use crate::os::FileId;
use crate::out::{Out, tell_error};
use crate::overview::{Process, who};
use crate::{candidates, error_text, exit, lookup, os};

const HELP: &str = "\
Only the name is removed: nobody can attach by it any more. Processes that
have the array keep it, and its memory goes with the last of them. Each name
is tried, whatever becomes of the others.

A memfd array has no name to remove: it goes with the last process that has
it. Files in /dev/shm that are no arrays are left alone; what `shmarray ls`
tells as unreadable can be removed.

Examples:
  shmarray rm elevation
  shmarray rm tile-1 tile-2 -- -odd-name
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What to remove
    #[arg(required = true, value_name = "NAME", add = ArgValueCandidates::new(candidates::arrays))]
    names: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let holders = shm_survey::holders().unwrap_or_default();
    let mut failures = Vec::new();
    // Whether anybody reads about it or not, each name is tried.
    let mut told = Ok(());
    for name in &arguments.names {
        match remove(name, &holders) {
            Ok(done) => {
                let name = name.to_string_lossy();
                told = told.and(writeln!(out, "{}: {done}", printable(&name)));
            }
            Err(error) => {
                failures.push(exit::number(&error));
                told = told.and(out.flush());
                tell_error(&error);
            }
        }
    }
    told?;
    Ok(exit::of_all(&failures))
}

/// Removes one name; what is worth telling of it.
fn remove(name: &OsStr, holders: &Holders) -> anyhow::Result<String> {
    if let Some(odd) = OddEntry::listed(name)? {
        return odd.remove();
    }
    if name.to_str().is_none() && os::file_id(&os::entry_path(name)).is_some() {
        bail!("{} is no array, and left alone", name.display());
    }
    let text = name.to_string_lossy();
    let name = &*text;
    lookup::check(name)?;
    let entry = Entry::now(name);
    let done = match shm_survey::find(name) {
        Ok(seen) => match seen.locator() {
            Locator::Entry(_) if seen.is_in_use().unwrap_or(true) => {
                let keepers = keepers(holders.of(&seen));
                format!("removed; kept by {keepers} until they let go of it")
            }
            Locator::Entry(_) => "removed".to_owned(),
            Locator::Descriptor { .. } => bail!(
                "{name} has no name in /dev/shm that could be removed: it goes with the last \
                 process that has it, now {}",
                keepers(holders.of(&seen))
            ),
        },
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound { .. } | ErrorKind::InvalidName { .. }
            ) =>
        {
            return Err(lookup::explained(name, error));
        }
        Err(error) if lookup::is_ours(name)? => {
            format!(
                "removed, though it could not be read: {}",
                printable(&error_text::of_library(&error))
            )
        }
        Err(error) if lookup::is_foreign(&error) => {
            return Err(error).with_context(|| format!("{name} is no array, and left alone"));
        }
        Err(error) if lookup::is_hidden(&error) => {
            return Err(error)
                .with_context(|| format!("{name} cannot be looked at, and left alone"));
        }
        Err(error) => return Err(error.into()),
    };
    entry.delete()?;
    Ok(done)
}

/// An entry, as it was before this command looked at it more closely.
struct Entry<'a> {
    name: &'a str,
    file: Option<FileId>,
}

impl<'a> Entry<'a> {
    fn now(name: &'a str) -> Self {
        Self { name, file: os::file_id(&os::entry_path(name)) }
    }

    /// Removes the name, unless it leads to another file by now. What takes the name between these
    /// two system calls, the look and the library's opening of the entry, is removed: the library
    /// deletes by name.
    fn delete(&self) -> anyhow::Result<()> {
        let name = self.name;
        let now = Self::now(name).file;
        if now.is_some() && now != self.file {
            bail!("{name} was replaced meanwhile, and left alone");
        }
        let is_free = shmarray::names::delete(name).map_err(|error| match error.kind() {
            ErrorKind::InvalidName { .. } => anyhow!(error).context(
                "a temporary entry, which `shmarray gc` removes if whoever made it is gone",
            ),
            _ => error.into(),
        })?;
        if !is_free {
            let text = format!("{name} was taken again while it was removed");
            return Err(exit::refused(exit::IN_THE_WAY, text));
        }
        Ok(())
    }
}

/// An entry that `ls` tells as unreadable, since no array can have such a name.
struct OddEntry {
    entry: OsString,
    error: String,
}

impl OddEntry {
    /// The entry that is meant by a name, or by what `ls` prints for it.
    fn listed(name: &OsStr) -> anyhow::Result<Option<Self>> {
        let listing = shm_survey::list()?;
        for file in listing.unreadable {
            if !matches!(file.error.kind(), ErrorKind::InvalidName { .. }) {
                continue;
            }
            let place = file.locator.to_string();
            if let Some(entry) = os::entry_shown_as(&place, name) {
                return Ok(Some(Self { entry, error: file.error.to_string() }));
            }
        }
        Ok(None)
    }

    /// Removes it by its name: the library takes no such name.
    fn remove(&self) -> anyhow::Result<String> {
        os::remove_entry(&self.entry)?;
        Ok(format!("removed, though it could not be read: {}", printable(&self.error)))
    }
}

/// The processes that have it.
fn keepers(holders: &[Holder]) -> String {
    let processes = Vec::from_iter(holders.iter().map(Process::from));
    if processes.is_empty() { "somebody who is not to be seen".to_owned() } else { who(&processes) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use shmarray::{BackendKind, SharedArray};

    use super::Entry;
    use crate::exit;

    #[test]
    fn what_has_taken_the_name_meanwhile_is_left_alone() {
        let name = format!("rm-replaced-{}", std::process::id());
        let path = format!("/dev/shm/{name}");
        let array = || SharedArray::<u8, _>::builder(1).name(name.as_str());
        let first = array().backend(BackendKind::Shm).zeros().unwrap();
        let entry = Entry::now(&name);
        drop(first);
        let successor = array().backend(BackendKind::Shm).zeros().unwrap();
        let error = entry.delete().unwrap_err();
        assert!(error.to_string().ends_with("replaced meanwhile, and left alone"), "{error:#}");
        assert_eq!(exit::number(&error), exit::FAILED);
        drop(successor);

        fs::write(&path, "foreign").unwrap();
        assert!(entry.delete().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"foreign");
        fs::remove_file(&path).unwrap();

        // An entry that is gone needs no removing, and one that is still there is removed.
        assert!(entry.delete().is_ok());
        let _third = array().backend(BackendKind::Shm).zeros().unwrap();
        assert!(Entry::now(&name).delete().is_ok());
        assert!(!fs::exists(&path).unwrap());
    }
}

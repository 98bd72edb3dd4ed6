//! `shmarray load`: a named array from a `.npy` file, which stays when the command ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use shm_npy::{NpyFile, NpyHeader};
use shm_survey::{SegmentInfo, printable};
use shmarray::{
    BackendKind, Cleanup, ErasedArray, ErrorKind, Pages,
    npy::Load,
    select::{Needs, SelectedBy},
};

use crate::bar::Bar;
use crate::out::{Out, tell};
use crate::shape::python_shape;
use crate::{error_text, exit, lookup, os};

const HELP: &str = "\
The array is made on backend `shm`, since it has to stay when the command
ends, and it persists: it is there until `shmarray rm`. Others see it when it
is whole. It keeps the order of the file.

Examples:
  shmarray load elevation.npy elevation
  shmarray load tiles.npz tile --member north
  shmarray load elevation.npy elevation --attach   unless it is there
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// A .npy file, or with --member an .npz archive
    file: PathBuf,
    /// The name of the array
    name: String,
    /// Replace an array of that name; those who have it keep it
    #[arg(long, conflicts_with = "attach", alias = "force")]
    replace: bool,
    /// Leave an array of that name as it is, if it has the type and the shape of the file
    #[arg(long)]
    attach: bool,
    /// In huge pages, where /dev/shm gives them: see `shmarray doctor`
    #[arg(long)]
    huge: bool,
    /// The array of that name in an .npz archive
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Convert a file of the other byte order to this machine's
    #[arg(long)]
    native: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    let Arguments { file, name, .. } = arguments;
    let header = header(file, arguments.member.as_deref())
        .and_then(|header| {
            if !arguments.native {
                header.require_native()?;
            }
            Ok(header)
        })
        .with_context(|| format!("cannot load {}", file.display()))?;
    refuse_foreign(file, name)?;
    let made = if arguments.attach { attach(arguments, &header) } else { make(arguments) };
    let state = made.map_err(|error| advised(file, error))?;
    let (name, dtype) = (printable(name), header.dtype().to_string());
    let (shape, bytes) = (python_shape(header.layout().shape()), header.layout().nbytes());
    let told = format!("{name}: {state}, {bytes} bytes of elements, {} {shape}", printable(&dtype));
    out.done(&format!("{name} is there"), &told)?;
    Ok(ExitCode::SUCCESS)
}

fn header(file: &Path, member: Option<&str>) -> Result<NpyHeader> {
    let opened = match member {
        Some(member) => NpyFile::open_member(file, member),
        None => NpyFile::open(file),
    };
    match opened {
        Ok(file) => Ok(file.header().clone()),
        Err(error) => Err(explained(file, member, error)),
    }
}

/// The error of a file that is not what `--member`, or its absence, says, with what it is.
fn explained(file: &Path, member: Option<&str>, error: shmarray::Error) -> anyhow::Error {
    match (member, NpyFile::members(file)) {
        (None, Ok(members)) => anyhow!(
            "it is an .npz archive: name one of its arrays with --member; {}",
            contents(&members)
        ),
        (Some(member), Ok(members)) if !has_member(&members, member) => {
            anyhow!("it has no array {member:?}; {}", contents(&members))
        }
        (Some(_), Err(_)) if NpyFile::open(file).is_ok() => {
            anyhow!("it is not an .npz archive: leave out --member")
        }
        _ => error.into(),
    }
}

/// Whether an archive has an array by the name that NumPy gives it, or by that of its file.
fn has_member(members: &[String], member: &str) -> bool {
    let stem = member.strip_suffix(".npy").unwrap_or(member);
    members.iter().any(|name| name == member || name == stem)
}

/// Which arrays an archive has: the first of them, if there are many.
fn contents(members: &[String]) -> String {
    const MOST: usize = 16;
    let some = &members[..members.len().min(MOST)];
    match members.len() - some.len() {
        _ if some.is_empty() => "it has none".to_owned(),
        0 => format!("it has {}", some.join(", ")),
        more => format!("it has {} and {more} more", some.join(", ")),
    }
}

/// Refuses a name that something other than an array has: `rm` leaves that alone, too.
fn refuse_foreign(file: &Path, name: &str) -> Result<()> {
    lookup::check(name)?;
    let Err(error) = shm_survey::find_entry(name) else { return Ok(()) };
    let file = file.display();
    let text = if lookup::is_foreign(&error) {
        let path = os::entry_path(name).to_string_lossy().into_owned();
        format!(
            "cannot load {file}: {name} is a file in {} that is no array; remove it with rm {}, or \
             take another name",
            os::DIRECTORY,
            error_text::for_shell(&path)
        )
    } else if lookup::is_hidden(&error) {
        format!("cannot load {file}: {error}; take another name")
    } else {
        // No entry, or no name: making the array tells. Or an array that is broken.
        return Ok(());
    };
    if lookup::is_ours(name)? { Ok(()) } else { Err(exit::refused(exit::IN_THE_WAY, text)) }
}

/// Makes the array; tells what was done.
fn make(arguments: &Arguments) -> Result<&'static str> {
    note_other_backend();
    let mut bar = Bar::new("bytes");
    let mut load: Load<'_, ErasedArray> = ErasedArray::load(&arguments.file)
        .name(&arguments.name)
        .backend(BackendKind::Shm)
        .cleanup(Cleanup::Persist)
        .pages(if arguments.huge { Pages::Huge } else { Pages::Auto })
        .progress(|done, all| bar.at(done, all));
    if let Some(member) = &arguments.member {
        load = load.member(member);
    }
    if arguments.native {
        load = load.native();
    }
    let array = load.force(arguments.replace).create()?;
    let paging = array.paging();
    if arguments.huge && paging.huge.is_none() {
        tell(format_args!("in ordinary pages: {}", paging.reason));
    }
    Ok("loaded")
}

/// The error of making the array: what was wrong, and then what can be done.
fn advised(file: &Path, error: anyhow::Error) -> anyhow::Error {
    let error = error.context(format!("cannot load {}", file.display()));
    if !is_taken(&error) {
        return error;
    }
    let advice = "take another name, `--replace`, or `--attach`";
    exit::refused(exit::IN_THE_WAY, format!("{}; {advice}", error_text::chain(&error)))
}

/// Makes the array if there is none of that name. It does not attach to the one there is: to leave
/// it could be to remove it.
fn attach(arguments: &Arguments, header: &NpyHeader) -> Result<&'static str> {
    const ATTEMPTS: usize = 4;
    let mut attempt = 1;
    loop {
        if let Some(found) = find(&arguments.name)? {
            check(&found, header).with_context(|| format!("{} is there", arguments.name))?;
            if found.header().cleanup() != Cleanup::Persist {
                tell(format_args!("{} goes with the last process that has it", arguments.name));
            }
            return Ok("was there already");
        }
        match make(arguments) {
            Err(error) if attempt < ATTEMPTS && is_taken(&error) => attempt += 1,
            made => return made,
        }
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    let mut ours = error.chain().filter_map(|cause| cause.downcast_ref::<shmarray::Error>());
    ours.any(|error| matches!(error.kind(), ErrorKind::AlreadyExists { .. }))
}

/// The array of that name, unless killed processes left it: then it makes way for another.
fn find(name: &str) -> Result<Option<SegmentInfo>> {
    let found = match shm_survey::find_entry(name) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stays = found.header().cleanup() == Cleanup::Persist || found.is_in_use()?;
    Ok(stays.then_some(found))
}

fn check(found: &SegmentInfo, file: &NpyHeader) -> shmarray::Result<()> {
    let header = found.header();
    if header.dtype() != file.dtype() {
        let (expected, found) = (file.dtype().to_string(), header.dtype().to_string());
        return Err(ErrorKind::DTypeMismatch { expected, found }.into());
    }
    let (expected, found) = (file.layout().shape().to_vec(), header.layout().shape().to_vec());
    if expected == found {
        return Ok(());
    }
    Err(ErrorKind::ShapeMismatch { expected, found }.into())
}

/// The environment does not move an array that names its backend, though the user who set it may expect that.
fn note_other_backend() {
    if let Ok(selection) = shmarray::select::select(&Needs::default())
        && selection.source == SelectedBy::Environment
        && selection.chosen != BackendKind::Shm
    {
        tell(format_args!(
            "made on shm, though SHMARRAY_BACKEND is {}: that would go with this command",
            selection.chosen
        ));
    }
}

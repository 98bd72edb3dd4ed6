//! `shmarray load`: a named array from a `.npy` file, which stays when the command ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use shm_npy::{NpyFile, NpyHeader};
use shm_survey::SegmentInfo;
use shmarray::{
    BackendKind, Cleanup, ErasedArray, ErrorKind, Pages,
    npy::Load,
    select::{Needs, SelectedBy},
};

use crate::out::{Out, tell};
use crate::overview::python_shape;
use crate::progress::Progress;
use crate::table::Table;
use crate::{exit, found, words};

const HELP: &str = "\
The array is made on backend `shm`, since it has to stay when the command ends, and it persists: it is
there until `shmarray rm`. Others see it when it is whole. It keeps the order of the file.

Examples:
  shmarray load elevation.npy elevation
  shmarray load tiles.npz tile --member north
  shmarray load elevation.npy elevation --attach    only if it is not there already
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
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    let Arguments { file, name, .. } = arguments;
    let header = header(file, arguments.member.as_deref())
        .with_context(|| format!("cannot load {}", file.display()))?;
    refuse_foreign(name)?;
    let state = if arguments.attach { attach(arguments, &header)? } else { make(arguments)? };
    let layout = header.layout();
    let mut table = Table::new(&["NAME", "DTYPE", "SHAPE", "BYTES", "STATE"], &[3]);
    let shape = python_shape(layout.shape());
    table.row([
        name.into(),
        header.dtype().to_string().into(),
        shape.into(),
        layout.nbytes().to_string().into(),
        state.into(),
    ]);
    out.table(&table)?;
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
        (Some(member), Ok(members)) if !members.iter().any(|name| name == member) => {
            anyhow!("it has no array {member:?}; {}", contents(&members))
        }
        (Some(_), Err(_)) if NpyFile::open(file).is_ok() => {
            anyhow!("it is not an .npz archive: leave out --member")
        }
        _ => error.into(),
    }
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

/// Refuses a name that something other than an array bears: `rm` leaves that alone, too.
fn refuse_foreign(name: &str) -> Result<()> {
    found::check(name)?;
    let Err(error) = shm_survey::find_entry(name) else { return Ok(()) };
    let text = if found::is_foreign(&error) {
        format!(
            "{name} is a file in /dev/shm that is no array; remove it with rm {}, or take another name",
            words::for_shell(&format!("/dev/shm/{name}"))
        )
    } else if found::is_hidden(&error) {
        format!("{name} is there and cannot be looked at; take another name: {error}")
    } else {
        // No entry, or no name: making the array tells. Or an array that is broken.
        return Ok(());
    };
    if found::is_ours(name)? { Ok(()) } else { Err(exit::refused(exit::IN_THE_WAY, text)) }
}

/// Makes the array; tells what was done.
fn make(arguments: &Arguments) -> Result<&'static str> {
    note_other_backend();
    let mut progress = Progress::new("bytes");
    let mut load: Load<'_, ErasedArray> = ErasedArray::load(&arguments.file)
        .name(&arguments.name)
        .backend(BackendKind::Shm)
        .cleanup(Cleanup::Persist)
        .pages(if arguments.huge { Pages::Huge } else { Pages::Auto })
        .progress(|done, all| progress.at(done, all));
    if let Some(member) = &arguments.member {
        load = load.member(member);
    }
    let made = load.force(arguments.replace).create();
    let file = arguments.file.display();
    match made.map_err(anyhow::Error::from) {
        Ok(array) => {
            let paging = array.paging();
            if arguments.huge && paging.huge.is_none() {
                tell(format_args!("in ordinary pages: {}", paging.reason));
            }
            Ok("loaded")
        }
        Err(error) if is_taken(&error) => {
            let hint = "take another name, `--replace`, or `--attach`";
            Err(error.context(format!("cannot load {file}; {hint}")))
        }
        Err(error) => Err(error.context(format!("cannot load {file}"))),
    }
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
            return Ok("was there");
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

/// The environment does not move an array that names its backend; but whoever set it may expect so.
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

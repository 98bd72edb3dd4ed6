//! The interface of [`os`](crate::os) on Linux.

mod huge;
mod limits;
mod named;
mod space;
mod terminal;
mod trials;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit, getuid};

use shm_survey::printable;

use crate::finding::Finding;

pub(crate) use self::named::try_named_segment;
pub(crate) use self::terminal::{Event, Terminal, terminal_size};

/// Where arrays of backend `shm` have their names. See `shm_overview(7)`.
pub(crate) const DIRECTORY: &str = "/dev/shm";

/// Bytes of a command line that are read, at most.
const MAX_ARGUMENTS: u64 = 4096;

/// Device and inode: what tells a file from its successor under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

/// The path of an entry.
pub(crate) fn entry_path(entry: impl AsRef<OsStr>) -> PathBuf {
    Path::new(DIRECTORY).join(entry.as_ref())
}

/// The file that a path leads to, without following a link.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    let about = fs::symlink_metadata(path).ok()?;
    Some(FileId(about.dev(), about.ino()))
}

/// The entry that a list shows as `place`, if `asked` is its name or what the list shows.
pub(crate) fn entry_shown_as(place: &str, asked: &OsStr) -> Option<OsString> {
    let mut entries = fs::read_dir(DIRECTORY).ok()?.flatten().map(|entry| entry.file_name());
    entries.find(|entry| shown(entry) == place && (entry == asked || asked == place))
}

/// An entry as lists show it: what is not UTF-8 is written out (`\xff`).
fn shown(entry: &OsStr) -> String {
    let mut text = String::new();
    for chunk in entry.as_bytes().utf8_chunks() {
        text.push_str(&printable(chunk.valid()));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Removes an entry, whatever it is called.
pub(crate) fn remove_entry(entry: &OsStr) -> io::Result<()> {
    fs::remove_file(entry_path(entry))
}

/// The arguments of a process; none if this user may not read them. See
/// `proc_pid_cmdline(5)`.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = File::open(format!("/proc/{pid}/cmdline"))
        .and_then(|file| file.take(MAX_ARGUMENTS).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let all = bytes.split(|byte| *byte == 0).skip(1);
    all.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// Whether there is a process of that number, in this PID namespace.
pub(crate) fn has_process(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// The user that this process acts for.
pub(crate) fn current_user() -> u32 {
    getuid().as_raw()
}

/// The name of a user, or the number if it has none here. See passwd(5).
pub(crate) fn user_name(user: u32) -> String {
    let users = limits::text("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(user)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| user.to_string())
}

/// How many bytes a file may have. Beyond them the kernel sends SIGXFSZ, which kills. See
/// setrlimit(2).
pub(crate) fn largest_file() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// The findings of `doctor` about this system, for an array of so many bytes with its header.
pub(crate) fn findings(bytes: Option<u64>) -> Vec<Finding> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut found = vec![Finding::new("system", "kernel", release)];
    found.extend(space::findings(bytes));
    found.extend(limits::findings());
    found.extend(huge::findings());
    found.extend(trials::findings());
    found
}

//! How a segment exists before it is published.

/// How a segment exists before it is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// Without a name (`O_TMPFILE`), so that a crash leaves nothing. Where the system refuses to make
    /// or to link such a file (gVisor, a sandbox, or neither `/proc` nor `AT_EMPTY_PATH`),
    /// [`Temporary`](Self::Temporary) is used, with a warning.
    #[default]
    Unnamed,
    /// Under a temporary name, then renamed. A crash in between leaves that name, which the first
    /// create of a later process removes. Where the system does not rename without replacing
    /// (`RENAME_NOREPLACE`), the file gets its name by a link and then loses the temporary one: a crash
    /// between the two leaves it with both.
    Temporary,
}

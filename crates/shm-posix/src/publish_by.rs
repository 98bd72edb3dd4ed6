//! How a segment exists before it is published.

/// How a segment exists before it is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// Without a name (`O_TMPFILE`), so that a crash leaves nothing. Where the system refuses it
    /// (gVisor, or neither `/proc` nor `AT_EMPTY_PATH`), [`Temporary`](Self::Temporary) is used,
    /// with a warning.
    #[default]
    Unnamed,
    /// Under a temporary name, then renamed. A crash in between leaves that name, which the first
    /// create of a later process removes.
    Temporary,
}

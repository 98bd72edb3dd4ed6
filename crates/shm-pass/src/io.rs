//! What a step on a socket, or a look at an inherited file, gives, as data.

use std::fs::File;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready {
    ToRead,
    ToWrite,
}

/// What came of sending some bytes.
#[derive(Debug)]
#[allow(dead_code)] // a system without sockets that carry files constructs none
pub(crate) enum Sent {
    /// So many bytes are sent, and all files with the first of them.
    Bytes(usize),
    /// The socket takes none now.
    WouldBlock,
    /// The peer has closed the connection.
    Closed,
}

/// What came of receiving some bytes.
#[derive(Debug)]
#[allow(dead_code)] // a system without sockets that carry files constructs none
pub(crate) enum Received {
    /// So many bytes came, none at the connection's end.
    Bytes {
        count: usize,
        /// The files that came with them; closed on exec.
        files: Vec<File>,
        /// Whether the system withheld further files.
        is_cut: bool,
    },
    /// Nothing is there yet.
    WouldBlock,
    /// The peer has ended.
    Reset,
}

/// Which file a child inherits, and under which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InheritedFile {
    pub(crate) fd: i32,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

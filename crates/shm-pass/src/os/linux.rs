//! Linux: files over Unix sockets, and across `exec`; children.

mod exec;
mod socket;
mod workers;

pub(crate) use exec::{LEAST_FD, inherit, take};
pub use socket::Socket;
pub(crate) use socket::{
    FileRef, check_file_limit, file_ref, is_same_user, is_writable, may_reopen, receive, reopen,
    send, wait,
};
pub(crate) use workers::{end_with_parent, wait_for_end};

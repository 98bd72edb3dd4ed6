//! Linux: files over Unix sockets, and across `exec`.

mod exec;
mod socket;

pub(crate) use exec::{LEAST_FD, inherit, take};
pub use socket::Socket;
pub(crate) use socket::{
    FileRef, check_file_limit, file_ref, is_same_user, is_writable, may_reopen, receive, reopen,
    send, wait,
};

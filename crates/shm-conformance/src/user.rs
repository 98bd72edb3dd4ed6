//! A user without privileges.

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_thread_gid, set_thread_uid,
};

use crate::process::in_a_child;

/// The number of the user that the superuser becomes.
pub const NOBODY: u32 = 65534;

/// Does this in a forked child that has no privileges, and waits until it has ended well.
pub fn as_nobody(work: impl FnOnce()) {
    in_a_child(|| {
        become_nobody();
        work();
    });
}

/// Takes all privileges from this process, which has one thread: the superuser becomes [`NOBODY`],
/// anybody else remains who they are. See credentials(7).
pub fn become_nobody() {
    if geteuid().is_root() {
        set_thread_gid(Gid::from_raw(NOBODY)).unwrap();
        set_thread_uid(Uid::from_raw(NOBODY)).unwrap();
    }
    // In a user namespace of its own, an ordinary user has some, too.
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, none).unwrap();
}

//! A system that refuses: a filter of system calls (seccomp), and a sandbox for files (Landlock). Both
//! are for this process and the children that it starts, and cannot be taken back: use them in a child.
#![allow(unsafe_code)] // prctl(2), and Landlock's calls, which libc does not wrap

use std::ffi::c_long;
use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::sock_filter;

/// From now on that system call fails with that error. Its number is one of `libc::SYS_…`. See
/// seccomp(2).
pub fn refuse_call(number: c_long, errno: i32) {
    let load = statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0); // the call's number
    filter(&mut [
        load,
        jump_unless(libc::BPF_JEQ, u32::try_from(number).unwrap(), 1),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
}

/// From now on that system call fails with that error if one of these bits is set in its argument of
/// that number, counted from 0.
pub fn refuse_call_with(number: c_long, argument: u32, bits: u32, errno: i32) {
    let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
    let low_half = if cfg!(target_endian = "little") { 0 } else { 4 };
    filter(&mut [
        load(0),
        jump_unless(libc::BPF_JEQ, u32::try_from(number).unwrap(), 3),
        load(16 + 8 * argument + low_half), // `args` of `seccomp_data`
        jump_unless(libc::BPF_JSET, bits, 1),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
}

fn statement(code: u32, yes: u8, no: u8, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap(), jt: yes, jf: no, k }
}

/// Skips so many statements unless the comparison holds.
fn jump_unless(comparison: u32, with: u32, statements: u8) -> sock_filter {
    statement(libc::BPF_JMP | comparison | libc::BPF_K, 0, statements, with)
}

fn filter(statements: &mut [sock_filter]) {
    let len = u16::try_from(statements.len()).unwrap();
    let program = libc::sock_fprog { len, filter: statements.as_mut_ptr() };
    gain_nothing_by_exec();
    // SAFETY: the program and its filter are alive; the kernel copies them.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0, "{}", Error::last_os_error());
}

/// What both ask for of a process without privileges.
fn gain_nothing_by_exec() {
    // SAFETY: takes numbers only.
    let set = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(set, 0, "{}", Error::last_os_error());
}

/// From now on no file may be opened for writing, made, linked or removed, but below these folders:
/// what file modes say does not change. Tells whether the kernel has Landlock. See landlock(7).
pub fn allow_writing_below(folders: &[&str]) -> bool {
    const WRITE_FILE: u64 = 1 << 1;
    /// Removing and making entries of each kind: what version 1 knows.
    const ENTRIES: u64 = 0b1_1111_1111 << 4;
    let handled = WRITE_FILE | ENTRIES;
    let Ok(rules) = ruleset(handled) else { return false };
    for folder in folders {
        let folder = File::open(folder).unwrap();
        add_rule(&rules, handled, folder.as_raw_fd()).unwrap();
    }
    gain_nothing_by_exec();
    // SAFETY: takes numbers only.
    let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) };
    assert_eq!(done, 0, "{}", Error::last_os_error());
    true
}

/// `struct landlock_ruleset_attr` of version 1.
#[repr(C)]
struct Ruleset {
    handled: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

fn ruleset(handled: u64) -> Result<OwnedFd> {
    let attributes = Ruleset { handled };
    let (start, size) = (&raw const attributes, size_of::<Ruleset>());
    // SAFETY: so many bytes are there, which the kernel only reads.
    let fd = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, start, size, 0) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(Error::last_os_error)?;
    // SAFETY: the kernel has just given it to this process, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn add_rule(rules: &OwnedFd, allowed: u64, parent: RawFd) -> Result<()> {
    const PATH_BENEATH: i32 = 1;
    let rule = PathBeneath { allowed, parent };
    let (rules, start) = (rules.as_raw_fd(), &raw const rule);
    // SAFETY: the kernel reads the rule, which is there.
    let done = unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules, PATH_BENEATH, start, 0) };
    if done == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

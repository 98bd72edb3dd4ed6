//! SIGKILL at each step of an operation, placed by strace(1), so that no step can be forgotten.
//!
//! A role of the test program does the operation [`between`] two marks. It is traced once to learn
//! its steps, and then run again for each of them, to be killed as it enters that system call.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use crate::process::role;

const BEGIN: &str = "/shmarray-test-begin";
const END: &str = "/shmarray-test-end";

/// A system call of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub call: String,
    /// The how many-th call of that name it is, since the program began.
    pub nth: usize,
    /// Its arguments and result.
    pub text: String,
}

/// In a role: does the operation whose steps are killed, between two system calls that the trace
/// shows and that do nothing.
pub fn between<T>(operation: impl FnOnce() -> T) -> T {
    let mark = |path| assert!(std::fs::symlink_metadata(path).is_err());
    mark(BEGIN);
    let result = operation();
    mark(END);
    result
}

/// How a create sweeps for garbage: for a bounded time, so that it would be other steps in each run. In
/// these runs the directory cannot be read, and the sweep ends at once.
const LOOKS_AROUND: &str = "getdents64";

/// Plays a role once for each step of its operation, killed there; then calls `after` with the
/// step's number and the steps.
pub fn at_every_step(name: &str, arguments: &[&str], mut after: impl FnMut(usize, &[Step])) {
    let steps = steps(name, arguments);
    assert!(steps.len() > 1, "{name} {arguments:?}: {steps:?}");
    after(steps.len(), &steps);
    for (number, step) in steps.iter().enumerate() {
        let inject = format!("inject={}:signal=KILL:when={}", step.call, step.nth);
        let trace = format!("trace={},{LOOKS_AROUND}", step.call);
        let output = strace(&["-e", &trace, "-e", &inject], name, arguments);
        assert_eq!(output.status.signal(), Some(9), "{name} at {step:?}: {output:?}");
        after(number, &steps);
    }
}

/// The steps of a role's operation, learned by tracing it; ends with the call behind the operation.
fn steps(name: &str, arguments: &[&str]) -> Vec<Step> {
    let output = strace(&[], name, arguments);
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    let trace = String::from_utf8(output.stderr).unwrap();
    let mut counts = HashMap::new();
    let mut steps = trace.lines().filter_map(|line| {
        let (call, rest) = line.split_once('(')?;
        let nth = counts.entry(call).or_insert(0);
        *nth += 1;
        Some(Step { call: call.into(), nth: *nth, text: rest.into() })
    });
    assert!(steps.any(|step| step.text.contains(BEGIN)), "no beginning: {trace}");
    let mut found: Vec<_> = steps.collect();
    let end = found.iter().position(|step| step.text.contains(END));
    found.truncate(end.unwrap_or_else(|| panic!("no end: {trace}")) + 1);
    found.retain(|step| step.call != LOOKS_AROUND);
    found
}

fn strace(options: &[&str], name: &str, arguments: &[&str]) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("strace");
    command
        .args(["-qq", "-e", &format!("inject={LOOKS_AROUND}:error=EIO")])
        .args(options)
        .arg(program)
        .args(role(name, arguments));
    command.output().unwrap_or_else(|error| panic!("these tests need strace(1): {error}"))
}

//! The other process of a cell, where it is a program that was started.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use shmarray::prelude::*;

use crate::array::{Shared, answer};
use crate::traces::Traces;

/// Plays a role, and fails if it fails.
pub(crate) fn main(role: fn() -> Result<()>) -> ExitCode {
    let done = role();
    if let Err(error) = &done {
        eprintln!("the other process: {error:#}");
    }
    ExitCode::from(u8::from(done.is_err()))
}

/// Takes the array that was inherited.
pub(crate) fn take() -> Result<()> {
    let array: Shared = shmarray::transfer::take("array")?.typed()?;
    let again = shmarray::transfer::take("array");
    ensure!(again.is_err(), "an array can be taken twice");
    answer_and_leave(array)
}

/// Attaches to the array whose payload comes through standard input.
pub(crate) fn payload() -> Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let payload = Payload::from_bytes(&bytes)?;
    if payload.descriptor.backend == BackendKind::Shm {
        // A name is as good as a payload.
        drop(Shared::attach(payload.descriptor.name.as_str())?);
    }
    answer_and_leave(Shared::from_payload(&payload)?)
}

fn answer_and_leave(array: Shared) -> Result<()> {
    answer(&array)?;
    let name = array.name().to_string();
    drop(array);
    let Traces { open, mapped, .. } = Traces::of(&name);
    ensure!(open.is_empty() && mapped.is_empty(), "still open: {open:?}, mapped: {mapped:?}");
    Ok(())
}

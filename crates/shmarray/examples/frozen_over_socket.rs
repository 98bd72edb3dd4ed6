//! Freezes an array, and sends it over a Unix socket to another process. From then on the kernel
//! refuses every writer, so that both read it by an ordinary `ArrayView`, without `unsafe`.
//!
//! `cargo run --example frozen_over_socket -p shmarray`

use std::env;
use std::error::Error;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use shmarray::prelude::*;
use shmarray::transfer;

const TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(_) => receive(),
        None => send(),
    }
}

fn send() -> Result<(), Box<dyn Error>> {
    let colours: SharedArray<u64, Ix2> = SharedArray::builder((256, 3))
        .unique("colours")
        .backend(BackendKind::Memfd) // the one that can be frozen
        .from_fn(|(level, channel)| (level * channel) as u64)?;
    let frozen = colours.into_memfd()?.freeze()?;
    println!("sent:     {:?}, sum {}", frozen.view().shape(), sum(&frozen));

    // The receiver has its end of the socket as standard input.
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(env::current_exe()?);
    let mut receiver = command.arg("receive").stdin(OwnedFd::from(theirs)).spawn()?;
    drop(command); // and with it this process's copy of that end
    transfer::send(&ours, &[&frozen], TIMEOUT)?;
    let status = receiver.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the receiver failed: {status}").into()) }
}

fn receive() -> Result<(), Box<dyn Error>> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let received = transfer::receive(&socket, TIMEOUT)?.pop().ok_or("an empty message")?;
    // That it is frozen is checked: the kernel says so, not the sender.
    let frozen: FrozenArray<u64, Ix2> = received.typed()?;
    println!("received: {:?}, sum {}", frozen.view().shape(), sum(&frozen));
    Ok(())
}

fn sum(frozen: &FrozenArray<u64, Ix2>) -> u64 {
    frozen.view().sum()
}

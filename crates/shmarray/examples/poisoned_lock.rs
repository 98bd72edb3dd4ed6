//! A writer is killed with the lock of an array. The next one is not left waiting: it is told that
//! the array is poisoned, mends it and goes on.
//!
//! `cargo run --example poisoned_lock -p shmarray`

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use shmarray::prelude::*;
use shmarray::transfer;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(_) => write_half(),
        None => survive_the_writer(),
    }
}

fn survive_the_writer() -> Result<(), Box<dyn Error>> {
    let account: GuardedArray<i64, Ix1> =
        GuardedArray::builder(2).unique("account").workers(Workers::Spawned).zeros()?;
    account.write()?.fill(100); // both sides always add up to 200

    let mut command = Command::new(env::current_exe()?);
    command.arg("writer").stdin(Stdio::piped()).stdout(Stdio::piped());
    transfer::inherit(&mut command, "account", &account)?;
    let mut writer = command.spawn()?;
    let mut report = String::new();
    BufReader::new(writer.stdout.take().ok_or("no pipe")?).read_line(&mut report)?;
    print!("{report}");
    writer.kill()?; // SIGKILL, with the lock in its hands
    writer.wait()?;

    match account.write() {
        Err(error) if matches!(error.kind(), ErrorKind::Poisoned { .. }) => println!("{error}"),
        _ => return Err("nobody said that the writer died".into()),
    }
    let mut guard = account.write_poisoned(Timeout::Forever)?;
    println!("found {}", guard.view());
    guard.fill(100);
    guard.set_poisoned(false); // whole again: `read` and `write` work from now on
    drop(guard);
    println!("mended: {}", account.read()?.view());
    Ok(())
}

/// The writer: moves money from one side to the other, and gets half-way.
fn write_half() -> Result<(), Box<dyn Error>> {
    let account: GuardedArray<i64, Ix1> = transfer::take("account")?.typed()?;
    let mut guard = account.write()?;
    guard[0] -= 30;
    println!("the writer took 30, and is killed before it gives them");
    std::io::stdin().read_line(&mut String::new())?;
    guard[1] += 30;
    Ok(())
}

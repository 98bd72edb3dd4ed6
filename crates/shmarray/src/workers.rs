//! Worker processes: this program again, in a role, with arrays that it inherits.
//!
//! ```no_run
//! use shmarray::prelude::*;
//! use shmarray::{transfer, workers::Team};
//!
//! fn main() -> shmarray::Result<()> {
//!     match std::env::args().nth(1).as_deref() {
//!         Some("fill") => fill(),
//!         _ => share(),
//!     }
//! }
//!
//! fn share() -> shmarray::Result<()> {
//!     let image: GuardedArray<f32, Ix2> =
//!         GuardedArray::builder((480, 640)).workers(Workers::Spawned).zeros()?;
//!     let mut team = Team::spawn("fill", 4, &[("image", &image)])?;
//!     let mut restarts = 10; // a worker that fails each time must not go on for ever
//!     while let Some(end) = team.wait_any(Timeout::Forever)? {
//!         if !end.status.success() && restarts > 0 {
//!             restarts -= 1;
//!             team.restart(end.number)?;
//!         }
//!     }
//!     println!("{}", image.read()?.sum());
//!     Ok(())
//! }
//!
//! fn fill() -> shmarray::Result<()> {
//!     let image: GuardedArray<f32, Ix2> = transfer::take("image")?.typed()?;
//!     for chunk in image.chunks(64)? {
//!         let mut chunk = chunk?;
//!         chunk.fill(1.0);
//!         chunk.done();
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The workers are processes of their own, not a pool that functions are sent to: what they do stands in
//! the program, under their role, and what they work on is in the arrays.

use std::fmt;
use std::marker::PhantomData;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use shm_core::{Error, ErrorKind, Result};
use shm_sync::Timeout;

use crate::any_array::AnyArray;
use crate::erased::ErasedArray;
use crate::transfer;

/// Workers that this thread has started, numbered from 0.
///
/// They end before it does: dropped, it kills those that still run, by SIGKILL, and waits for them; and
/// the kernel kills them when this thread ends, be it by the death of the process. That is why it cannot
/// be sent to another thread. What they held of guarded arrays goes to others, as with every death. A
/// forked child of this process has a team without workers.
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// fn elsewhere(team: shmarray::workers::Team<'static>) {
///     send(team);
/// }
/// ```
pub struct Team<'a> {
    make: Box<dyn FnMut(usize) -> Result<Command> + 'a>,
    running: Vec<Option<Child>>,
    /// The process that may wait for them.
    parent: u32,
    /// Not `Send`: they end with this thread.
    thread: PhantomData<*const ()>,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which worker it was.
    pub number: usize,
    /// Its exit code, or the signal that killed it.
    pub status: ExitStatus,
}

impl Team<'static> {
    /// Starts this program `count` times, with its role and its number as arguments, and with these arrays,
    /// each under a key for [`take`](transfer::take).
    ///
    /// The team keeps the arrays attached. Input and output of the workers are those of this process.
    ///
    /// # Errors
    /// Those of [`transfer::inherit`]; [`Os`](ErrorKind::Os) if the program cannot be found or started, or
    /// the system cannot end a worker with its parent.
    pub fn spawn(role: &str, count: usize, arrays: &[(&str, &dyn AnyArray)]) -> Result<Self> {
        let role = role.to_owned();
        let owned =
            |(key, array): &(&str, &dyn AnyArray)| (String::from(*key), array.as_erased().clone());
        let arrays: Vec<(String, ErasedArray)> = arrays.iter().map(owned).collect();
        Self::of_commands(count, move |number| {
            let program = std::env::current_exe();
            let program = program.map_err(|error| Error::os("readlink", "this program", error))?;
            let mut command = Command::new(program);
            command.arg(&role).arg(number.to_string());
            for (key, array) in &arrays {
                transfer::inherit(&mut command, key, array)?;
            }
            Ok(command)
        })
    }
}

impl<'a> Team<'a> {
    /// Starts `count` workers by commands of the caller's own, one for each number: with other arguments,
    /// pipes, or another program. [`transfer::inherit_all`] gives them their arrays.
    ///
    /// The function is called again for each restart.
    ///
    /// # Errors
    /// Those of the function; [`Os`](ErrorKind::Os) as for [`spawn`](Team::spawn).
    pub fn of_commands(
        count: usize,
        make: impl FnMut(usize) -> Result<Command> + 'a,
    ) -> Result<Self> {
        let (parent, running) = (std::process::id(), Vec::new());
        let mut team = Self { make: Box::new(make), running, parent, thread: PhantomData };
        for number in 0..count {
            let child = team.start(number)?;
            team.running.push(Some(child));
        }
        Ok(team)
    }

    fn start(&mut self, number: usize) -> Result<Child> {
        let mut command = (self.make)(number)?;
        shm_pass::end_with_parent(&mut command)?;
        command.spawn().map_err(|error| Error::os("execve", format!("worker {number}"), error))
    }

    /// The workers that run or whose end has not been told yet.
    fn own(&mut self) -> &mut [Option<Child>] {
        if self.parent != std::process::id() {
            self.running.fill_with(|| None); // they are another process's children
        }
        &mut self.running
    }

    /// Waits until a worker ends, and tells which and how. `None` if none is left whose end was not told,
    /// or if the time is over: [`running`](Self::running) tells which.
    ///
    /// # Errors
    /// [`Os`](ErrorKind::Os), where the system cannot wait for several processes (before Linux 5.3).
    pub fn wait_any(&mut self, timeout: impl Into<Timeout>) -> Result<Option<End>> {
        let timeout = match timeout.into() {
            Timeout::Forever => None,
            Timeout::NoWait => Some(Duration::ZERO),
            Timeout::After(time) => Some(time),
        };
        let running = self.own().iter_mut().enumerate();
        let running = running.filter_map(|(number, child)| Some((number, child.as_mut()?)));
        let (numbers, mut children): (Vec<_>, Vec<_>) = running.unzip();
        let Some((place, status)) = shm_pass::wait_any(&mut children, timeout)? else {
            return Ok(None);
        };
        let number = numbers[place];
        self.running[number] = None;
        Ok(Some(End { number, status }))
    }

    /// How many workers run, or have an end that [`wait_any`](Self::wait_any) has not told yet.
    pub fn running(&mut self) -> usize {
        self.own().iter().flatten().count()
    }

    /// Starts the worker of that number again. One that still runs is killed before.
    ///
    /// # Errors
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) for a number that no worker has; those of
    /// [`of_commands`](Self::of_commands).
    pub fn restart(&mut self, number: usize) -> Result<()> {
        let count = self.running.len();
        let Some(place) = self.own().get_mut(number) else {
            let reason = format!("worker {number} of {count}");
            return Err(ErrorKind::OutOfBounds { reason }.into());
        };
        place.take().map_or(Ok(()), end)?;
        self.running[number] = Some(self.start(number)?);
        Ok(())
    }

    /// The worker of that number, unless its end was told: its process id, its pipes.
    pub fn worker(&mut self, number: usize) -> Option<&mut Child> {
        self.own().get_mut(number)?.as_mut()
    }
}

/// Kills a worker, and takes it from the system.
fn end(mut worker: Child) -> Result<()> {
    let ended = worker.kill().and_then(|()| worker.wait());
    ended.map(drop).map_err(|error| Error::os("waitpid", "a worker", error))
}

impl Drop for Team<'_> {
    fn drop(&mut self) {
        for worker in self.own().iter_mut().filter_map(Option::take) {
            if let Err(error) = end(worker) {
                tracing::warn!(%error, "a worker was not waited for");
            }
        }
    }
}

impl fmt::Debug for Team<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("running", &self.running).finish_non_exhaustive()
    }
}

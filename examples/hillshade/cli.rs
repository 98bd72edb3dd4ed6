//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use shmarray::BackendKind;

use crate::horn::Light;

const LONG_ABOUT: &str = "\
Shades a relief, with the elevation and the result in shared memory and several processes at work.

The elevation is read once, into a shared array. Each worker process gets a description of it and
of a shared array for the result, and maps both: no cell is copied between processes. The result is
divided into chunks of rows, and each worker takes the next until all are done. If a worker dies, its
chunk goes to another; if all die, the process that started them does the rest. In the end the result
is computed once more by one process, which must give the same bits, and the times are shown.";

const EXAMPLES: &str = "\
Examples:
  hillshade                                the relief in examples/data, as hillshade.png
  hillshade --scale 10                     the same with 100 times the cells: a real load
  hillshade --start fork --backend mmap    forked workers find an anonymous mapping by name
  hillshade --kill-one                     a worker dies midway, and the result is the same
  hillshade --input dem.npy --dx 30 --dy 30 --png dem.png --output dem_shade.npy

Backends:
  shm     named shared memory: any process of the same user reaches it (/dev/shm)
  memfd   no name: reached by those who are handed its descriptor
  mmap    no name, no descriptor: reached by forked workers only, not with --start spawn
  auto    as SHMARRAY_BACKEND says (shm, mmap, memfd), or else the first of shm (with more than
          SHMARRAY_SHM_MIN_FREE bytes free, by default 67108864), mmap (forked workers only), memfd

Exit codes: 0 done, even if workers died; 1 a worker reported an error, or the result was wrong;
2 the request cannot be met.";

/// Shades a relief with several processes that share its memory.
#[derive(Debug, Parser)]
#[command(name = "hillshade", long_about = LONG_ABOUT, after_long_help = EXAMPLES)]
#[command(allow_negative_numbers = true)]
pub(crate) struct Args {
    /// Elevation: a 2-D .npy file of any integer or floating-point dtype, in C or Fortran order
    #[arg(long, value_name = "FILE.npy", default_value = "examples/data/jacksboro_dem.npy")]
    pub(crate) input: PathBuf,

    /// Enlarge the input so many times in each direction first (bilinear; cells get smaller)
    #[arg(long, value_name = "K", default_value = "1", value_parser = at_least_one)]
    pub(crate) scale: NonZeroUsize,

    /// Worker processes, at most 127 and one per row [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How workers start
    #[arg(long, value_enum, default_value = "spawn")]
    pub(crate) start: Start,

    /// What the shared arrays are made of
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) backend: Backend,

    /// Kill a worker midway, by SIGKILL
    ///
    /// The worker that gets the middle one of all chunks stops before that is done, and is killed.
    /// The chunk goes back and is done by another. With this option there are at least two rows for
    /// each worker, so that chunks have been done by then.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) kill_one: bool,

    /// Picture to write, 8 bit grey
    #[arg(long, value_name = "FILE", default_value = "hillshade.png")]
    pub(crate) png: PathBuf,

    /// Also write the result itself, as float32
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,

    /// Direction of the light, in degrees from north, clockwise
    #[arg(long, value_name = "DEGREES", default_value = "315", value_parser = finite)]
    pub(crate) azimuth: f64,

    /// Height of the light above the horizon, in degrees
    #[arg(long, value_name = "DEGREES", default_value = "45", value_parser = finite)]
    pub(crate) altitude: f64,

    /// What heights are multiplied by
    #[arg(long, value_name = "Z", default_value = "1", value_parser = finite)]
    pub(crate) z_factor: f64,

    /// Width of a cell of the input, west to east, in the unit of the heights
    #[arg(long, value_name = "METRES", default_value = "74.5", value_parser = positive)]
    pub(crate) dx: f64,

    /// Height of a cell of the input, north to south, in the unit of the heights
    #[arg(long, value_name = "METRES", default_value = "92.5", value_parser = positive)]
    pub(crate) dy: f64,

    /// This process is a worker, started by that one
    #[arg(long, hide = true, value_name = "PID", requires = "rows")]
    pub(crate) worker: Option<i32>,

    /// How many rows a chunk has, for a worker
    #[arg(long, hide = true, value_name = "N", value_parser = at_least_one)]
    pub(crate) rows: Option<NonZeroUsize>,

    /// Once the workers are attached, print their process ids and wait for a line of input
    #[arg(long, hide = true)]
    pub(crate) hold: bool,
}

/// How workers start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Start {
    /// As a new program, which is handed the arrays
    Spawn,
    /// As a copy of this process, which has the arrays
    Fork,
}

/// What the shared arrays are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Auto,
    Shm,
    Mmap,
    Memfd,
}

impl Backend {
    /// The backend that is asked for, if one is.
    pub(crate) fn kind(self) -> Option<BackendKind> {
        match self {
            Self::Auto => None,
            Self::Shm => Some(BackendKind::Shm),
            Self::Mmap => Some(BackendKind::Mmap),
            Self::Memfd => Some(BackendKind::Memfd),
        }
    }
}

impl Args {
    /// The arguments of this process; or, if they are not valid or ask for help, what to end with,
    /// after that has been printed.
    pub(crate) fn from_command_line() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            if error.use_stderr() {
                eprintln!("{}; see --help", one_line(&error));
                return ExitCode::from(2);
            }
            match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        })
    }

    /// Checks what can be told from the arguments alone.
    ///
    /// # Errors
    /// If they contradict each other.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            (self.start, self.backend) != (Start::Spawn, Backend::Mmap),
            "backend mmap reaches forked workers only: use --start fork, or --backend shm or memfd"
        );
        let Light { dx, dy, .. } = self.light();
        ensure!(dx > 0.0 && dy > 0.0, "--dx and --dy are too small for --scale {}", self.scale);
        let same = |one: &Path, other: &Path| match (absolute(one), absolute(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        };
        if let Some(output) = &self.output {
            ensure!(!same(output, &self.png), "--png and --output are the same file: name two");
        }
        for (option, file) in [("--png", Some(&self.png)), ("--output", self.output.as_ref())] {
            let replaces = file.is_some_and(|file| same(file, &self.input));
            ensure!(!replaces, "{option} would replace the input: name another file");
        }
        Ok(())
    }

    /// The light, for cells as they are after the enlargement.
    pub(crate) fn light(&self) -> Light {
        let scale = self.scale.get() as f64;
        Light {
            azimuth: self.azimuth,
            altitude: self.altitude,
            z_factor: self.z_factor,
            dx: self.dx / scale,
            dy: self.dy / scale,
        }
    }
}

/// The arguments of a worker that process `parent` starts, for chunks of so many rows under this
/// light: numbers are printed so that they are read back to the bit.
pub(crate) fn worker_args(
    parent: i32,
    rows: NonZeroUsize,
    light: &Light,
    kill_one: bool,
) -> Vec<String> {
    let mut args = vec![
        format!("--worker={parent}"),
        format!("--rows={rows}"),
        format!("--azimuth={}", light.azimuth),
        format!("--altitude={}", light.altitude),
        format!("--z-factor={}", light.z_factor),
        format!("--dx={}", light.dx),
        format!("--dy={}", light.dy),
    ];
    args.extend(kill_one.then(|| "--kill-one".into()));
    args
}

/// The message of a parser's error, without the usage that follows it.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    message.collect::<Vec<_>>().join(" ")
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "give a whole number of at least 1")
}

fn finite(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or("give a finite number")
}

fn positive(text: &str) -> Result<f64, &'static str> {
    finite(text).ok().filter(|number| *number > 0.0).ok_or("give a number greater than 0")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["hillshade"], args].concat())
    }

    #[test]
    fn the_parser_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_relief_that_comes_along() {
        let args = parse(&[]).unwrap();
        let expected = Light { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, dx: 74.5, dy: 92.5 };
        assert_eq!(args.light(), expected);
        assert_eq!((args.start, args.backend, args.scale.get()), (Start::Spawn, Backend::Auto, 1));
    }

    #[test]
    fn a_worker_gets_the_same_light_to_the_bit() {
        let args = parse(&["--azimuth=-1e-300", "--z-factor", "-0.1", "--scale", "3"]).unwrap();
        for kill_one in [false, true] {
            let passed = worker_args(17, NonZeroUsize::new(3).unwrap(), &args.light(), kill_one);
            let worker = parse(&passed.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            assert_eq!(worker.light(), args.light());
            let rows = worker.rows.map(NonZeroUsize::get);
            assert_eq!((worker.worker, rows, worker.kill_one), (Some(17), Some(3), kill_one));
        }
    }

    #[test]
    fn faults_are_told_in_one_line() {
        for (args, word) in [
            (&["--workers", "0"], "at least 1"),
            (&["--scale", "0"], "at least 1"),
            (&["--dx", "0"], "greater than 0"),
            (&["--azimuth", "nan"], "finite"),
            (&["--backend", "shmm"], "memfd"),
            (&["--colour", "red"], "--colour"),
        ] {
            let line = one_line(&parse(args).unwrap_err());
            assert!(line.contains(word) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn spawned_workers_cannot_reach_an_anonymous_mapping() {
        assert!(parse(&["--backend", "mmap"]).unwrap().check().is_err());
        assert!(parse(&["--backend", "mmap", "--start", "fork"]).unwrap().check().is_ok());
    }
}

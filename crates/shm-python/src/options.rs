//! The options of a new array, as the Python files give them: all of them, in a dictionary.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use shmarray::npy::Load;
use shmarray::{
    Align, BackendKind, Builder, Cleanup, Commit, DType, ErasedArray, Order, Pages, Workers,
};

use crate::errors::raised;

/// What is asked of a new array.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    name: Option<String>,
    prefix: Option<String>,
    backend: Option<String>,
    workers: Option<String>,
    order: String,
    guarded: bool,
    pages: Option<String>,
    commit: Option<String>,
    cleanup: Option<String>,
    align: Option<u32>,
    force: bool,
}

/// The same in the library's words.
pub(crate) struct Checked {
    name: Option<String>,
    prefix: Option<String>,
    backend: Option<BackendKind>,
    workers: Workers,
    pub(crate) order: Order,
    guarded: bool,
    pages: Pages,
    commit: Commit,
    cleanup: Cleanup,
    align: Align,
    force: bool,
}

impl Options {
    /// In the library's words, if it knows them all.
    pub(crate) fn checked(self, py: Python<'_>) -> PyResult<Checked> {
        Ok(Checked {
            backend: backend(py, self.backend.as_deref())?,
            workers: workers(self.workers.as_deref())?,
            order: order(&self.order)?,
            pages: pages(self.pages.as_deref())?,
            commit: commit(self.commit.as_deref())?,
            cleanup: cleanup(self.cleanup.as_deref())?,
            align: self.align.map_or(Align::CacheLine, Align::Page),
            name: self.name,
            prefix: self.prefix,
            guarded: self.guarded,
            force: self.force,
        })
    }
}

impl Checked {
    /// Begins an array with these options.
    pub(crate) fn builder(&self, dtype: DType, shape: &[usize]) -> Builder<ErasedArray> {
        let mut builder = ErasedArray::builder(dtype, shape)
            .order(self.order)
            .guarded(self.guarded)
            .workers(self.workers)
            .pages(self.pages)
            .commit(self.commit)
            .cleanup(self.cleanup)
            .align(self.align)
            .force(self.force);
        if let Some(name) = &self.name {
            builder = builder.name(name);
        } else if let Some(prefix) = &self.prefix {
            builder = builder.unique(prefix);
        }
        if let Some(backend) = self.backend {
            builder = builder.backend(backend);
        }
        builder
    }

    /// Begins an array from a file with these options, but for order and guards.
    pub(crate) fn load(&self, path: PathBuf) -> Load<'static, ErasedArray> {
        let mut load = ErasedArray::load(path)
            .workers(self.workers)
            .pages(self.pages)
            .commit(self.commit)
            .cleanup(self.cleanup)
            .align(self.align)
            .force(self.force);
        if let Some(name) = &self.name {
            load = load.name(name);
        } else if let Some(prefix) = &self.prefix {
            load = load.unique(prefix);
        }
        if let Some(backend) = self.backend {
            load = load.backend(backend);
        }
        load
    }
}

fn pages(text: Option<&str>) -> PyResult<Pages> {
    match text {
        None | Some("auto") => Ok(Pages::Auto),
        Some("huge") => Ok(Pages::Huge),
        Some(other) => Err(unknown("pages", other, "auto, huge")),
    }
}

fn commit(text: Option<&str>) -> PyResult<Commit> {
    match text {
        None | Some("auto") => Ok(Commit::Auto),
        Some("lazy") => Ok(Commit::Lazy),
        Some("reserve") => Ok(Commit::Reserve),
        Some("populate") => Ok(Commit::Populate),
        Some(other) => Err(unknown("commit", other, "auto, lazy, reserve, populate")),
    }
}

fn cleanup(text: Option<&str>) -> PyResult<Cleanup> {
    match text {
        None | Some("last-out") => Ok(Cleanup::LastOut),
        Some("owner") => Ok(Cleanup::Owner),
        Some("persist") => Ok(Cleanup::Persist),
        Some(other) => Err(unknown("cleanup", other, "last-out, owner, persist")),
    }
}

fn order(text: &str) -> PyResult<Order> {
    match text {
        "C" => Ok(Order::C),
        "F" => Ok(Order::Fortran),
        other => Err(unknown("order", other, "C, F")),
    }
}

/// How workers start, by the name of the start method, too.
pub(crate) fn workers(text: Option<&str>) -> PyResult<Workers> {
    match text {
        None | Some("unknown") => Ok(Workers::Unknown),
        Some("fork" | "forked") => Ok(Workers::Forked),
        Some("spawn" | "spawned" | "forkserver") => Ok(Workers::Spawned),
        Some(other) => Err(unknown("workers", other, "fork, spawn, forkserver, unknown")),
    }
}

/// A backend by its name; `auto` is none in particular.
pub(crate) fn backend(py: Python<'_>, text: Option<&str>) -> PyResult<Option<BackendKind>> {
    match text {
        None | Some("auto") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error: shmarray::Error| raised(py, &error)),
    }
}

fn unknown(option: &str, value: &str, valid: &str) -> PyErr {
    PyValueError::new_err(format!("{option}={value:?}: valid are {valid}"))
}

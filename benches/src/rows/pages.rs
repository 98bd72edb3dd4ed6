//! Ordinary and huge pages: which of them a row is about, and whether this machine gives them.

use std::fmt;

use shmarray::memory::Paging;
use shmarray::prelude::*;

use crate::floor::large::Fresh;
use crate::row::Goal;

/// Nine tenths of what the kernel can do with the same pages.
pub(super) const NEAR: Option<Goal> = Some(Goal::OfFloor(1.11));

/// Which pages a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ordinary pages, which every machine has.
    Ordinary,
    /// Transparent huge ones, where they are asked for.
    Huge,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Ordinary, Self::Huge];

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Huge => "/huge",
        }
    }

    pub(super) fn pages(self) -> Pages {
        match self {
            Self::Ordinary => Pages::Auto,
            Self::Huge => Pages::Huge,
        }
    }

    /// Fresh memory of the floor, in such pages; so many bytes.
    pub(super) fn fresh(self, backend: BackendKind, len: usize) -> Fresh {
        match self {
            Self::Ordinary => Fresh::new(backend, len),
            Self::Huge => Fresh::huge(backend, len),
        }
    }

    /// Whether such an array is filled by writing to its file.
    pub(super) fn writes(self, backend: BackendKind) -> bool {
        self == Self::Ordinary && backend != BackendKind::Mmap
    }

    /// Whether a gigabyte of this backend gets these pages here.
    pub(super) fn ready(self, backend: BackendKind) -> fn() -> Result<(), String> {
        match (self, backend) {
            (Self::Ordinary, BackendKind::Shm) => || ordinary(BackendKind::Shm),
            (Self::Ordinary, BackendKind::Memfd) => || ordinary(BackendKind::Memfd),
            (Self::Ordinary, _) => || ordinary(BackendKind::Mmap),
            (Self::Huge, BackendKind::Shm) => || huge(BackendKind::Shm),
            (Self::Huge, BackendKind::Memfd) => || huge(BackendKind::Memfd),
            (Self::Huge, _) => || huge(BackendKind::Mmap),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "ordinary",
            Self::Huge => "huge",
        })
    }
}

/// The pages that an array gets which asks for huge ones.
fn given(backend: BackendKind) -> Result<Paging, String> {
    let builder = SharedArray::<u8, _>::builder(1 << 30).unique("bench").backend(backend);
    let array = builder.commit(Commit::Lazy).pages(Pages::Huge).zeros();
    array.map(|array| array.paging()).map_err(|error| error.to_string())
}

fn ordinary(backend: BackendKind) -> Result<(), String> {
    // An array that is written whole takes huge pages where it may.
    match given(backend)?.huge {
        Some(_) => Err("huge pages are given to those who ask".into()),
        None => Ok(()),
    }
}

fn huge(backend: BackendKind) -> Result<(), String> {
    let paging = given(backend)?;
    paging.huge.map(drop).ok_or_else(|| paging.reason.into())
}

//! Built without the feature `peers`: no crate takes part in any row.

use std::path::PathBuf;

use super::Who;
use crate::row::Contender;

pub(crate) fn create(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn create_untouched(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn attach(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn pass(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn fill(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn fill_and_read(_bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(crate) fn load(_file: fn() -> PathBuf, _bytes: usize) -> Vec<Contender> {
    Vec::new()
}

pub(super) fn write_lock(_who: Who) -> Vec<Contender> {
    Vec::new()
}

pub(super) fn read_lock(_who: Who) -> Vec<Contender> {
    Vec::new()
}

pub(super) fn barrier(_cores: [usize; 2]) -> Vec<Contender> {
    Vec::new()
}

//! The library's errors, in the words of this command.

use std::error::Error;

use shmarray::ErrorKind;

use crate::shape::python_shape;

/// An error of a chain: shapes as Python writes them, and no advice that only programs can follow.
pub(crate) fn of(error: &(dyn Error + 'static)) -> String {
    error.downcast_ref().map_or_else(|| error.to_string(), of_library)
}

/// An error and what caused it, each once: some errors display their cause themselves.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(of);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error of the library.
pub(crate) fn of_library(error: &shmarray::Error) -> String {
    match error.kind() {
        ErrorKind::AlreadyExists { name, .. } => format!("array {name:?} exists already"),
        ErrorKind::InvalidWindow { reason } => reason.clone(),
        ErrorKind::ShapeMismatch { expected, found } => {
            let (expected, found) = (python_shape(expected), python_shape(found));
            format!("shape mismatch: expected {expected}, the array has {found}")
        }
        ErrorKind::ShapeOverflow { shape, itemsize } => {
            let shape = python_shape(shape);
            format!("shape {shape} of {itemsize}-byte elements overflows the address space")
        }
        // A .npy file has two numbers, in one where the second is not zero.
        ErrorKind::UnsupportedVersion { what, found, supported } if *found > 0xff => {
            let (major, minor) = (found >> 8, found & 0xff);
            format!("{what} has version {major}.{minor}; this build understands {supported}")
        }
        _ => error.to_string(),
    }
}

/// A path as a shell takes it for one word.
pub(crate) fn for_shell(path: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:@%".contains(char);
    if path.chars().all(is_plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use shmarray::{BackendKind, Error, ErrorKind};

    use super::{for_shell, of};

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(for_shell("/dev/shm/elevation-1"), "/dev/shm/elevation-1");
        assert_eq!(for_shell("/dev/shm/a b"), "'/dev/shm/a b'");
        assert_eq!(for_shell("/dev/shm/it's"), r"'/dev/shm/it'\''s'");
    }

    #[test]
    fn shapes_are_those_of_python_and_advice_that_of_the_command() {
        let is = |kind: ErrorKind, words: &str| assert_eq!(of(&Error::from(kind)), words);
        let (expected, found) = (vec![344, 403], vec![3]);
        is(
            ErrorKind::ShapeMismatch { expected, found },
            "shape mismatch: expected (344, 403), the array has (3,)",
        );
        is(
            ErrorKind::ShapeOverflow { shape: vec![usize::MAX], itemsize: 8 },
            "shape (18446744073709551615,) of 8-byte elements overflows the address space",
        );
        let (name, backend) = ("x".to_owned(), BackendKind::Shm);
        is(ErrorKind::AlreadyExists { name, backend }, "array \"x\" exists already");
        is(ErrorKind::InvalidWindow { reason: "index 4".into() }, "index 4");
        assert_eq!(of(&std::fmt::Error), std::fmt::Error.to_string());
    }
}

//! Other libraries that do what a row does, each in a file of its own, used as its documentation
//! says.

#[allow(dead_code)]
pub(crate) mod pthread;

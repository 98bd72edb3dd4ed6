//! The unit tests of the example `hillshade`: its pure modules, built as a test. (An example that
//! is itself a test target would not be built as a program by `cargo test`, and `main.rs` beside
//! this file runs the program.)
#![deny(unsafe_code)]
#![allow(dead_code)] // what only the other modules of the example use

#[path = "../../examples/hillshade/cli.rs"]
mod cli;
#[path = "../../examples/hillshade/horn.rs"]
mod horn;
#[path = "../../examples/hillshade/maps.rs"]
mod maps;
#[path = "../../examples/hillshade/picture.rs"]
mod picture;
#[path = "../../examples/hillshade/protocol.rs"]
mod protocol;
#[path = "../../examples/hillshade/scale.rs"]
mod scale;
#[path = "../../examples/hillshade/verdict.rs"]
mod verdict;

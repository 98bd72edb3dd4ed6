//! A payload, from an array to bytes and back.

use std::hint::black_box;
use std::time::Duration;

use shmarray::Payload;
use shmarray::prelude::*;

use crate::row::{Contender, Goal, Row, Run, anywhere, each};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        row("descriptor/encode+decode", "payload to bytes and back", || {
            let payload = array().payload().unwrap();
            each(move || Payload::from_bytes(&black_box(&payload).to_bytes().unwrap()).unwrap())
        }),
        row("descriptor/from array", "payload of an array, to bytes", || {
            let array = array();
            each(move || array.payload().unwrap().to_bytes().unwrap())
        }),
    ]
}

fn row(key: &str, title: &str, prepare: fn() -> Run) -> Row {
    Row {
        key: key.into(),
        title: title.into(),
        floor: "none: it makes no system call, so the goal is a time",
        bytes: None,
        goal: Some(Goal::Below(Duration::from_micros(1))),
        ready: anywhere,
        contenders: vec![Contender::ours(prepare)],
    }
}

/// With what most arrays have: a name, a dtype and three dimensions.
fn array() -> SharedArray<f32, Ix3> {
    let builder = SharedArray::builder((3, 480, 640)).unique("bench");
    builder.backend(BackendKind::Shm).zeros().unwrap()
}

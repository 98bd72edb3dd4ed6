//! Element-wise work on a view, and copies in and out.
#![allow(unsafe_code)] // views of memory that others could write to

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip};
use shmarray::prelude::*;

use crate::row::{Contender, Goal, Row, anywhere, each};

const SHAPES: [(usize, usize); 2] = [(64, 64), (2048, 2048)];

pub(crate) fn rows() -> Vec<Row> {
    let arithmetic = SHAPES.into_iter().flat_map(|shape| {
        BackendKind::ALL.into_iter().map(move |backend| arithmetic(backend, shape))
    });
    arithmetic.chain(SHAPES.into_iter().flat_map(copies)).collect()
}

fn work(mut to: ArrayViewMut2<'_, f32>, from: ArrayView2<'_, f32>) {
    Zip::from(&mut to).and(&from).for_each(|to, from| *to = *to * 0.5 + from * from);
}

fn shared(backend: BackendKind, shape: (usize, usize)) -> SharedArray<f32, Ix2> {
    SharedArray::builder(shape).unique("bench").backend(backend).full(1.0).unwrap()
}

fn arithmetic(backend: BackendKind, shape: (usize, usize)) -> Row {
    let (rows, columns) = shape;
    Row {
        key: format!("view/arithmetic/{backend}/{rows}x{columns}"),
        title: format!("a = a/2 + b*b on views, {backend}, {rows} x {columns} f32"),
        floor: "the same on two arrays that ndarray owns",
        bytes: None,
        goal: Some(Goal::OfFloor(1.02)),
        ready: anywhere,
        contenders: vec![
            Contender::ours(move || {
                let (to, from) = (shared(backend, shape), shared(backend, shape));
                each(move || {
                    // SAFETY: no other thread or process has the arrays.
                    let to = unsafe { to.view_mut() };
                    // SAFETY: as above.
                    work(to, unsafe { from.view() });
                })
            }),
            Contender::floor(move || {
                let (mut to, from) = (Array2::ones(shape), Array2::ones(shape));
                each(move || work(to.view_mut(), from.view()))
            }),
        ],
    }
}

fn copies(shape: (usize, usize)) -> [Row; 2] {
    let row = |way: &str, ours: Contender| Row {
        key: format!("view/copy {way}/{}x{}", shape.0, shape.1),
        title: format!("copy {way}, {} x {} f32", shape.0, shape.1),
        floor: "memcpy between two arrays that ndarray owns",
        bytes: Some((shape.0 * shape.1 * size_of::<f32>()) as u64),
        goal: None,
        ready: anywhere,
        contenders: vec![
            ours,
            Contender::floor(move || {
                let (mut to, from) = (Array2::<f32>::ones(shape), Array2::ones(shape));
                each(move || to.as_slice_mut().unwrap().copy_from_slice(from.as_slice().unwrap()))
            }),
        ],
    };
    let copy_in = Contender::ours(move || {
        let (array, from) = (shared(BackendKind::Memfd, shape), Array2::ones(shape));
        each(move || array.copy_from(&from).unwrap())
    });
    let copy_out = Contender::ours(move || {
        let (array, mut to) = (shared(BackendKind::Memfd, shape), Array2::ones(shape));
        each(move || array.elements().copy_to(&mut to).unwrap())
    });
    [row("in", copy_in), row("out", copy_out)]
}

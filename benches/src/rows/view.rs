//! Element-wise work on a view, and copies in and out.
#![allow(unsafe_code)] // views of memory that others could write to

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip};
use shmarray::prelude::*;

use crate::row::{Contender, Goal, Row, anywhere, each};

const SHAPES: [(usize, usize); 2] = [(64, 64), (2048, 2048)];

/// A tile, and a frame of 1920 x 1080 pixels in three colours.
const FRAMES: [(usize, usize); 2] = [(128, 128), (1080, 5760)];

pub(crate) fn rows() -> Vec<Row> {
    let arithmetic = SHAPES.into_iter().flat_map(|shape| {
        BackendKind::ALL.into_iter().map(move |backend| arithmetic(backend, shape))
    });
    let floats = SHAPES.into_iter().flat_map(copies::<f32>);
    let frames = FRAMES.into_iter();
    let frames =
        frames.flat_map(|shape| copies::<u8>(shape).into_iter().chain(copies::<u16>(shape)));
    arithmetic.chain(floats).chain(frames).collect()
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

fn copies<T: Element + From<u8>>(shape: (usize, usize)) -> Vec<Row> {
    let (rows, columns, dtype) = (shape.0, shape.1, T::dtype().to_string());
    let row = |way: &str, ours: Contender, floor: Contender, said: &'static str| Row {
        key: format!("view/{way} {dtype}/{rows}x{columns}"),
        title: format!("{way}, {rows} x {columns} {dtype}"),
        floor: said,
        bytes: Some((rows * columns * size_of::<T>()) as u64),
        goal: None,
        ready: anywhere,
        contenders: vec![ours, floor],
    };
    let shared = move || -> SharedArray<T, Ix2> {
        let builder = SharedArray::builder(shape).unique("bench");
        builder.backend(BackendKind::Memfd).full(T::from(1)).unwrap()
    };
    let owned = move || Array2::from_elem(shape, T::from(1));
    let memcpy = || {
        Contender::floor(move || {
            let (mut to, from) = (owned(), owned());
            each(move || to.as_slice_mut().unwrap().copy_from_slice(from.as_slice().unwrap()))
        })
    };
    let copy_in = Contender::ours(move || {
        let (array, from) = (shared(), owned());
        each(move || array.copy_from(&from).unwrap())
    });
    let copy_out = Contender::ours(move || {
        let (array, mut to) = (shared(), owned());
        each(move || array.elements().copy_to(&mut to).unwrap())
    });
    let fill = Contender::ours(move || {
        let array = shared();
        each(move || array.fill(T::from(1)))
    });
    let memset = Contender::floor(move || {
        let mut to = owned();
        each(move || to.as_slice_mut().unwrap().fill(T::from(1)))
    });
    let between = "memcpy between two arrays that ndarray owns";
    vec![
        row("copy in", copy_in, memcpy(), between),
        row("copy out", copy_out, memcpy(), between),
        row("fill", fill, memset, "the same value in all elements of an array that ndarray owns"),
    ]
}

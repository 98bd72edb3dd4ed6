//! Element-wise work on a view of a shared array, beside the same work on an owned one; and copies
//! in and out beside `memcpy`.
#![allow(unsafe_code, clippy::unwrap_used)] // views; a bench that fails shall stop

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip};
use shmarray::prelude::*;

const SHAPES: [(usize, usize); 2] = [(64, 64), (2048, 2048)];

fn work(mut to: ArrayViewMut2<'_, f32>, from: ArrayView2<'_, f32>) {
    Zip::from(&mut to).and(&from).for_each(|to, from| *to = *to * 0.5 + from * from);
}

fn arithmetic(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("arithmetic");
    for shape in SHAPES {
        let label = format!("{}x{}", shape.0, shape.1);
        let (mut to, from) = (Array2::<f32>::ones(shape), Array2::<f32>::ones(shape));
        group.bench_function(BenchmarkId::new("owned", &label), |bench| {
            bench.iter(|| work(to.view_mut(), from.view()));
        });
        for backend in BackendKind::ALL {
            let array = || SharedArray::builder(shape).backend(backend).full(1.0_f32).unwrap();
            let (to, from) = (array(), array());
            group.bench_function(BenchmarkId::new(backend.as_str(), &label), |bench| {
                bench.iter(|| {
                    // SAFETY: no other thread or process has the arrays.
                    let to = unsafe { to.view_mut() };
                    // SAFETY: as above.
                    work(to, unsafe { from.view() });
                });
            });
        }
    }
}

fn copies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copy");
    for shape in SHAPES {
        let label = format!("{}x{}", shape.0, shape.1);
        let (mut to, from) = (Array2::<f32>::ones(shape), Array2::<f32>::ones(shape));
        group.bench_function(BenchmarkId::new("memcpy", &label), |bench| {
            bench.iter(|| to.as_slice_mut().unwrap().copy_from_slice(from.as_slice().unwrap()));
        });
        let shared = SharedArray::builder(shape).full(1.0_f32).unwrap();
        group.bench_function(BenchmarkId::new("in", &label), |bench| {
            bench.iter(|| shared.copy_from(&from).unwrap());
        });
        group.bench_function(BenchmarkId::new("out", &label), |bench| {
            bench.iter(|| shared.elements().copy_to(&mut to).unwrap());
        });
    }
}

criterion_group!(benches, arithmetic, copies);
criterion_main!(benches);

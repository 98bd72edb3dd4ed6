//! Threads that read and write the same elements at the same time.

#![allow(clippy::unwrap_used)] // what is refused fails the test

mod common;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use common::{Heap, elements, elements_mut, header};
use ndarray::{Array1, Ix1, Ix2, s};
use shm_core::{Element, Order, Window};
use shm_ndarray::slice_window;

#[test]
fn elements_of_one_word_are_never_torn() {
    never_torn::<u16>([0x0101, 0xfefe]);
    never_torn::<u32>([0x0101_0101, 0xfefe_fefe]);
    never_torn::<u64>([0x0101_0101_0101_0101, 0xfefe_fefe_fefe_fefe]);
}

/// Two threads write one pattern each, in runs long and short, whole and odd; a third one reads.
fn never_torn<T: Element + PartialEq + Default>(patterns: [T; 2]) {
    let header = header::<T>(&[1001], Order::C);
    let region = Heap::of(&header);
    let whole = Window::whole(header.layout());
    let part = slice_window(&whole, s![1..;-2].as_ref()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for pattern in patterns {
            let (header, region, whole, part, done) = (&header, &region, &whole, &part, &done);
            scope.spawn(move || {
                let all = elements_mut::<T, Ix1>(header, whole, region);
                let odd = elements_mut::<T, Ix1>(header, part, region);
                let values = Array1::from_elem(1001, pattern);
                while !done.load(Relaxed) {
                    all.copy_from(&values).unwrap();
                    odd.fill(pattern);
                    all.fill(pattern);
                    all.set(500, pattern).unwrap();
                }
            });
        }
        let all = elements::<T, Ix1>(&header, &whole, &region);
        let odd = elements::<T, Ix1>(&header, &part, &region);
        let whole = |value: &T| *value == T::default() || patterns.contains(value);
        for _ in 0..if cfg!(miri) { 3 } else { 2000 } {
            assert!(all.to_array().iter().all(whole));
            assert!(odd.to_array().iter().all(whole));
            assert!(all.get(500).is_some_and(|value| whole(&value)));
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn atomics_count_together() {
    let header = header::<u32>(&[3, 4], Order::Fortran);
    let region = Heap::of(&header);
    let whole = Window::whole(header.layout());
    let rounds = if cfg!(miri) { 5 } else { 1000 };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let counters = elements_mut::<u32, Ix2>(&header, &whole, &region).atomic_view();
                for _ in 0..rounds {
                    counters.for_each(|counter| {
                        counter.fetch_add(1, Relaxed);
                    });
                }
            });
        }
    });
    let counted = elements::<u32, Ix2>(&header, &whole, &region).to_array();
    assert!(counted.iter().all(|count| *count == 4 * rounds));
}

#[test]
fn long_arrays_are_changed_whole_beside_others_that_change_them() {
    let header = header::<u16>(&[10_000], Order::C);
    let (region, parts) = (Heap::of(&header), Heap::of(&header));
    let whole = Window::whole(header.layout());
    let part = |start| slice_window(&whole, s![start..;2].as_ref()).unwrap();
    let one = elements_mut::<u16, Ix1>(&header, &whole, &parts);
    one.fill(1);
    thread::scope(|scope| {
        for start in [0, 1] {
            let (part, header, region, parts) = (part(start), &header, &region, &parts);
            scope.spawn(move || {
                let mine = elements_mut::<u16, Ix1>(header, &part, region);
                let one = elements::<u16, Ix1>(header, &part, parts);
                for _ in 0..if cfg!(miri) { 2 } else { 100 } {
                    mine.map_inplace(|element| *element += 1);
                    mine.zip_mut_with(&one, |element, one| *element += one).unwrap();
                }
            });
        }
    });
    let done = elements::<u16, Ix1>(&header, &whole, &region).to_array();
    assert!(done.iter().all(|element| *element == if cfg!(miri) { 4 } else { 200 }));
}

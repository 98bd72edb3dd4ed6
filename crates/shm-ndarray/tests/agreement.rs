//! Every accessor does what the same operation does on an owned array.
#![allow(clippy::unwrap_used, clippy::panic)] // the property is a function of its own

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use common::{Heap, counting, elements, elements_mut, header};
use ndarray::{ArrayD, IxDyn, SliceInfo, SliceInfoElem};
use proptest::prelude::*;
use shm_core::{Element, Order, Window, element};
use shm_ndarray::slice_window;

element! {
    #[derive(Debug, PartialEq)]
    struct Sample { value: f64, station: u32, flags: [u8; 4] }
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::C), Just(Order::Fortran)]
}

/// One element of `s![..]` for an axis of that length: mostly within bounds.
fn slice_elem(len: usize) -> impl Strategy<Value = SliceInfoElem> {
    let n = len.cast_signed();
    let at = -n..=n;
    let range = (at.clone(), proptest::option::of(at), 1..4_isize, any::<bool>()).prop_map(
        |(start, end, step, back)| {
            let step = if back { -step } else { step };
            SliceInfoElem::Slice { start, end, step }
        },
    );
    prop_oneof![
        6 => range,
        1 => (-n - 1..n + 1).prop_map(SliceInfoElem::Index),
        1 => (-9..9_isize, proptest::option::of(-9..9_isize), -2..3_isize)
            .prop_map(|(start, end, step)| SliceInfoElem::Slice { start, end, step }),
    ]
}

/// A shape, and `s![..]` for it with a new axis here and there.
fn shape_and_slice() -> impl Strategy<Value = (Vec<usize>, Vec<SliceInfoElem>)> {
    proptest::collection::vec(prop_oneof![8 => 1..9_usize, 1 => Just(0)], 0..5).prop_flat_map(
        |shape| {
            let axes: Vec<_> = shape.iter().map(|len| slice_elem(*len)).collect();
            let new = proptest::collection::vec(proptest::bool::weighted(0.2), shape.len() + 1);
            (Just(shape), axes, new).prop_map(|(shape, axes, new)| {
                let mut info = Vec::new();
                for (i, new) in new.into_iter().enumerate() {
                    info.extend(new.then_some(SliceInfoElem::NewAxis));
                    info.extend(axes.get(i));
                }
                (shape, info)
            })
        },
    )
}

/// What ndarray shows; `None` if it refuses, which it does by panicking.
fn sliced<T: Clone>(array: &ArrayD<T>, info: &[SliceInfoElem]) -> Option<ArrayD<T>> {
    let apply = || {
        let info = SliceInfo::<_, IxDyn, IxDyn>::try_from(info.to_vec()).unwrap();
        array.slice(info).to_owned()
    };
    let hook = take_hook(); // the only test in this process, so nobody misses it
    set_hook(Box::new(|_| {}));
    let sliced = catch_unwind(AssertUnwindSafe(apply)).ok();
    set_hook(hook);
    sliced
}

fn agrees<T>(shape: &[usize], order: Order, info: &[SliceInfoElem], value: impl Fn(usize) -> T)
where
    T: Element + PartialEq + std::fmt::Debug,
{
    let header = header::<T>(shape, order);
    let region = Heap::of(&header);
    let whole = Window::whole(header.layout());
    let all = elements_mut::<T, IxDyn>(&header, &whole, &region);
    let mut owned = counting(shape, order, &value);
    all.copy_from(&owned).unwrap();
    assert_eq!(all.to_array(), owned);
    assert_eq!(all.to_array().is_standard_layout(), owned.is_standard_layout());

    let window = match (slice_window(&whole, info), sliced(&owned, info)) {
        (Ok(window), Some(_)) => window,
        (Err(_), None) => return,
        (Ok(window), None) => panic!("ndarray refuses {info:?} of {shape:?}: {window:?}"),
        (Err(error), Some(_)) => panic!("ndarray takes {info:?} of {shape:?}: {error}"),
    };
    let expected = sliced(&owned, info).unwrap();
    let part = elements_mut::<T, IxDyn>(&header, &window, &region);

    // Reading.
    assert_eq!(part.shape(), expected.shape());
    assert_eq!(part.to_array(), expected);
    let mut copy = counting(expected.shape(), Order::Fortran, &value);
    part.copy_to(&mut copy).unwrap();
    assert_eq!(copy, expected);
    // SAFETY: this thread alone uses the region, and does not write it meanwhile.
    assert_eq!(unsafe { part.view() }, expected);
    for (index, element) in expected.indexed_iter() {
        assert_eq!(part.get(index), Some(*element));
    }
    let outside = IxDyn(&[&[usize::MAX], expected.shape()].concat()[..expected.ndim()]);
    assert!(expected.ndim() == 0 || part.get(outside).is_none());

    // Writing: what is shown changes, and nothing else.
    let info = SliceInfo::<_, IxDyn, IxDyn>::try_from(info.to_vec()).unwrap();
    let other = counting(expected.shape(), Order::Fortran, |i| value(i + 1000));
    owned.slice_mut(&info).assign(&other);
    part.copy_from(&other).unwrap();
    assert_eq!(all.to_array(), owned);
    for (index, element) in expected.indexed_iter() {
        owned.slice_mut(&info)[index.clone()] = *element;
        part.set(index, *element).unwrap();
    }
    assert_eq!(all.to_array(), owned);
    owned.slice_mut(&info).fill(value(7));
    part.fill(value(7));
    assert_eq!(all.to_array(), owned);
    owned.slice_mut(&info).assign(&expected);
    // SAFETY: this thread alone uses the region, and only through this view meanwhile.
    unsafe { part.view_mut() }.assign(&expected);
    assert_eq!(all.to_array(), owned);

    // In place, alone and beside another array, whose elements lie in another order.
    part.map_inplace(|element| *element = value(9));
    owned.slice_mut(&info).fill(value(9));
    assert_eq!(all.to_array(), owned);
    let opposite = if order == Order::C { Order::Fortran } else { Order::C };
    let (header_of_other, back) = (
        common::header::<T>(expected.shape(), opposite),
        vec![SliceInfoElem::Slice { start: 0, end: None, step: -1 }; expected.ndim()],
    );
    let other = Heap::of(&header_of_other);
    let backwards = slice_window(&Window::whole(header_of_other.layout()), &back).unwrap();
    let beside = elements_mut::<T, IxDyn>(&header_of_other, &backwards, &other);
    beside.copy_from(&expected).unwrap();
    part.zip_mut_with(&beside, |element, other| *element = *other).unwrap();
    owned.slice_mut(&info).assign(&expected);
    assert_eq!(all.to_array(), owned);

    // The same through a window of the window.
    if expected.ndim() > 0 {
        let mut again = vec![SliceInfoElem::from(..); expected.ndim()];
        again[0] = SliceInfoElem::Slice { start: 0, end: None, step: -2 };
        let window = slice_window(&window, &again).unwrap();
        let part = elements::<T, IxDyn>(&header, &window, &region);
        assert_eq!(Some(part.to_array()), sliced(&expected, &again));
    }
}

#[allow(clippy::cast_possible_truncation)]
fn byte(i: usize) -> u8 {
    i as u8
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_ndarray((shape, info) in shape_and_slice(), order in order()) {
        let small = |i| u16::from(byte(i));
        agrees::<u8>(&shape, order, &info, byte);
        agrees::<i16>(&shape, order, &info, |i| small(i).cast_signed());
        agrees::<f32>(&shape, order, &info, |i| f32::from(small(i)));
        agrees::<u64>(&shape, order, &info, |i| i as u64);
        agrees::<[u8; 3]>(&shape, order, &info, |i| [byte(i), 1, 2]);
        agrees::<[u8; 12]>(&shape, order, &info, |i| [byte(i); 12]);
        let half = |i| half::f16::from_f32(f32::from(small(i)));
        agrees::<half::f16>(&shape, order, &info, half);
        let complex = |i| num_complex::Complex::new(f64::from(small(i)), -0.5);
        agrees::<num_complex::Complex<f64>>(&shape, order, &info, complex);
        let sample = |i| Sample { value: 0.5, station: u32::from(small(i)), flags: [byte(i); 4] };
        agrees::<Sample>(&shape, order, &info, sample);
    }
}

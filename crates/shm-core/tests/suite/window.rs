//! Windows against brute force: every element counted, every legal slice accepted.

use std::collections::HashSet;

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, ShapeBuilder, Slice};
use proptest::collection::vec;
use proptest::prelude::*;
use shm_core::{ErrorKind, Layout, MAX_NDIM, Order, Window};

use crate::layout::indices;
use crate::strategies::{order, small_shape};

/// Where the window's elements lie in the array, in the order asked for.
fn places(window: &Window, order: Order) -> Vec<isize> {
    let at = |index: &Vec<usize>| {
        let steps = index.iter().zip(&window.strides).map(|(i, stride)| i.cast_signed() * stride);
        window.offset.cast_signed() + steps.sum::<isize>()
    };
    indices(&window.shape, order).iter().map(at).collect()
}

/// Accepted windows are good; refused ones are bad, but for what the documentation says.
fn judge(window: &Window, layout: &Layout) {
    let total = layout.len();
    let places = places(window, Order::C);
    let inside = window.offset <= total
        && places.iter().all(|at| usize::try_from(*at).is_ok_and(|at| at < total));
    let once = places.iter().collect::<HashSet<_>>().len() == places.len();
    match window.check(layout) {
        Ok(()) => assert!(inside && once, "accepted {window:?} of {total}"),
        Err(error) => {
            let ErrorKind::InvalidWindow { reason } = error.kind() else { panic!("{error:?}") };
            if inside && once {
                assert!(reason.contains("revisits"), "refused {window:?} of {total}: {error}");
                assert!(window.shape.iter().filter(|n| **n > 1).count() > 1);
            }
        }
    }
}

#[test]
fn every_small_window_in_one_and_two_dimensions() {
    for total in 0..=6 {
        let layout = Layout::new([total], Order::C, 4).unwrap();
        for offset in 0..=total + 1 {
            for (n, stride) in (0..=4).flat_map(|n| (-6..=6).map(move |stride| (n, stride))) {
                judge(&Window { offset, shape: vec![n], strides: vec![stride] }, &layout);
                for (m, other) in (0..=3).flat_map(|m| (-4..=4).map(move |other| (m, other))) {
                    let (shape, strides) = (vec![n, m], vec![stride, other]);
                    judge(&Window { offset, shape, strides }, &layout);
                }
            }
        }
    }
}

/// What slicing can do to an array: each with numbers that are brought into range.
#[derive(Clone, Debug)]
enum Cut {
    Range { axis: usize, from: usize, to: usize, step: isize },
    Index { axis: usize, at: usize },
    NewAxis(usize),
    Swap(usize, usize),
}

fn cut() -> impl Strategy<Value = Cut> {
    let step = prop_oneof![-4..=-1_isize, 1..=4_isize];
    prop_oneof![
        4 => (any::<usize>(), any::<usize>(), any::<usize>(), step)
            .prop_map(|(axis, from, to, step)| Cut::Range { axis, from, to, step }),
        1 => any::<(usize, usize)>().prop_map(|(axis, at)| Cut::Index { axis, at }),
        1 => any::<usize>().prop_map(Cut::NewAxis),
        1 => any::<(usize, usize)>().prop_map(|(a, b)| Cut::Swap(a, b)),
    ]
}

fn apply<'a>(mut view: ArrayViewD<'a, isize>, cut: &Cut) -> ArrayViewD<'a, isize> {
    let ndim = view.ndim();
    match *cut {
        Cut::NewAxis(axis) => return view.insert_axis(Axis(axis % (ndim + 1))),
        _ if ndim == 0 => {}
        Cut::Range { axis, from, to, step } => {
            let axis = Axis(axis % ndim);
            let len = view.len_of(axis);
            let (from, to) = (from % (len + 1), to % (len + 1));
            let (from, to) = (from.min(to).cast_signed(), from.max(to).cast_signed());
            view.slice_axis_inplace(axis, Slice::new(from, Some(to), step));
        }
        Cut::Index { axis, at } => {
            let axis = Axis(axis % ndim);
            let len = view.len_of(axis);
            if len > 0 {
                return view.index_axis_move(axis, at % len);
            }
        }
        Cut::Swap(a, b) => view.swap_axes(a % ndim, b % ndim),
    }
    view
}

/// An array of its own element numbers, and windows that ndarray made of it by slicing.
fn sliced() -> impl Strategy<Value = (Layout, Window, Vec<isize>)> {
    (small_shape(), order(), vec(cut(), 0..6)).prop_map(|(shape, order, cuts)| {
        let layout = Layout::new(shape.clone(), order, size_of::<isize>()).unwrap();
        let numbers: Vec<isize> = (0..layout.len().cast_signed()).collect();
        let shape = IxDyn(&shape).set_f(order == Order::Fortran);
        let array = ArrayD::from_shape_vec(shape, numbers).unwrap();
        let view = cuts.iter().fold(array.view(), apply);
        let moved = view.as_ptr().addr() - array.as_ptr().addr();
        let window = Window {
            offset: moved / size_of::<isize>(),
            shape: view.shape().to_vec(),
            strides: view.strides().to_vec(),
        };
        let shown = view.iter().copied().collect();
        (layout, window, shown)
    })
}

proptest! {
    #[test]
    fn random_windows(
        shape in small_shape(),
        offset in 0..40_usize,
        axes in vec((0..=4_usize, -16..=16_isize), 3..=4),
    ) {
        let layout = Layout::new(shape, Order::C, 4).unwrap();
        let (shape, strides) = axes.into_iter().unzip();
        judge(&Window { offset, shape, strides }, &layout);
    }

    #[test]
    fn every_slice_is_accepted((layout, window, shown) in sliced()) {
        window.check(&layout).unwrap();
        prop_assert_eq!(places(&window, Order::C), &shown[..]);
        prop_assert_eq!(window.len(), Some(shown.len()));
        prop_assert_eq!(window.is_empty(), shown.is_empty());
    }

    #[test]
    fn reshape_keeps_the_elements_in_order(
        (layout, window, shown) in sliced(),
        other in small_shape(),
        order in order(),
    ) {
        let before = places(&window, order);
        let consecutive = before.windows(2).all(|pair| pair[1] == pair[0] + 1);
        prop_assert_eq!(window.is_contiguous(order), consecutive);
        let flat = [shown.len()];
        let split = if shown.len().is_multiple_of(2) { [2, shown.len() / 2] } else { [shown.len(), 1] };
        for shape in [&flat[..], &split, &other] {
            let fits = shape.iter().product::<usize>() == shown.len() && consecutive;
            match window.reshape(shape, order, layout.itemsize()) {
                Ok(reshaped) => {
                    prop_assert!(fits, "{:?} became {:?}", window, reshaped);
                    prop_assert_eq!(&reshaped.shape, shape);
                    prop_assert_eq!(places(&reshaped, order), &before[..]);
                    reshaped.check(&layout).unwrap();
                }
                Err(error) => {
                    prop_assert!(!fits, "{:?} as {:?}: {}", window, shape, error);
                    let is_as_long = shape.iter().product::<usize>() == shown.len();
                    match error.kind() {
                        ErrorKind::ReshapeMismatch { .. } => prop_assert!(!is_as_long),
                        ErrorKind::NotContiguous { .. } => prop_assert!(is_as_long),
                        _ => prop_assert!(false, "{:?}", error),
                    }
                }
            }
        }
    }

    #[test]
    fn hostile_figures_do_no_harm(
        offset in any::<usize>(),
        shape in vec(prop_oneof![0..4_usize, any::<usize>(), Just(usize::MAX)], 0..5),
        strides in vec(prop_oneof![-2..3_isize, any::<isize>(), Just(isize::MIN), Just(isize::MAX)], 0..5),
        len in prop_oneof![0..20_usize, Just(isize::MAX.unsigned_abs() / 8)],
        order in order(),
    ) {
        let layout = Layout::new([len], Order::C, 8).unwrap();
        let window = Window { offset, shape, strides };
        // Most are refused; what is accepted reaches no further than the array.
        if window.check(&layout).is_ok() && !window.is_empty() {
            prop_assert!(window.len().unwrap() <= len && window.offset < len);
        }
        let _ = window.is_contiguous(order);
        let _ = window.reshape(&[window.len().unwrap_or(7)], order, 8);
    }
}

#[test]
fn the_whole_is_a_window() {
    for shape in [vec![], vec![0], vec![3, 0, 2], vec![2, 3, 4]] {
        for order in [Order::C, Order::Fortran] {
            let layout = Layout::new(shape.clone(), order, 2).unwrap();
            let whole = Window::whole(&layout);
            whole.check(&layout).unwrap();
            assert!(whole.is_contiguous(order));
            assert_eq!(whole.len(), Some(layout.len()));
        }
    }
}

#[test]
fn what_is_refused_says_its_figures() {
    let layout = Layout::new([3, 4], Order::C, 8).unwrap();
    let refused = |offset, shape: &[usize], strides: &[isize]| {
        let window = Window { offset, shape: shape.to_vec(), strides: strides.to_vec() };
        window.check(&layout).unwrap_err().to_string()
    };
    for (message, figures) in [
        (refused(0, &[1, 2], &[1]), "2 dimensions but 1 strides"),
        (refused(0, &[1; 65], &[1; 65]), "65 dimensions, at most 64"),
        (refused(13, &[0], &[1]), "offset 13 in an array of 12 elements"),
        (refused(12, &[], &[]), "0 elements before and 0 behind element 12, the array has 12"),
        (refused(2, &[4], &[-1]), "3 elements before and 0 behind element 2"),
        (refused(0, &[3], &[6]), "0 elements before and 12 behind element 0"),
        (refused(0, &[4], &[isize::MAX]), "of 4 elements overflows"),
        (refused(0, &[2], &[0]), "stride 0 revisits"),
        (refused(0, &[2, 3], &[3, 2]), "stride 3 revisits elements (4 reached already)"),
        (refused(0, &[usize::MAX, 0], &[1, 1]), "overflows the address space"),
    ] {
        assert!(message.contains(figures), "{message}");
    }
    let many = Window { offset: 0, shape: vec![1; MAX_NDIM], strides: vec![0; MAX_NDIM] };
    many.check(&layout).unwrap();
    let error = many.reshape(&[1; 65], Order::C, 8).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooManyDimensions { ndim: 65, .. }));
    let error = many.reshape(&[usize::MAX, 2], Order::C, 8).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ShapeOverflow { .. }));
}

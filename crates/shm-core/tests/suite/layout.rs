//! Layouts against a model that counts.

use proptest::collection::vec;
use proptest::prelude::*;
use shm_core::{ErrorKind, Layout, MAX_NDIM, Order};

use crate::strategies::{order, small_shape};

/// Every index of a shape, the one that changes fastest last in `C`, first in `Fortran`.
pub(crate) fn indices(shape: &[usize], order: Order) -> Vec<Vec<usize>> {
    let axes: Vec<usize> = match order {
        Order::C => (0..shape.len()).collect(),
        Order::Fortran => (0..shape.len()).rev().collect(),
    };
    axes.into_iter().fold(vec![vec![0; shape.len()]], |found, axis| {
        let longer = |index: Vec<usize>| {
            (0..shape[axis]).map(move |i| {
                let mut index = index.clone();
                index[axis] = i;
                index
            })
        };
        found.into_iter().flat_map(longer).collect()
    })
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0..5_usize,
        1 => (0..usize::BITS).prop_map(|bits| 1 << bits),
        1 => Just(isize::MAX.unsigned_abs()),
        1 => any::<usize>(),
    ]
}

proptest! {
    #[test]
    fn elements_lie_one_after_the_other(shape in small_shape(), order in order(), size in 1..20_usize) {
        let layout = Layout::new(shape.clone(), order, size).unwrap();
        let strides = layout.strides();
        let all = indices(&shape, order);
        for (expected, index) in (0_isize..).zip(&all) {
            let steps = index.iter().zip(&strides);
            prop_assert_eq!(steps.map(|(i, s)| i.cast_signed() * s).sum::<isize>(), expected);
        }
        prop_assert_eq!(layout.len(), all.len());
        prop_assert_eq!(layout.is_empty(), all.is_empty());
        prop_assert_eq!(layout.nbytes(), all.len() * size);
        prop_assert_eq!(layout.ndim(), shape.len());
        prop_assert_eq!((layout.shape(), layout.order(), layout.itemsize()), (&shape[..], order, size));
        let json = serde_json::to_string(&layout).unwrap();
        prop_assert_eq!(serde_json::from_str::<Layout>(&json).unwrap(), layout);
    }

    #[test]
    fn sizes_fit_or_are_refused(shape in vec(lengths(), 0..8), order in order(), size in lengths()) {
        let each = shape.iter().chain([&size]).filter(|n| **n != 0);
        let bytes = each.fold(1_u128, |bytes, n| bytes.saturating_mul(*n as u128));
        match Layout::new(shape.clone(), order, size) {
            Ok(layout) => {
                prop_assert!(bytes <= isize::MAX.unsigned_abs() as u128);
                let (len, nbytes) = (layout.len() as u128, layout.nbytes() as u128);
                let expected = if shape.contains(&0) { 0 } else { bytes };
                prop_assert_eq!(nbytes, if size == 0 { 0 } else { expected });
                prop_assert_eq!(len * size as u128, nbytes);
                prop_assert!(layout.strides().iter().all(|stride| *stride > 0));
            }
            Err(error) => {
                prop_assert!(bytes > isize::MAX.unsigned_abs() as u128);
                let ErrorKind::ShapeOverflow { shape: found, itemsize } = error.kind() else {
                    panic!("{error:?}");
                };
                prop_assert_eq!((found, *itemsize), (&shape, size));
            }
        }
    }
}

#[test]
fn no_dimension_is_one_element() {
    let layout = Layout::new([], Order::C, 8).unwrap();
    assert_eq!((layout.ndim(), layout.len(), layout.nbytes()), (0, 1, 8));
    assert!(layout.strides().is_empty());
}

#[test]
fn an_axis_of_no_length_counts_as_one_in_the_strides() {
    let strides = |order| Layout::new([3, 0, 2], order, 8).unwrap().strides();
    assert_eq!(strides(Order::C), [2, 2, 1]);
    assert_eq!(strides(Order::Fortran), [1, 3, 3]);
}

#[test]
fn sixty_four_dimensions_and_no_more() {
    for order in [Order::C, Order::Fortran] {
        let layout = Layout::new([1; MAX_NDIM], order, 4).unwrap();
        assert_eq!((layout.len(), layout.strides()), (1, vec![1; MAX_NDIM]));
        let error = Layout::new([1; MAX_NDIM + 1], order, 4).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooManyDimensions { ndim: 65, max: 64 }));
    }
}

#[test]
fn a_layout_from_outside_is_checked() {
    let from = |shape: &str, itemsize: u64| {
        let json = format!(r#"{{"shape": {shape}, "order": "C", "itemsize": {itemsize}}}"#);
        serde_json::from_str::<Layout>(&json).map_err(|error| error.to_string())
    };
    assert_eq!(from("[2, 3]", 4).unwrap().nbytes(), 24);
    // Elements of no bytes do not let the number of elements overflow.
    let huge = format!("[{0}, {0}]", usize::MAX);
    for itemsize in [0, 1] {
        assert!(from(&huge, itemsize).unwrap_err().contains("overflows the address space"));
    }
    assert!(from(&format!("[{}1]", "1,".repeat(64)), 1).unwrap_err().contains("65 dimensions"));
}

//! What cannot be shown is refused, with its figures.
#![allow(clippy::unwrap_used)] // in a function that several tests use

mod common;

use common::{Heap, counting, elements, elements_mut, header};
use ndarray::{Ix0, Ix1, Ix2, IxDyn, NewAxis, SliceInfoElem, arr0, array, s};
use shm_core::{Access, Element, ErrorKind, Layout, Order, Result, Window};
use shm_ndarray::{ElementSpan, slice_window};

fn text<T>(result: Result<T>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn another_dtype_or_number_of_dimensions() {
    let header = header::<f32>(&[2, 3], Order::C);
    let whole = Window::whole(header.layout());
    assert_eq!(
        text(ElementSpan::<i32, Ix2>::new(&header, &whole)),
        "dtype mismatch: expected <i4, the array has <f4"
    );
    assert_eq!(
        text(ElementSpan::<f32, Ix1>::new(&header, &whole)),
        "dimension mismatch: expected 1 dimensions, the array has 2"
    );
    assert!(ElementSpan::<f32, IxDyn>::new(&header, &whole).is_ok());
}

#[test]
fn windows_that_leave_the_array() {
    let header = header::<f32>(&[2, 3], Order::C);
    let hostile = |offset, shape: &[usize], strides: &[isize]| {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        let window = Window { offset, shape, strides };
        text(ElementSpan::<f32, IxDyn>::new(&header, &window))
    };
    for error in [
        hostile(1, &[2, 3], &[3, 1]),
        hostile(0, &[2], &[-1]),
        hostile(7, &[0], &[1]),
        hostile(0, &[2, 2], &[1, 1]),
        hostile(0, &[2], &[isize::MIN]),
        hostile(0, &[usize::MAX, 2], &[1, 1]),
        hostile(0, &[2], &[1, 1]),
    ] {
        assert!(error.contains("window") || error.contains("overflows"), "{error}");
    }
}

#[test]
fn strides_that_nothing_follows_are_dropped() {
    let header = header::<f32>(&[2, 3], Order::C);
    let region = Heap::of(&header);
    for (shape, strides) in [([1, 1], [isize::MIN, 9]), ([0, 5], [isize::MAX, isize::MIN])] {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        let window = Window { offset: 5, shape: shape.clone(), strides };
        let part = elements::<f32, Ix2>(&header, &window, &region);
        assert_eq!(part.strides(), [0, 0]);
        assert_eq!(part.to_array().shape(), shape);
    }
}

#[test]
fn regions_that_are_too_short_or_read_only() {
    let header = header::<f32>(&[2, 3], Order::C);
    let mut region = Heap::of(&header);
    let place = ElementSpan::<f32, Ix2>::new(&header, &Window::whole(header.layout())).unwrap();
    region.access = Access::ReadOnly;
    // SAFETY: the region was made for this header.
    let refused = unsafe { place.elements_mut(&region) };
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::AccessDenied { .. }));
    let by_trait: &dyn shm_core::Region = &region;
    // SAFETY: as above.
    assert_eq!(unsafe { place.elements(by_trait) }.unwrap().to_array().sum(), 0.0);

    region.access = Access::ReadWrite;
    region.len -= 1;
    let (has, needs) = (region.len, region.len + 1);
    // SAFETY: as above.
    let refused = unsafe { place.elements(&region) };
    let expected = format!("the mapped segment is truncated: needs {needs} bytes, has {has}");
    assert_eq!(text(refused), expected);
}

/// The place of a whole array without a header.
fn raw<T: Element>(shape: &[usize], offset: u64) -> Result<ElementSpan<T, IxDyn>> {
    let layout = Layout::new(shape, Order::C, size_of::<T>())?;
    ElementSpan::raw(&layout, offset, &Window::whole(&layout))
}

#[test]
fn offsets_without_a_header() {
    fn fits<T: Element>(align: u64) {
        for offset in 1..=17 {
            let place = raw::<T>(&[2], offset);
            assert_eq!(place.is_ok(), offset % align == 0, "{} at {offset}", T::dtype());
        }
    }
    fits::<u8>(1);
    fits::<[u8; 3]>(1);
    fits::<u16>(2);
    fits::<[u8; 6]>(2); // it is read and written by words of two bytes
    fits::<f32>(4);
    fits::<f64>(8);
    fits::<[u8; 8]>(8);
    fits::<num_complex::Complex<f32>>(8);
    fits::<num_complex::Complex<f64>>(8);
    assert_eq!(
        text(raw::<f64>(&[2], 4)),
        "data at offset 4 bytes: elements of dtype <f8 need a multiple of 8"
    );
    for offset in [u64::MAX - 7, i64::MAX.unsigned_abs() - 7] {
        assert_eq!(
            text(raw::<f64>(&[2], offset)),
            "shape [2] of 8-byte elements overflows the address space"
        );
    }
    let layout = Layout::new([3], Order::C, 4).unwrap();
    let wrong = text(ElementSpan::<f64, IxDyn>::raw(&layout, 0, &Window::whole(&layout)));
    assert!(wrong.contains("elements of 4 bytes"), "{wrong}");
    assert!(ElementSpan::<f32, Ix2>::raw(&layout, 0, &Window::whole(&layout)).is_err());
}

#[test]
fn elements_without_a_header() {
    let mut region = Heap::new(48);
    let place = raw::<f64>(&[2, 2], 16).unwrap();
    assert_eq!(place.end(), 48);
    // SAFETY: the region is used by this test alone, as elements `f64`.
    let all = unsafe { place.elements_mut(&region) }.unwrap();
    all.copy_from(&array![[1.0, 2.0], [3.0, 4.0]].into_dyn()).unwrap();
    assert_eq!(all.get(vec![1, 0]), Some(3.0));
    let tail = raw::<f64>(&[1], 40).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { tail.elements(&region) }.unwrap().get(vec![0]), Some(4.0));
    region.len -= 1;
    // SAFETY: as above.
    let short = unsafe { tail.elements(&region) };
    assert_eq!(text(short), "the mapped segment is truncated: needs 48 bytes, has 47");
}

#[test]
fn other_shapes_and_indices() {
    let header = header::<u8>(&[2, 3], Order::C);
    let region = Heap::of(&header);
    let all = elements_mut::<u8, Ix2>(&header, &Window::whole(header.layout()), &region);
    let mut other = ndarray::Array2::zeros((3, 2));
    let expected = "shape mismatch: expected [3, 2], the array has [2, 3]";
    assert_eq!(text(all.copy_from(&other)), expected);
    assert_eq!(text(all.copy_to(&mut other)), expected);
    assert_eq!(
        text(all.set([2, 0], 1)),
        "index [2, 0] is out of bounds for an array of shape [2, 3]"
    );
    assert_eq!((all.get((2, 0)), all.get([1, 2])), (None, Some(0)));
    let erased = elements::<u8, IxDyn>(&header, &Window::whole(header.layout()), &region);
    assert_eq!((erased.get(vec![1]), erased.get(vec![1, 2])), (None, Some(0)));
}

#[test]
fn slices_out_of_bounds() {
    let header = header::<u8>(&[4, 5], Order::C);
    let whole = Window::whole(header.layout());
    let refused = |info: &[SliceInfoElem]| text(slice_window(&whole, info));
    for (info, expected) in [
        (s![4, ..].as_ref(), "index 4 is out of bounds for axis 0 of length 4"),
        (s![-5, ..].as_ref(), "index -5 is out of bounds for axis 0 of length 4"),
        (s![.., ..6].as_ref(), "end 6 is out of bounds for axis 1 of length 5"),
        (s![.., -6..].as_ref(), "start -6 is out of bounds for axis 1 of length 5"),
        (
            s![isize::MIN.., ..].as_ref(),
            &format!("start {} is out of bounds for axis 0 of length 4", isize::MIN),
        ),
    ] {
        assert_eq!(refused(info), expected);
    }
    let zero = SliceInfoElem::Slice { start: 0, end: None, step: 0 };
    assert_eq!(refused(&[(..).into(), zero]), "a slice cannot have step 0, as it has along axis 1");
    assert_eq!(
        refused(&[(..).into()]),
        "dimension mismatch: expected 1 dimensions, the array has 2"
    );
    let mut many = vec![SliceInfoElem::NewAxis; 63];
    many.extend([SliceInfoElem::from(..), SliceInfoElem::from(..)]);
    assert_eq!(refused(&many), "65 dimensions are too many: at most 64");
    let extreme = SliceInfoElem::Slice { start: 0, end: None, step: isize::MIN };
    let last = slice_window(&whole, &[extreme, (..).into()]).unwrap();
    assert_eq!((last.offset, last.shape), (15, vec![1, 5]));
}

#[test]
fn nothing_one_and_64_dimensions() {
    let scalar = header::<f64>(&[], Order::C);
    let region = Heap::of(&scalar);
    let one = elements_mut::<f64, Ix0>(&scalar, &Window::whole(scalar.layout()), &region);
    one.copy_from(&arr0(2.5)).unwrap();
    assert_eq!((one.get(()), one.len()), (Some(2.5), 1));
    let window = slice_window(&Window::whole(scalar.layout()), s![NewAxis].as_ref()).unwrap();
    let column = elements::<f64, Ix1>(&scalar, &window, &region);
    assert_eq!(column.to_array(), array![2.5]);

    let none = header::<f64>(&[3, 0], Order::Fortran);
    let region = Heap::of(&none);
    let empty = elements_mut::<f64, Ix2>(&none, &Window::whole(none.layout()), &region);
    empty.fill(1.0);
    assert_eq!(empty.to_array().shape(), [3, 0]);
    assert_eq!((empty.get([0, 0]), empty.is_empty()), (None, true));

    let mut shape = [1; 64];
    (shape[0], shape[31], shape[63]) = (2, 3, 4);
    let deep = header::<u32>(&shape, Order::Fortran);
    let region = Heap::of(&deep);
    let whole = Window::whole(deep.layout());
    let all = elements_mut::<u32, IxDyn>(&deep, &whole, &region);
    let values = counting(&shape, Order::C, |i| u32::try_from(i).unwrap());
    all.copy_from(&values).unwrap();
    assert_eq!(all.to_array(), values);
}

#[test]
fn raw_pointers_lead_to_the_elements() {
    let header = header::<u16>(&[8], Order::C);
    let region = Heap::of(&header);
    let window = slice_window(&Window::whole(header.layout()), s![..;-3].as_ref()).unwrap();
    let part = elements_mut::<u16, Ix1>(&header, &window, &region);
    part.copy_from(&array![1, 2, 3]).unwrap();
    let raw = part.raw_view();
    assert_eq!((raw.shape(), raw.strides()), (&[3][..], &[-3][..]));
    // SAFETY: the region lives, and nobody writes.
    assert_eq!(unsafe { raw.deref_into_view() }, array![1, 2, 3]);
    // SAFETY: as above, and nobody else reads.
    let mut view = unsafe { part.raw_view_mut().deref_into_view_mut() };
    view[0] = 9;
    let all = elements::<u16, Ix1>(&header, &Window::whole(header.layout()), &region);
    assert_eq!(all.to_array(), array![0, 3, 0, 0, 2, 0, 0, 9]);
}

#[test]
fn another_shape_beside_it() {
    let (two, three) = (header::<u8>(&[2], Order::C), header::<u8>(&[3], Order::C));
    let (two_region, three_region) = (Heap::of(&two), Heap::of(&three));
    let (part, whole) = (Window::whole(two.layout()), Window::whole(three.layout()));
    let other = elements::<u8, Ix1>(&two, &part, &two_region);
    let all = elements_mut::<u8, Ix1>(&three, &whole, &three_region);
    let expected = "shape mismatch: expected [2], the array has [3]";
    assert_eq!(text(all.zip_mut_with(&other, |all, other| *all = *other)), expected);
}

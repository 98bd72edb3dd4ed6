//! What create promises.

use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::{MemfdFlags, memfd_create};
use shm_core::{
    Access, Align, Backend, Cleanup, Commit, DType, ErrorKind, Field, Fill, Header, Layout, Order,
    Region, Result, ScalarKind, Segment, Sink, Spec, TimeUnit, Unit,
};

use crate::bytes;
use crate::harness::{Harness, spec, unique_name};

/// Nobody else has the memory, and every byte of the data is zero.
pub fn is_zero_filled<H: Harness>() {
    let spec = spec(&unique_name("zero"), 2000);
    let mut seen_in_fill = Vec::new();
    let mut look = |header: &Header, region: &dyn Region| -> Result<()> {
        seen_in_fill = bytes::data(header, region);
        Ok(())
    };
    let array = H::backend().create(&spec, Some(Fill::InPlace(&mut look))).unwrap();
    assert_eq!(seen_in_fill, [0; 16_000]);
    assert_eq!(bytes::data(array.segment.header(), &array.region), [0; 16_000]);
}

/// The header says what was asked for, and the region has room for all of it.
pub fn has_the_header_asked_for<H: Harness>() {
    for cleanup in [Cleanup::LastOut, Cleanup::Owner] {
        let spec = Spec { cleanup, ..spec(&unique_name("header"), 10) };
        let array = H::backend().create(&spec, None).unwrap();
        let header = array.segment.header();
        assert_eq!(header.name(), &spec.name);
        assert_eq!((header.dtype(), header.layout()), (&spec.dtype, &spec.layout));
        assert_eq!(header.cleanup(), cleanup);
        assert_eq!(header.stamp().creator, std::process::id());
        assert_eq!(array.region.len() as u64, header.segment_len());
        assert!(header.data_offset() + 80 <= header.segment_len());
        assert_eq!(array.region.access(), Access::ReadWrite);
        assert_eq!(array.segment.access(), Access::ReadWrite);
        assert!(!array.region.is_empty());
    }
}

/// Two segments never have the same identity.
pub fn gives_an_identity_of_its_own<H: Harness>() {
    let identity = || {
        let array = H::backend().create(&spec(&unique_name("uuid"), 1), None).unwrap();
        array.segment.header().stamp().uuid
    };
    assert_ne!(identity(), identity());
}

/// What `fill` writes is what others find; it is given the header and the region.
pub fn fills_before_it_returns<H: Harness>() {
    let spec = spec(&unique_name("fill"), 100);
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        assert_eq!(header.name(), &spec.name);
        assert_eq!(region.access(), Access::ReadWrite);
        bytes::fill(header, region, 7);
        Ok(())
    };
    let array = H::backend().create(&spec, Some(Fill::InPlace(&mut fill))).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadOnly).unwrap();
    assert_eq!(bytes::data(other.segment.header(), &other.region), [7; 800]);
}

/// What is written in order lies in this order, whether it comes from memory or from a file; what is
/// not written is zero.
pub fn fills_in_order<H: Harness>() {
    for commit in [Commit::Auto, Commit::Lazy, Commit::Reserve, Commit::Populate] {
        let spec = Spec { commit, ..spec(&unique_name("in-order"), 30_000) };
        let mut file = tempfile();
        file.write_all(&[0, 0, 3, 3, 3]).unwrap();
        let mut fill = |to: &mut dyn Sink| -> Result<()> {
            to.write(&[1; 100_000])?;
            to.write(&[])?;
            to.write(&[2; 3])?;
            assert_eq!(to.copy_from(&file, 2, 0)?, 0);
            assert_eq!(to.copy_from(&file, 2, 3)?, 3);
            assert_eq!(to.copy_from(&file, 5, 3)?, 0, "behind the file's end");
            to.write(&[4; 4])
        };
        let array = H::backend().create(&spec, Some(Fill::InOrder(&mut fill))).unwrap();
        let mut expected = vec![1; 100_000];
        expected.extend([2, 2, 2, 3, 3, 3, 4, 4, 4, 4]);
        expected.resize(240_000, 0);
        assert!(bytes::data(array.segment.header(), &array.region) == expected, "{commit:?}");
        let other = H::backend().attach(H::source(&array), Access::ReadOnly).unwrap();
        assert!(bytes::data(other.segment.header(), &other.region) == expected, "{commit:?}");
    }
}

/// More than an array's bytes, from memory or from a file, are refused, and nothing is left.
pub fn refuses_more_than_fits<H: Harness>() {
    let name = unique_name("too-much");
    let mut file = tempfile();
    file.write_all(&[3; 9]).unwrap();
    let mut writes = |to: &mut dyn Sink| to.write(&[1; 8]).and_then(|()| to.write(&[1]));
    let mut copies = |to: &mut dyn Sink| to.copy_from(&file, 0, 9).map(drop);
    for fill in [Fill::InOrder(&mut writes), Fill::InOrder(&mut copies)] {
        let error = H::backend().create(&spec(&name, 1), Some(fill)).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Oversized { .. }), "{error}");
        assert_eq!(H::leftovers(&name), [""; 0]);
    }
}

/// A file without a name.
fn tempfile() -> File {
    let made = memfd_create("shm-conformance", MemfdFlags::CLOEXEC);
    made.unwrap().into()
}

/// An error in `fill` comes back as it is, and nothing is left.
pub fn leaves_nothing_if_fill_fails<H: Harness>() {
    let name = unique_name("fill-error");
    let mut fail = |_: &Header, _: &dyn Region| -> Result<()> {
        Err(ErrorKind::ForkedChild { operation: "a test" }.into())
    };
    let error =
        H::backend().create(&spec(&name, 1), Some(Fill::InPlace(&mut fail))).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ForkedChild { operation: "a test" }), "{error}");
    assert_eq!(H::leftovers(&name), [""; 0]);
    drop(H::backend().create(&spec(&name, 1), None).unwrap());
}

/// So does a panic.
pub fn leaves_nothing_if_fill_panics<H: Harness>() {
    let name = unique_name("fill-panic");
    let mut fail = |_: &Header, _: &dyn Region| -> Result<()> {
        std::panic::resume_unwind(Box::new("not a failure, and no message"))
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        H::backend().create(&spec(&name, 1), Some(Fill::InPlace(&mut fail))).map(drop)
    }));
    assert!(result.is_err());
    assert_eq!(H::leftovers(&name), [""; 0]);
    drop(H::backend().create(&spec(&name, 1), None).unwrap());
}

/// Every dtype comes back as it was given.
pub fn keeps_every_dtype<H: Harness>() {
    for dtype in dtypes() {
        let layout = Layout::new([3], Order::C, dtype.itemsize()).unwrap();
        assert_found_as_created::<H>(&Spec::new(unique_name("dtype"), dtype, layout));
    }
}

fn dtypes() -> Vec<DType> {
    use ScalarKind::{BFloat16, Bool, Bytes, Complex, DateTime, Float, Int, TimeDelta, UInt, Void};
    let times = [TimeUnit::Generic, TimeUnit::Of(1, Unit::Nanosecond), TimeUnit::Of(25, Unit::Day)];
    let sizes = [1, 2, 4, 8];
    let kinds = [Bool, Float(2), Float(4), Float(8), BFloat16, Complex(8), Complex(16)]
        .into_iter()
        .chain([Bytes(1), Bytes(7), Void(3)])
        .chain(sizes.map(Int))
        .chain(sizes.map(UInt))
        .chain(times.map(DateTime))
        .chain(times.map(TimeDelta));
    let mut all: Vec<_> = kinds.map(DType::native).collect();
    let vector = Field { shape: vec![3], ..Field::new("xyz", DType::native(Float(4))) };
    let point = DType::Struct(vec![Field::new("id", DType::native(UInt(2))), vector]);
    let nested = vec![Field::new("at", point.clone()), Field::new("", DType::native(Void(2)))];
    all.extend([point, DType::Struct(nested)]);
    all
}

/// So does every shape and order: 0-d, without elements, and with as many axes as there can be.
pub fn keeps_every_layout<H: Harness>() {
    let shapes: [&[usize]; 6] = [&[], &[0], &[3, 0, 2], &[5], &[2, 3, 4], &[1; 64]];
    for shape in shapes {
        for order in [Order::C, Order::Fortran] {
            let layout = Layout::new(shape, order, 4).unwrap();
            let dtype = DType::native(ScalarKind::Float(4));
            assert_found_as_created::<H>(&Spec::new(unique_name("layout"), dtype, layout));
        }
    }
}

fn assert_found_as_created<H: Harness>(spec: &Spec) {
    let array = H::backend().create(spec, None).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadWrite).unwrap();
    let header = other.segment.header();
    assert_eq!(header, array.segment.header());
    assert_eq!((header.dtype(), header.layout()), (&spec.dtype, &spec.layout));
    bytes::fill(header, &other.region, 9);
    let data = bytes::data(array.segment.header(), &array.region);
    assert_eq!(data, vec![9; spec.layout.nbytes()]);
}

/// The first element lies on a multiple of what was asked for.
pub fn aligns_the_data<H: Harness>() {
    for (align, bytes) in [(Align::CacheLine, 64), (Align::Page(4096), 4096)] {
        let spec = Spec { align, ..spec(&unique_name("align"), 10) };
        let array = H::backend().create(&spec, None).unwrap();
        let start = array.region.start().as_ptr() as usize;
        assert_eq!(start % 4096, 0);
        let data = start + usize::try_from(array.segment.header().data_offset()).unwrap();
        assert_eq!(data % bytes, 0);
    }
}

/// However memory is reserved, all of it can be used.
pub fn gives_memory_by_every_strategy<H: Harness>() {
    for commit in [Commit::Auto, Commit::Lazy, Commit::Reserve, Commit::Populate] {
        let spec = Spec { commit, ..spec(&unique_name("commit"), 100_000) };
        let array = H::backend().create(&spec, None).unwrap();
        let last = array.region.len() - 1;
        assert_eq!(bytes::get(&array.region, last), 0, "{commit:?}");
        bytes::set(&array.region, last, 1);
    }
}

/// What cannot be is an error of its own, before anything is made.
pub fn refuses_what_cannot_be<H: Harness>() {
    let name = unique_name("refused");
    let good = spec(&name, 10);
    let foreign: DType =
        if cfg!(target_endian = "little") { ">u8" } else { "<u8" }.parse().unwrap();
    let narrow = Layout::new([10], Order::C, 4).unwrap();
    let fault = |bad: Spec| H::backend().create(&bad, None).map(drop).unwrap_err();
    let error = fault(Spec { dtype: foreign, ..good.clone() });
    assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error}");
    let error = fault(Spec { layout: narrow, ..good.clone() });
    assert!(matches!(error.kind(), ErrorKind::InvalidDType { .. }), "{error}");
    let error = fault(Spec { align: Align::Page(5000), ..good.clone() });
    assert!(matches!(error.kind(), ErrorKind::InvalidAlignment { .. }), "{error}");
    let most = Layout::new([isize::MAX.unsigned_abs() / 8], Order::C, 8).unwrap();
    let error = fault(Spec { layout: most, ..good });
    assert!(matches!(error.kind(), ErrorKind::ShapeOverflow { .. }), "{error}");
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// More than the address space can hold is an error, and nothing is left.
///
/// It is not reserved in advance here: a backend that tried would fill the machine.
pub fn refuses_what_does_not_fit<H: Harness>() {
    let name = unique_name("huge");
    let layout = Layout::new([1 << 58], Order::C, 8).unwrap();
    let spec = Spec { layout, commit: Commit::Lazy, ..spec(&name, 1) };
    let error = H::backend().create(&spec, None).map(drop).unwrap_err();
    let kind = error.kind();
    let limit = matches!(kind, ErrorKind::NoSpace { .. } | ErrorKind::LimitReached { .. });
    assert!(limit || matches!(kind, ErrorKind::Os { .. }), "{error}");
    assert_eq!(H::leftovers(&name), [""; 0]);
}

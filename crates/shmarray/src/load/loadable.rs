//! What a file can become.

use ndarray::Dimension;
use shm_core::{Element, ErrorKind, Result};
use shm_npy::NpyHeader;

use crate::any_array::sealed::AnyArray;
use crate::array::Array;
use crate::erased::ErasedArray;
use crate::mode::{Guarded, ReadWrite};

/// What a file can become: [`SharedArray`](crate::SharedArray),
/// [`GuardedArray`](crate::GuardedArray) and [`ErasedArray`].
pub trait Loadable: sealed::Loadable {}

mod sealed {
    use super::{AnyArray, NpyHeader, Result};

    /// What the crate itself asks of it.
    pub trait Loadable: AnyArray + Sized {
        /// Whether it is guarded if it is new.
        const GUARDED: bool = false;

        /// Whether a file has what the type says.
        fn check(header: &NpyHeader) -> Result<()>;
    }
}

macro_rules! loadable {
    ($($mode:ident),*) => {$(
        impl<T: Element, D: Dimension> Loadable for Array<T, D, $mode> {}

        impl<T: Element, D: Dimension> sealed::Loadable for Array<T, D, $mode> {
            const GUARDED: bool = <$mode as crate::mode::sealed::Mode>::GUARDED;

            fn check(header: &NpyHeader) -> Result<()> {
                check_type::<T, D>(header)
            }
        }
    )*};
}

loadable!(ReadWrite, Guarded);

impl Loadable for ErasedArray {}

impl sealed::Loadable for ErasedArray {
    fn check(_: &NpyHeader) -> Result<()> {
        Ok(())
    }
}

fn check_type<T: Element, D: Dimension>(header: &NpyHeader) -> Result<()> {
    if *header.dtype() != T::dtype() {
        return Err(dtype_mismatch(&T::dtype(), header.dtype()));
    }
    let found = header.layout().ndim();
    match D::NDIM {
        Some(expected) if expected != found => {
            Err(ErrorKind::NdimMismatch { expected, found }.into())
        }
        _ => Ok(()),
    }
}

pub(super) fn dtype_mismatch(
    expected: &shm_core::DType,
    found: &shm_core::DType,
) -> shm_core::Error {
    let (expected, found) = (expected.to_string(), found.to_string());
    ErrorKind::DTypeMismatch { expected, found }.into()
}

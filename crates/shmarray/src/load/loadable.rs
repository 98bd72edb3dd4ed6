//! What a file can become.

use ndarray::Dimension;
use shm_core::{Element, ErrorKind, Result};
use shm_npy::NpyHeader;

use crate::handle::Handle;
use crate::mode::{Guarded, ReadWrite};
use crate::{Array, ErasedArray};

/// What a file can become: [`SharedArray`](crate::SharedArray),
/// [`GuardedArray`](crate::GuardedArray) and [`ErasedArray`].
pub trait Loadable: sealed::Loadable {}

mod sealed {
    use super::{Handle, NpyHeader, Result};

    /// What the crate itself asks of it.
    pub trait Loadable: Sized {
        /// Whether it is guarded if it is new.
        const GUARDED: bool = false;

        /// Whether a file has what the type says.
        fn check(header: &NpyHeader) -> Result<()>;

        /// The array that was made or found.
        fn from_handle(handle: Handle) -> Result<Self>;
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

            fn from_handle(handle: Handle) -> Result<Self> {
                Self::new(handle)
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

    fn from_handle(handle: Handle) -> Result<Self> {
        Ok(Self::new(handle))
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

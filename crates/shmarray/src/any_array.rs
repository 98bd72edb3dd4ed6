//! Any array: a typed view, or an erased one.

use shm_core::Result;

use crate::erased::ErasedArray;

/// An array of any kind: [`Array`](crate::Array) in each mode, and [`ErasedArray`].
///
/// Functions that ask no more of an array than that it is one take this, such as
/// [`transfer::send`](crate::transfer::send) and [`Manager::keep`](crate::Manager::keep).
pub trait AnyArray: sealed::AnyArray {}

impl<A: sealed::AnyArray> AnyArray for A {}

pub(crate) mod sealed {
    use super::*;

    /// What the crate itself asks of an array.
    pub trait AnyArray {
        /// The array as one of this kind, if it is one.
        fn from_erased(array: ErasedArray) -> Result<Self>
        where
            Self: Sized;

        /// The array without its kind.
        fn as_erased(&self) -> &ErasedArray;

        /// The array without its kind.
        fn into_erased(self) -> ErasedArray
        where
            Self: Sized;
    }
}

impl sealed::AnyArray for ErasedArray {
    fn from_erased(array: ErasedArray) -> Result<Self> {
        Ok(array)
    }

    fn as_erased(&self) -> &ErasedArray {
        self
    }

    fn into_erased(self) -> ErasedArray {
        self
    }
}

//! Arrays that are attached for the time of one function.

use ndarray::Dimension;
use shm_core::{Element, Payload, Result};

use crate::any_array::AnyArray;
use crate::array::Array;
use crate::detached::Detached;
use crate::erased::ErasedArray;
use crate::mode::Mode;

/// Attaches arrays, runs a function on them, and detaches them: also if the function fails or
/// panics. If one of them cannot be attached, those before it are detached and the function does not
/// run.
///
/// It returns what the function returns; a function that fails itself gives a result in a result. A clone
/// of an array that the function keeps stays attached. See [`Attach`] for what can be attached.
///
/// ```
/// use shmarray::prelude::*;
/// use shmarray::with_attached;
///
/// # fn main() -> shmarray::Result<()> {
/// let input = SharedArray::builder(3).unique("input").full(2.0_f32)?.detach();
/// let output: Detached<SharedArray<f32, _>> = SharedArray::builder(3).unique("output").zeros()?.detach();
///
/// let sum = with_attached((&input, &output), |(input, output)| -> shmarray::Result<f32> {
///     output.copy_from(&(input.to_owned_array() * 10.0))?;
///     Ok(output.to_owned_array().sum())
/// })??;
/// assert_eq!(sum, 60.0);
/// # Ok(())
/// # }
/// ```
///
/// In a worker, which attaches the arrays that it was sent; the function says which types it expects:
///
/// ```
/// use shmarray::prelude::*;
/// use shmarray::with_attached;
///
/// fn scale((values, factor): &(SharedArray<f32, Ix1>, ReadOnlyArray<f32, Ix0>)) {
///     let factor = factor.get(()).unwrap_or(1.0);
///     values.copy_from(&(values.to_owned_array() * factor)).unwrap();
/// }
///
/// # fn main() -> shmarray::Result<()> {
/// let values = SharedArray::builder(3).backend(BackendKind::Memfd).full(2.0_f32)?;
/// let factor = SharedArray::builder(()).unique("factor").backend(BackendKind::Shm).full(5.0_f32)?;
/// let (payload, name) = (values.payload()?, factor.name().as_str());
/// with_attached((&payload, name), scale)?;
/// assert_eq!(values.get(1), Some(10.0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`Detached::attach`], [`Array::from_payload`] and [`Array::attach`].
pub fn with_attached<S, A, R>(arrays: S, work: impl FnOnce(&A) -> R) -> Result<R>
where
    S: Attach<A>,
{
    arrays.attach().map(|attached| work(&attached))
}

/// What can be attached as an `A`, by [`with_attached`]:
/// - a [`Detached`] as the array that it was;
/// - a [`Payload`], or a name (`str`, `String`), as an [`Array`] of any type and mode, or as an
///   [`ErasedArray`];
/// - a slice, an array or a `Vec` of them, as a `Vec`, and up to six in a tuple, as a tuple;
/// - a reference to any of these.
pub trait Attach<A>: sealed::Attach<A> {}

mod sealed {
    use super::{Attach as Public, Result};

    pub trait Attach<A> {
        /// Attaches in this order, and leaves nothing attached if it fails.
        fn attach(&self) -> Result<A>;
    }

    impl<A, S: Attach<A> + ?Sized> Public<A> for S {}
}

impl<A: AnyArray> sealed::Attach<A> for Detached<A> {
    fn attach(&self) -> Result<A> {
        Detached::attach(self)
    }
}

impl<T: Element, D: Dimension, M: Mode> sealed::Attach<Array<T, D, M>> for Payload {
    fn attach(&self) -> Result<Array<T, D, M>> {
        Array::from_payload(self)
    }
}

impl sealed::Attach<ErasedArray> for Payload {
    fn attach(&self) -> Result<ErasedArray> {
        ErasedArray::from_payload(self)
    }
}

impl<T: Element, D: Dimension, M: Mode> sealed::Attach<Array<T, D, M>> for str {
    fn attach(&self) -> Result<Array<T, D, M>> {
        Array::attach(self)
    }
}

impl sealed::Attach<ErasedArray> for str {
    fn attach(&self) -> Result<ErasedArray> {
        ErasedArray::attach(self)
    }
}

impl<A> sealed::Attach<A> for String
where
    str: sealed::Attach<A>,
{
    fn attach(&self) -> Result<A> {
        self.as_str().attach()
    }
}

impl<A, S: sealed::Attach<A> + ?Sized> sealed::Attach<A> for &S {
    fn attach(&self) -> Result<A> {
        (**self).attach()
    }
}

impl<A, S: sealed::Attach<A>> sealed::Attach<Vec<A>> for [S] {
    fn attach(&self) -> Result<Vec<A>> {
        self.iter().map(sealed::Attach::attach).collect()
    }
}

impl<A, S: sealed::Attach<A>, const N: usize> sealed::Attach<Vec<A>> for [S; N] {
    fn attach(&self) -> Result<Vec<A>> {
        self.as_slice().attach()
    }
}

impl<A, S: sealed::Attach<A>> sealed::Attach<Vec<A>> for Vec<S> {
    fn attach(&self) -> Result<Vec<A>> {
        self.as_slice().attach()
    }
}

macro_rules! tuples {
    ($(($($source:ident $array:ident $at:tt),+))*) => {$(
        impl<$($array, $source: sealed::Attach<$array>),+> sealed::Attach<($($array,)+)>
            for ($($source,)+)
        {
            fn attach(&self) -> Result<($($array,)+)> {
                Ok(($(self.$at.attach()?,)+))
            }
        }
    )*};
}

tuples! {
    (S0 A0 0)
    (S0 A0 0, S1 A1 1)
    (S0 A0 0, S1 A1 1, S2 A2 2)
    (S0 A0 0, S1 A1 1, S2 A2 2, S3 A3 3)
    (S0 A0 0, S1 A1 1, S2 A2 2, S3 A3 3, S4 A4 4)
    (S0 A0 0, S1 A1 1, S2 A2 2, S3 A3 3, S4 A4 4, S5 A5 5)
}

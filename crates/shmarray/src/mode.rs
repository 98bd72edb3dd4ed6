//! Modes: the uses that an array allows, as types. The third parameter of [`Array`](crate::Array).
#![allow(unsafe_code)] // passes the contract of `ElementSpan` on

use ndarray::Dimension;
use shm_core::{Access, Element, ErrorKind, Region, Result};
use shm_ndarray::{ElementSpan, Elements, ElementsMut};

use crate::erased::ErasedArray;

/// The uses that an array allows. There are the five modes of this module and no others.
pub trait Mode: sealed::Mode {}

/// A mode whose elements are reached without a guard: all but [`Guarded`].
#[diagnostic::on_unimplemented(
    message = "the elements of a guarded array are reached through a guard or a chunk only",
    label = "needs a guard",
    note = "take `read()` or `write()` and use what that gives: `array.read()?[index]`"
)]
pub trait Open: Mode {}

/// An open mode in which the kernel lets this process write.
#[diagnostic::on_unimplemented(
    message = "an array of mode `{Self}` is not written in this way",
    label = "needs a guard, or an array that may be written",
    note = "of a guarded array, take `write()` and use what that gives: `array.write()?[index] = value`",
    note = "of a read-only or frozen array, nothing can be written"
)]
pub trait Writable: Open + sealed::Writable {}

/// A mode in which this process can hold a slot: it locks, claims, and goes in step with others.
pub trait Joint: Mode {}

/// Read and write, on any backend: [`SharedArray`](crate::SharedArray).
#[derive(Clone, Copy, Debug)]
pub enum ReadWrite {}

/// Read and write on backend `memfd`, which can freeze: [`MemfdArray`](crate::MemfdArray).
#[derive(Clone, Copy, Debug)]
pub enum Memfd {}

/// Read only, kept by the kernel: [`ReadOnlyArray`](crate::ReadOnlyArray).
#[derive(Clone, Copy, Debug)]
pub enum ReadOnly {}

/// Never to be written again by anybody: [`FrozenArray`](crate::FrozenArray).
#[derive(Clone, Copy, Debug)]
pub enum Frozen {}

/// Read and write through guards and claims only: [`GuardedArray`](crate::GuardedArray).
#[derive(Clone, Copy, Debug)]
pub enum Guarded {}

pub(crate) mod sealed {
    use super::*;

    /// What the crate itself asks of a mode.
    pub trait Mode: Send + Sync + 'static {
        /// How the segment is opened.
        const ACCESS: Access;

        /// Whether arrays made in this mode are guarded.
        const GUARDED: bool = false;

        /// The elements, with as much access as the mode has.
        type Elements<T: Element, D: Dimension>: Clone;

        /// That the array is of this mode.
        fn check(array: &ErasedArray) -> Result<()>;

        /// # Safety
        /// As for [`ElementSpan::elements`].
        unsafe fn elements<T: Element, D: Dimension>(
            place: &ElementSpan<T, D>,
            region: &'static dyn Region,
        ) -> Result<Self::Elements<T, D>>;

        /// The elements for reading, which every mode has.
        fn readable<T: Element, D: Dimension>(
            elements: &Self::Elements<T, D>,
        ) -> &Elements<'static, T, D>;
    }

    /// What the crate itself asks of a mode that may write.
    pub trait Writable: Mode {
        /// The elements for writing.
        fn writable<T: Element, D: Dimension>(
            elements: &Self::Elements<T, D>,
        ) -> &ElementsMut<'static, T, D>;
    }
}

macro_rules! modes {
    ($($mode:ident: $access:ident, $elements:ident by $apply:ident, $check:expr $(, $guarded:ident)?;)*) => {$(
        impl Mode for $mode {}

        impl sealed::Mode for $mode {
            const ACCESS: Access = Access::$access;
            $(const GUARDED: bool = $guarded;)?
            type Elements<T: Element, D: Dimension> = $elements<'static, T, D>;

            fn check(array: &ErasedArray) -> Result<()> {
                $check(array)
            }

            unsafe fn elements<T: Element, D: Dimension>(
                place: &ElementSpan<T, D>,
                region: &'static dyn Region,
            ) -> Result<$elements<'static, T, D>> {
                // SAFETY: the caller's word.
                unsafe { place.$apply(region) }
            }

            fn readable<'a, T: Element, D: Dimension>(
                elements: &'a $elements<'static, T, D>,
            ) -> &'a Elements<'static, T, D> {
                elements
            }
        }
    )*};
}

modes! {
    ReadWrite: ReadWrite, ElementsMut by elements_mut,
        |array| is(array, false, Access::ReadWrite);
    Memfd: ReadWrite, ElementsMut by elements_mut,
        is_memfd;
    ReadOnly: ReadOnly, Elements by elements,
        |array| is(array, false, Access::ReadOnly);
    Frozen: ReadOnly, Elements by elements,
        is_frozen;
    Guarded: ReadWrite, ElementsMut by elements_mut,
        |array| is(array, true, Access::ReadWrite), true;
}

impl Joint for ReadWrite {}
impl Joint for Memfd {}
impl Joint for Guarded {}

impl Open for ReadWrite {}
impl Open for Memfd {}
impl Open for ReadOnly {}
impl Open for Frozen {}

macro_rules! writable {
    ($($mode:ident),*) => {$(
        impl Writable for $mode {}

        impl sealed::Writable for $mode {
            fn writable<'a, T: Element, D: Dimension>(
                elements: &'a ElementsMut<'static, T, D>,
            ) -> &'a ElementsMut<'static, T, D> {
                elements
            }
        }
    )*};
}

writable!(ReadWrite, Memfd);

/// That the array is guarded, or not, and has that access.
fn is(array: &ErasedArray, guarded: bool, access: Access) -> Result<()> {
    array.check_guarded(guarded)?;
    array.check_access(access)
}

fn is_memfd(array: &ErasedArray) -> Result<()> {
    is(array, false, Access::ReadWrite)?;
    array.segment().check_sealable()
}

/// A frozen array may be guarded: no process can write it, so readers need no guards.
fn is_frozen(array: &ErasedArray) -> Result<()> {
    if array.is_frozen() {
        return Ok(());
    }
    let missing = "F_SEAL_WRITE and F_SEAL_SEAL of a frozen memfd".into();
    Err(ErrorKind::NotSealed { missing }.into())
}

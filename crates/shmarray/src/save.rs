//! Arrays to `.npy` files.
#![allow(unsafe_code)] // reads bytes that lie in a region

use std::path::Path;

use ndarray::Dimension;
use shm_core::{Element, Order, Result, Window};
use shm_ndarray::copy_bytes;
use shm_npy::NpyWriter;
use shm_sync::Timeout;

use crate::any_array::sealed::AnyArray;
use crate::array::{Array, GuardedArray};
use crate::erased::ErasedArray;
use crate::mode::Open;

impl<T: Element, D: Dimension, M: Open> Array<T, D, M> {
    /// Writes what it shows to a `.npy` file, through a buffer of a mebibyte: in Fortran order if it
    /// lies so in memory, otherwise in C order, as NumPy does.
    ///
    /// The file appears under its path in one step, when its bytes are on the disk. Until then, and
    /// if anything fails, the old file stays. A symbolic link stays, and the file behind it is replaced, or
    /// made if there is none. Other hard links of the old file keep its contents. Others may write to the
    /// array meanwhile: elements of up to 8 bytes are not torn.
    ///
    /// # Errors
    /// [`NoSpace`](shm_core::ErrorKind::NoSpace); [`Path`](shm_core::ErrorKind::Path) if what stands there is not a
    /// regular file, or is a shared array; [`AccessDenied`](shm_core::ErrorKind::AccessDenied) if it may not be
    /// written to; [`Os`](shm_core::ErrorKind::Os).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(self.as_erased(), path.as_ref())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// As [`Array::save`], under the lock of [`read`](Self::read): nobody writes meanwhile.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and [`Array::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(self.as_erased(), path.as_ref())
    }
}

impl ErasedArray {
    /// Writes what it shows to a `.npy` file, as [`Array::save`] does, or
    /// [`GuardedArray::save`] if it is guarded.
    ///
    /// # Errors
    /// Those of [`GuardedArray::save`]; [`AccessDenied`](shm_core::ErrorKind::AccessDenied) if it is guarded
    /// and attached for reading, which cannot take the lock.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(self, path.as_ref())
    }
}

fn save(array: &ErasedArray, path: &Path) -> Result<()> {
    // Where nobody can write, nobody needs guards.
    let is_guarded = array.is_guarded() && !array.is_frozen();
    let _guard = if is_guarded { Some(array.read_within(Timeout::Forever)?) } else { None };
    let (header, window, region) = (array.header(), array.window(), array.region());
    let (order, in_memory) = order_of(&window);
    let mut writer = NpyWriter::create(path, header.dtype(), &window.shape, order)?;
    // SAFETY: region and header are of the same segment.
    unsafe { copy_bytes(header, &in_memory, region, |bytes| writer.write(bytes)) }?;
    writer.finish()
}

/// The order in which a window is saved, and the window with its axes in the order of C.
fn order_of(window: &Window) -> (Order, Window) {
    let mut in_memory = window.clone();
    if window.is_contiguous(Order::C) || !window.is_contiguous(Order::Fortran) {
        return (Order::C, in_memory);
    }
    in_memory.shape.reverse();
    in_memory.strides.reverse();
    (Order::Fortran, in_memory)
}

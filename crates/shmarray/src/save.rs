//! Arrays to `.npy` files.
#![allow(unsafe_code)] // reads bytes that lie in a region; locks what is guarded

use std::path::Path;

use ndarray::Dimension;
use shm_core::{Access, Element, ErrorKind, Order, Result, Window};
use shm_ndarray::copy_bytes;
use shm_npy::NpyWriter;
use shm_sync::{Shared, Timeout};

use crate::attachment::Attachment;
use crate::handle::Handle;
use crate::mode::Open;
use crate::{Array, ErasedArray, GuardedArray};

impl<T: Element, D: Dimension, M: Open> Array<T, D, M> {
    /// Writes what it shows to a `.npy` file, through a buffer of a mebibyte: in Fortran order if it
    /// lies so in memory, otherwise in C order, as NumPy does.
    ///
    /// The file appears under its path in one step, when its bytes are on the disk; until then, and
    /// if anything fails, what stood there before stays. A link stays a link, and the file behind
    /// it is replaced. Others may write to the array meanwhile: elements of up to 8 bytes are not
    /// poisoned.
    ///
    /// # Errors
    /// [`NoSpace`](ErrorKind::NoSpace); [`Path`](ErrorKind::Path) if something other than a
    /// regular file stands there; [`InvalidDType`](ErrorKind::InvalidDType) for field names with
    /// control characters; [`Os`](ErrorKind::Os).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(self.handle(), path.as_ref())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// As [`Array::save`], under the lock of [`read`](Self::read): nobody writes meanwhile.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and [`Array::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(self.handle(), path.as_ref())
    }
}

impl ErasedArray {
    /// Writes what it shows to a `.npy` file, as [`Array::save`] does, or
    /// [`GuardedArray::save`] if it is guarded.
    ///
    /// # Errors
    /// Those of [`GuardedArray::save`]; [`AccessDenied`](ErrorKind::AccessDenied) if it is guarded
    /// and attached for reading, which cannot take the lock.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(crate::transferable::Sealed::handle(self), path.as_ref())
    }
}

fn save(handle: &Handle, path: &Path) -> Result<()> {
    // Where nobody can write, nobody needs guards.
    let is_guarded = handle.header().guarded() && !handle.is_frozen();
    let _lock = if is_guarded { Some(lock(handle)?) } else { None };
    let (header, window, region) = (handle.header(), handle.window(), handle.region());
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

/// Waits until nobody writes a guarded array.
fn lock(handle: &Handle) -> Result<shm_sync::SharedGuard<&'_ Attachment>> {
    let name = handle.name();
    if handle.access() != Access::ReadWrite {
        let (object, access) = (format!("guarded array {name:?}"), Access::ReadWrite);
        return Err(ErrorKind::AccessDenied { object, access }.into());
    }
    // SAFETY: the segment is attached for writing, as seen right above.
    let lock = unsafe { Shared::new(handle.attachment()) }.reading(Timeout::Forever)?;
    if lock.is_poisoned() {
        return Err(ErrorKind::Poisoned { name: name.to_string() }.into());
    }
    Ok(lock)
}

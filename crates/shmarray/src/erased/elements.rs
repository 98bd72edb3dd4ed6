//! The elements of an erased array, as bytes and pointers.
#![allow(unsafe_code)] // vouches that header and region are of one segment

use std::fmt;
use std::ops::Deref;

use shm_core::{Access, DType, ErrorKind, Result, Window};
use shm_ndarray::{load_bytes, store_bytes};

use super::ErasedArray;

impl ErasedArray {
    /// Its elements, for reading.
    ///
    /// # Errors
    /// [`GuardMismatch`](ErrorKind::GuardMismatch) if it is guarded and not frozen: take a guard, which
    /// has the elements.
    pub fn elements(&self) -> Result<ErasedElements<'_>> {
        if !self.is_frozen() {
            self.check_guarded(false)?;
        }
        Ok(ErasedElements::new(self))
    }

    /// Its elements, for reading and writing.
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if this process may only read it, or if it is
    /// frozen; [`GuardMismatch`](ErrorKind::GuardMismatch) if it is guarded.
    pub fn elements_mut(&self) -> Result<ErasedElementsMut<'_>> {
        self.check_access(Access::ReadWrite)?;
        self.check_guarded(false)?;
        Ok(ErasedElementsMut::new(self))
    }
}

/// The elements that an erased array, guard or chunk shows, for reading.
///
/// The safe methods copy, and may be called while other threads and processes write: elements of 1,
/// 2, 4 and 8 bytes are never torn. Bytes are those of the array's dtype, in this machine's byte order.
#[derive(Clone, Copy)]
pub struct ErasedElements<'a> {
    array: &'a ErasedArray,
}

/// The elements that an erased array, guard or chunk shows, for reading and writing.
///
/// It has all that [`ErasedElements`] has. It takes `&self`, as the array has other handles elsewhere.
#[derive(Clone, Copy)]
pub struct ErasedElementsMut<'a> {
    // Invariant: of an array that is mapped for writing.
    elements: ErasedElements<'a>,
}

impl<'a> ErasedElements<'a> {
    pub(crate) fn new(array: &'a ErasedArray) -> Self {
        Self { array }
    }

    /// The array whose elements these are: it has their [`dtype`](ErasedArray::dtype),
    /// [`shape`](ErasedArray::shape) and [`strides`](ErasedArray::strides).
    pub fn array(&self) -> &'a ErasedArray {
        self.array
    }

    /// Where the first element lies, the one whose indices are all 0. The others follow by
    /// [`strides`](ErasedArray::strides), which are in elements.
    ///
    /// The memory stays mapped while a clone of the array, or the guard or chunk that this is of,
    /// lives. A caller that reads through the pointer makes sure that no process writes
    /// meanwhile: a guard does that, and so does a frozen array. Of an array without elements the pointer leads nowhere.
    pub fn as_ptr(&self) -> *const u8 {
        self.first()
    }

    fn first(&self) -> *mut u8 {
        let first = self.array.part().map_or(0, |part| part.offset * self.itemsize());
        // A segment is mapped whole, so its length, and with it this offset, is a usize.
        let data = usize::try_from(self.array.data_offset()).unwrap_or_default();
        self.array.region().start().as_ptr().wrapping_add(data + first)
    }

    fn itemsize(&self) -> usize {
        self.array.dtype().itemsize()
    }

    /// Copies the bytes of all elements, in C order. `dtype` says what the caller takes them for.
    ///
    /// # Errors
    /// [`DTypeMismatch`](ErrorKind::DTypeMismatch); [`LengthMismatch`](ErrorKind::LengthMismatch) if
    /// `to` does not have [`nbytes`](ErasedArray::nbytes) bytes.
    pub fn read_bytes(&self, dtype: &DType, to: &mut [u8]) -> Result<()> {
        self.check_dtype(dtype)?;
        self.load(&self.array.window(), to)
    }

    /// The bytes of the element at an index, or `None` outside the shape.
    pub fn get(&self, index: &[usize]) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.itemsize()];
        self.load(&self.window_of(index)?, &mut bytes).ok()?;
        Some(bytes)
    }

    fn load(&self, window: &Window, to: &mut [u8]) -> Result<()> {
        // SAFETY: region and header are of the same segment, and its elements are used by words of
        // their dtype only.
        unsafe { load_bytes(self.array.header(), window, self.array.region(), to) }
    }

    fn check_dtype(&self, expected: &DType) -> Result<()> {
        let found = self.array.dtype();
        if expected == found {
            return Ok(());
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Err(ErrorKind::DTypeMismatch { expected, found }.into())
    }

    /// The window of one element.
    fn window_of(&self, index: &[usize]) -> Option<Window> {
        let shown = self.array.window();
        let inside = index.len() == shown.shape.len()
            && index.iter().zip(&shown.shape).all(|(at, len)| at < len);
        if !inside {
            return None;
        }
        let steps = index.iter().zip(&shown.strides);
        let way: isize = steps.map(|(at, stride)| at.cast_signed() * stride).sum();
        let offset = shown.offset.checked_add_signed(way)?;
        Some(Window { offset, shape: Vec::new(), strides: Vec::new() })
    }
}

impl<'a> ErasedElementsMut<'a> {
    /// The array is mapped for writing.
    pub(crate) fn new(array: &'a ErasedArray) -> Self {
        Self { elements: ErasedElements::new(array) }
    }

    /// Where the first element lies, as [`as_ptr`](ErasedElements::as_ptr), for writing: a caller
    /// that writes through the pointer makes sure that nobody else reads or writes meanwhile, in any
    /// process. A guard for writing does that, and so does a chunk.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.first()
    }

    /// Writes all elements from bytes in C order. `dtype` says what they are. Safe while others read
    /// and write.
    ///
    /// # Errors
    /// [`DTypeMismatch`](ErrorKind::DTypeMismatch); [`LengthMismatch`](ErrorKind::LengthMismatch) if
    /// `from` does not have [`nbytes`](ErasedArray::nbytes) bytes.
    pub fn write_bytes(&self, dtype: &DType, from: &[u8]) -> Result<()> {
        self.check_dtype(dtype)?;
        self.store(&self.array.window(), from)
    }

    /// Writes the element at an index. Safe while others read and write.
    ///
    /// # Errors
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) outside the shape;
    /// [`LengthMismatch`](ErrorKind::LengthMismatch) if these are not the bytes of one element.
    pub fn set(&self, index: &[usize], bytes: &[u8]) -> Result<()> {
        let Some(window) = self.window_of(index) else {
            let shape = self.array.shape();
            let reason =
                format!("index {index:?} is out of bounds for an array of shape {shape:?}");
            return Err(ErrorKind::OutOfBounds { reason }.into());
        };
        self.store(&window, bytes)
    }

    fn store(&self, window: &Window, from: &[u8]) -> Result<()> {
        // SAFETY: as in `load`.
        unsafe { store_bytes(self.array.header(), window, self.array.region(), from) }
    }
}

impl<'a> Deref for ErasedElementsMut<'a> {
    type Target = ErasedElements<'a>;

    fn deref(&self) -> &ErasedElements<'a> {
        &self.elements
    }
}

impl fmt::Debug for ErasedElements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedElements").field(self.array).finish()
    }
}

impl fmt::Debug for ErasedElementsMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedElementsMut").field(self.array).finish()
    }
}

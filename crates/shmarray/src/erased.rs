//! Arrays whose type is known at run time only: the one handle, with all that needs no element type.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::sync::Arc;

use shm_core::{
    Access, BackendKind, Cleanup, DType, ErrorKind, Header, Name, Order, Paging, Region, Result,
    Window,
};
use shm_ndarray::slice_window;
use shm_select::Selection;
use shm_sync::Participant;

use crate::attachment::Attachment;
use crate::backends::segment::{AnySegment, Mapped};
use crate::backends::{self, COMPILED};

mod chunks;
pub(crate) mod details;
pub(crate) mod elements;
mod guard;

pub use chunks::{ErasedChunk, ErasedChunks};
use details::Details;
pub use elements::{ErasedElements, ErasedElementsMut};
pub use guard::{ErasedReadGuard, ErasedWriteGuard};

/// A shared array whose type is known at run time only, as tools and bindings to other languages need
/// it: what an [`Array`](crate::Array) is inside.
///
/// It has all that an [`Array`](crate::Array) has and that needs no element type, and checks at run time what an
/// `Array` has the compiler check:
/// - bytes of elements are reached through [`elements`](Self::elements) and
///   [`elements_mut`](Self::elements_mut), which refuse a guarded array without a guard, and one that
///   this process may only read;
/// - what a guard or a chunk gives out has its elements likewise, as do [`ErasedReadGuard`],
///   [`ErasedWriteGuard`] and [`ErasedChunk`]. These are owned: they borrow nothing, and keep the
///   array attached.
///
/// ```
/// use shmarray::prelude::*;
///
/// # fn main() -> shmarray::Result<()> {
/// let dtype = "<i2".parse()?;
/// let bytes: Vec<u8> = (0..6_i16).flat_map(i16::to_le_bytes).collect();
/// let array = ErasedArray::builder(dtype, &[2, 3]).unique("erased").from_bytes(&bytes)?;
///
/// let column = array.slice(s![.., 1])?; // the same memory
/// column.elements_mut()?.set(&[0], &7_i16.to_le_bytes())?;
/// assert_eq!(array.elements()?.get(&[0, 1]), Some(vec![7, 0]));
///
/// let typed: SharedArray<i16, Ix2> = array.typed()?;
/// assert_eq!(typed.get((0, 1)), Some(7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ErasedArray {
    attachment: Arc<Attachment>,
    // Invariant: its window lies within the array.
    details: Details,
}

impl ErasedArray {
    /// The array in a segment that was made or found; with the selection, if the library chose the
    /// backend.
    #[inline]
    pub(crate) fn new(mapped: Mapped, selection: Option<Selection>) -> Result<Self> {
        Self::with_details(mapped, Details::new(selection))
    }

    /// The segment mapped again.
    #[inline]
    pub(crate) fn with_details(mapped: Mapped, details: Details) -> Result<Self> {
        Self::with_locks(mapped, details, None)
    }

    /// The array, with a file for locks if one came with it.
    pub(crate) fn with_locks(
        mapped: Mapped,
        details: Details,
        locks: Option<File>,
    ) -> Result<Self> {
        let array = Self { attachment: Attachment::new(mapped)?, details };
        array.check_lockable(locks)?;
        Ok(array)
    }

    pub(crate) fn open(name: &str, access: Access) -> Result<Self> {
        let name = Name::new(name)?;
        let named = COMPILED.contains(&BackendKind::Shm);
        // An array of this process goes before one that the whole machine sees.
        if backends::is_anonymous(&name) || (!named && COMPILED.contains(&BackendKind::Mmap)) {
            match backends::attach(BackendKind::Mmap, &name, access) {
                Err(error) if named && matches!(error.kind(), ErrorKind::NotFound { .. }) => {}
                found => return Self::new(found?, None),
            }
        }
        Self::new(backends::attach(BackendKind::Shm, &name, access)?, None)
    }

    /// Attaches by name for reading and writing: to an anonymous array of this process, or else
    /// to a named segment.
    ///
    /// # Errors
    /// As for [`Array::attach`](crate::Array::attach), but for those on its type.
    pub fn attach(name: &str) -> Result<Self> {
        Self::open(name, Access::ReadWrite)
    }

    /// Attaches by name for reading.
    ///
    /// # Errors
    /// As for [`attach`](Self::attach).
    pub fn attach_read_only(name: &str) -> Result<Self> {
        Self::open(name, Access::ReadOnly)
    }

    /// Its name, as [`Array::name`](crate::Array::name).
    pub fn name(&self) -> &Name {
        self.details.name(self.header())
    }

    /// The type of its elements.
    pub fn dtype(&self) -> &DType {
        self.header().dtype()
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        self.details.shape(self.header())
    }

    /// Distance of neighbours along each axis, in elements; may be negative.
    pub fn strides(&self) -> Cow<'_, [isize]> {
        let whole = || Cow::Owned(self.header().layout().strides());
        self.part().map_or_else(whole, |part| Cow::Borrowed(part.strides.as_slice()))
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements that it shows.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether it shows no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the elements that it shows, in bytes.
    pub fn nbytes(&self) -> usize {
        self.len() * self.dtype().itemsize()
    }

    /// Which index changes fastest in the memory of the whole array.
    pub fn order(&self) -> Order {
        self.header().layout().order()
    }

    /// Where the first element of the whole array lies in the segment, in bytes, as
    /// [`Array::data_offset`](crate::Array::data_offset).
    pub fn data_offset(&self) -> u64 {
        self.header().data_offset()
    }

    /// How many participants can hold a slot at the same time, as [`Array::slots`](crate::Array::slots).
    pub fn slots(&self) -> u32 {
        self.header().slot_count()
    }

    /// The backend that it is on.
    pub fn backend(&self) -> BackendKind {
        self.segment().kind()
    }

    /// The access that this process has.
    pub fn access(&self) -> Access {
        self.segment().access()
    }

    /// Which pages its memory here asks of the kernel, and why not huge ones.
    pub fn paging(&self) -> Paging {
        self.region().paging()
    }

    /// When its name is removed, and by whom.
    pub fn cleanup(&self) -> Cleanup {
        self.header().cleanup()
    }

    /// How its backend was chosen, where that was left to the library.
    pub fn selection(&self) -> Option<&Selection> {
        self.details.selection()
    }

    /// Whether the kernel refuses every writer.
    pub fn is_frozen(&self) -> bool {
        self.segment().is_frozen()
    }

    /// Whether its elements are reached through guards and claims only, while it is not frozen.
    pub fn is_guarded(&self) -> bool {
        self.header().guarded()
    }

    /// The participants, as [`Array::participants`](crate::Array::participants).
    ///
    /// # Errors
    /// [`Os`](ErrorKind::Os).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        shm_sync::participants(&**self.attachment())
    }

    /// Whether anybody else is attached, as [`Array::has_others`](crate::Array::has_others).
    ///
    /// # Errors
    /// [`Os`](ErrorKind::Os).
    pub fn has_others(&self) -> Result<Option<bool>> {
        self.segment().has_others()
    }

    /// A part of it, as [`Array::slice`](crate::Array::slice): `s![..]` for as many axes as there are, or a slice of
    /// [`SliceInfoElem`](ndarray::SliceInfoElem). The same memory.
    ///
    /// # Errors
    /// [`NdimMismatch`](ErrorKind::NdimMismatch) for another number of axes; those of
    /// [`Array::slice`](crate::Array::slice).
    pub fn slice(&self, info: impl AsRef<[ndarray::SliceInfoElem]>) -> Result<Self> {
        Ok(self.showing(slice_window(&self.window(), info.as_ref())?))
    }

    /// Its elements in another shape, as [`Array::reshape`](crate::Array::reshape). The same memory.
    ///
    /// # Errors
    /// Those of [`Array::reshape`](crate::Array::reshape).
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        let (order, itemsize) = (self.order(), self.dtype().itemsize());
        Ok(self.showing(self.window().reshape(shape, order, itemsize)?))
    }

    /// A clone that goes by another name in this process, as [`Array::renamed`](crate::Array::renamed).
    ///
    /// # Errors
    /// [`InvalidName`](ErrorKind::InvalidName).
    pub fn renamed(&self, name: &str) -> Result<Self> {
        let mut other = self.clone();
        other.details.set_name(Name::new(name)?);
        Ok(other)
    }

    /// Removes the OS object's name, as [`Array::destroy`](crate::Array::destroy).
    ///
    /// # Errors
    /// As for [`Array::destroy`](crate::Array::destroy).
    pub fn destroy(&self) -> Result<()> {
        self.segment().destroy()
    }

    /// The same memory, another part of it. The window has been checked.
    pub(crate) fn showing(&self, window: Window) -> Self {
        let mut other = self.clone();
        other.show(window);
        other
    }

    pub(crate) fn show(&mut self, window: Window) {
        let is_whole = window.is_whole(self.header().layout());
        self.details.set_window((!is_whole).then_some(window));
    }

    #[inline]
    pub(crate) fn attachment(&self) -> &Arc<Attachment> {
        &self.attachment
    }

    /// Whether nothing else in this process holds the attachment: no clone, view, guard or chunk.
    pub(crate) fn is_only_handle(&self) -> bool {
        Arc::strong_count(&self.attachment) == 1
    }

    pub(crate) fn into_parts(self) -> (Arc<Attachment>, Details) {
        (self.attachment, self.details)
    }

    pub(crate) fn region(&self) -> &(dyn Region + 'static) {
        self.attachment.region()
    }

    pub(crate) fn segment(&self) -> &AnySegment {
        self.attachment.segment()
    }

    pub(crate) fn header(&self) -> &Header {
        self.segment().header()
    }

    /// The part that it shows, if not the whole.
    pub(crate) fn part(&self) -> Option<&Window> {
        self.details.window()
    }

    /// The part that it shows, or the window of the whole.
    pub(crate) fn window(&self) -> Cow<'_, Window> {
        let whole = || Cow::Owned(Window::whole(self.header().layout()));
        self.part().map_or_else(whole, Cow::Borrowed)
    }

    /// For `Debug`: name, backend, type and shape.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.segment(), &self.details, f)
    }

    /// That this process may use it so.
    pub(crate) fn check_access(&self, access: Access) -> Result<()> {
        if self.access() == access {
            return Ok(());
        }
        let object = format!("array {:?}, attached for {},", self.name().as_str(), self.access());
        Err(ErrorKind::AccessDenied { object, access }.into())
    }

    /// That it shows the whole array, of which chunks are.
    pub(crate) fn check_whole(&self) -> Result<()> {
        if self.part().is_none() {
            return Ok(());
        }
        let (shown, whole) = (self.shape().to_vec(), self.header().layout().shape().to_vec());
        let operation = "sharing out an array in chunks";
        Err(ErrorKind::NotWhole { operation, whole, shown }.into())
    }

    /// That it is guarded, or that it is not.
    pub(crate) fn check_guarded(&self, guarded: bool) -> Result<()> {
        if self.is_guarded() == guarded {
            return Ok(());
        }
        let name = self.name().to_string();
        Err(ErrorKind::GuardMismatch { name, guarded: !guarded }.into())
    }
}

/// For `Debug`: name, backend, type and shape.
pub(crate) fn describe(
    segment: &AnySegment,
    details: &Details,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (header, backend) = (segment.header(), segment.kind());
    let (name, dtype, shape) = (details.name(header), header.dtype(), details.shape(header));
    write!(f, "{:?} on {backend}, {dtype} {shape:?}", name.as_str())
}

impl fmt::Debug for ErasedArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedArray(")?;
        self.describe(f)?;
        f.write_str(")")
    }
}

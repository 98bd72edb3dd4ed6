//! The arrays that are mapped into this process, by address.

use std::collections::BTreeMap;
use std::ops::Range;
#[cfg(feature = "shm")]
use std::sync::Arc;

use shm_core::{Access, BackendKind, DType, Name, Region};
use shm_presence::fork::ForkSafe;

use crate::backends::segment::AnySegment;

/// Where a view lies, as [`containing`](crate::memory::containing) tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The array's own name, also if the view was made of a clone that was
    /// [`renamed`](crate::Array::renamed).
    pub name: Name,
    /// The backend that it is on: `Shm` for a raw segment, too.
    pub backend: BackendKind,
    /// The type of its elements.
    pub dtype: DType,
    /// Its whole shape, in elements.
    pub shape: Vec<usize>,
    /// The access that this mapping of it gives.
    pub access: Access,
    /// From the first byte of the array to the view's first element, in bytes.
    pub offset: usize,
}

/// The bytes of a view, and among them the one that its first element begins with.
#[derive(Debug)]
pub struct Extent {
    pub(crate) first: usize,
    pub(crate) bytes: Range<usize>,
}

impl Extent {
    pub(crate) fn of<T>(first: *const T, shape: &[usize], strides: &[isize]) -> Option<Self> {
        let (first, itemsize) = (first.addr(), size_of::<T>());
        if itemsize == 0 || shape.contains(&0) {
            return None;
        }
        let mut bytes = first..first.checked_add(itemsize)?;
        for (len, stride) in shape.iter().zip(strides) {
            let step = stride.checked_mul(itemsize.try_into().ok()?)?;
            let way = step.checked_mul((len - 1).try_into().ok()?)?;
            let end = if way < 0 { &mut bytes.start } else { &mut bytes.end };
            *end = end.checked_add_signed(way)?;
        }
        Some(Self { first, bytes })
    }
}

/// Whose memory it is.
pub(crate) enum Belongs {
    ToSegment(AnySegment),
    #[cfg(feature = "shm")]
    ToRaw(Arc<Located>),
}

impl Belongs {
    fn located(&self, offset: usize) -> Located {
        match self {
            Self::ToSegment(segment) => {
                let header = segment.header();
                Located {
                    name: header.name().clone(),
                    backend: segment.kind(),
                    dtype: header.dtype().clone(),
                    shape: header.layout().shape().to_vec(),
                    access: segment.access(),
                    offset,
                }
            }
            #[cfg(feature = "shm")]
            Self::ToRaw(located) => Located { offset, ..Located::clone(located) },
        }
    }
}

/// An array that is mapped into this process: the address behind its last byte, and whose it is.
struct MappedArray {
    end: usize,
    owner: Belongs,
}

/// By the address of the first byte, and a number: two attachments may share a mapping.
type Key = (usize, u64);

struct Arrays {
    mapped: BTreeMap<Key, MappedArray>,
    /// How many there have been.
    count: u64,
}

/// No step with it may drop an owner, whose end may come here too.
static ARRAYS: ForkSafe<Arrays> = ForkSafe::new(Arrays { mapped: BTreeMap::new(), count: 0 });

/// Whether an array has these bytes.
pub(crate) fn is_known(extent: &Extent) -> bool {
    ARRAYS.with(|arrays| arrays.find(extent).is_some())
}

/// The array that has these bytes.
pub(crate) fn find(extent: &Extent) -> Option<Located> {
    ARRAYS.with(|arrays| {
        let (start, array) = arrays.find(extent)?;
        Some(array.owner.located(extent.first - start))
    })
}

impl Arrays {
    /// The array that has these bytes, and where it begins. Mappings do not overlap: it is the last
    /// one that begins at or before them.
    fn find(&self, extent: &Extent) -> Option<(usize, &MappedArray)> {
        let (key, array) = self.mapped.range(..=(extent.bytes.start, u64::MAX)).next_back()?;
        (extent.bytes.end <= array.end).then_some((key.0, array))
    }
}

/// While it lives, the array is found by its addresses. Drop it before the array is unmapped, as its
/// addresses may belong to another mapping then. An array without elements lies nowhere.
pub(crate) struct Registration(Option<Key>);

impl Registration {
    /// Registers the array of `len` bytes that begins `offset` bytes into its region.
    pub(crate) fn new(region: &dyn Region, offset: u64, len: usize, owner: Belongs) -> Self {
        let mapped = region.start().addr().get();
        let start = mapped.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
        let end = start.saturating_add(len).min(mapped + region.len());
        if start >= end {
            return Self(None);
        }
        ARRAYS.with(|arrays| {
            arrays.count += 1;
            let key = (start, arrays.count);
            arrays.mapped.insert(key, MappedArray { end, owner });
            Self(Some(key))
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(key) = self.0 else { return };
        let gone = ARRAYS.with(|arrays| arrays.mapped.remove(&key));
        drop(gone);
    }
}

#[cfg(all(test, feature = "mmap"))]
mod tests {
    use super::*;
    use crate::any_array::sealed::AnyArray;
    use crate::array::SharedArray;

    #[test]
    fn what_is_dropped_has_left() {
        let builder = SharedArray::<u8, _>::builder(3).unique("leaves").backend(BackendKind::Mmap);
        let array = builder.zeros().unwrap();
        let segment = || Belongs::ToSegment(array.as_erased().segment().clone());
        let registration = Registration::new(array.as_erased().region(), 0, 3, segment());
        let key = registration.0.unwrap();
        let is_in = || ARRAYS.with(|arrays| arrays.mapped.contains_key(&key));
        assert!(is_in());
        drop(registration);
        assert!(!is_in());
        assert!(Registration::new(array.as_erased().region(), 0, 0, segment()).0.is_none());
    }
}

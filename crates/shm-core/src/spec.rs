//! What a new segment is to be.

use crate::dtype::DType;
use crate::layout::Layout;
use crate::name::Name;
use crate::options::{Align, Cleanup, Commit, Pages};

/// Slots of an array that is made without a number of them: so many participants can hold one of their
/// own at the same time.
pub const DEFAULT_SLOTS: u32 = 128;

/// What a new segment is to be.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The array's name.
    pub name: Name,
    /// The type of the elements.
    pub dtype: DType,
    /// The shape and order.
    pub layout: Layout,
    /// When memory is reserved.
    pub commit: Commit,
    /// Which pages it is to be in.
    pub pages: Pages,
    /// Who removes it.
    pub cleanup: Cleanup,
    /// How the first element is aligned.
    pub align: Align,
    /// Whether to replace what bears the name; those attached to it keep it.
    pub force: bool,
    /// Whether its elements are reached through guards and claims only.
    pub guarded: bool,
    /// How many participants can hold a slot at the same time: 1 to [`MAX_SLOTS`](crate::MAX_SLOTS).
    pub slots: u32,
}

impl Spec {
    /// An array of that name, dtype and layout, with defaults for everything else.
    #[inline]
    pub fn new(name: Name, dtype: DType, layout: Layout) -> Self {
        let (commit, pages, cleanup, align) = Default::default();
        let (force, guarded, slots) = (false, false, DEFAULT_SLOTS);
        Self { name, dtype, layout, commit, pages, cleanup, align, force, guarded, slots }
    }
}

//! How a guard, a chunk, a seat or a counter holds its array: it borrows a handle, or it owns one.
#![allow(unsafe_code)] // passes on that words are mapped for writing

use std::sync::Arc;

use shm_core::{Access, Result};
use shm_sync::{Shared, SharedWords};

use crate::attachment::Attachment;
use crate::erased::ErasedArray;

/// How a guard, a chunk, a seat at the barrier or a counter holds its array: [`Borrowed`] or
/// [`Owned`].
pub trait Hold: sealed::Hold {}

/// It borrows the handle that gave it.
#[derive(Clone, Copy, Debug)]
pub enum Borrowed {}

/// It keeps the array attached, whatever becomes of the handle that gave it: it is `'static`.
#[derive(Clone, Copy, Debug)]
pub enum Owned {}

pub(crate) mod sealed {
    use super::*;

    /// What the crate itself asks of it.
    pub trait Hold: 'static {
        /// What holds the attachment.
        type Attachment<'a>: SharedWords + Clone;

        /// The attachment of an array, held.
        fn attachment(array: &ErasedArray) -> Self::Attachment<'_>;
    }
}

impl Hold for Borrowed {}

impl sealed::Hold for Borrowed {
    type Attachment<'a> = &'a Attachment;

    #[inline]
    fn attachment(array: &ErasedArray) -> &Attachment {
        array.attachment()
    }
}

impl Hold for Owned {}

impl sealed::Hold for Owned {
    type Attachment<'a> = Arc<Attachment>;

    fn attachment(array: &ErasedArray) -> Arc<Attachment> {
        Arc::clone(array.attachment())
    }
}

impl ErasedArray {
    /// Where this process meets others in the segment.
    ///
    /// # Safety
    /// The array is attached for writing.
    #[inline]
    pub(crate) unsafe fn shared<H: Hold>(&self) -> Shared<H::Attachment<'_>> {
        // SAFETY: the caller's word.
        unsafe { Shared::new(H::attachment(self)) }
    }

    /// The same, if the array is attached for writing.
    pub(crate) fn owned_words(&self) -> Result<Shared<Arc<Attachment>>> {
        self.check_access(Access::ReadWrite)?;
        // SAFETY: as was checked.
        Ok(unsafe { self.shared::<Owned>() })
    }
}

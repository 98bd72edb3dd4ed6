//! How an array lies in memory: its elements, its pages, and the array that some memory belongs to.

pub use shm_core::{Layout, MAX_NDIM, Paging, Window};
pub use shm_ndarray::{Elements, ElementsMut};

pub use crate::addresses::Located;
pub use crate::located::{Locate, containing, is_shared};

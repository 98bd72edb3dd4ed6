//! Arrays from `.npy` files: see [`SharedArray::load`](crate::SharedArray::load) and
//! [`Array::save`](crate::Array::save).

pub use crate::load::loadable::Loadable;
pub use crate::load::{Load, Loaded};

//! What can be handed to another process.

use crate::handle::Handle;

/// An array of any kind, to be handed to another process: [`Array`](crate::Array) and
/// [`ErasedArray`](crate::ErasedArray).
pub trait Transferable: Sealed {}

/// What the crate itself asks of it.
pub trait Sealed {
    /// The hold that is handed over.
    fn handle(&self) -> &Handle;
}

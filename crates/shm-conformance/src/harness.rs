//! What a backend tells about itself to be tested.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{
    Attached, Backend, DType, Handover, Identified, Layout, Name, Named, Order, ScalarKind, Spec,
};

/// The segments of a harness's backend.
pub type SegmentOf<H> = <<H as Harness>::Backend as Backend>::Segment;
/// What attaching starts from on a harness's backend.
pub type SourceOf<H> = <<H as Harness>::Backend as Backend>::Source;
/// A segment with its mapping, on a harness's backend.
pub type AttachedOf<H> = Attached<SegmentOf<H>>;

/// A backend under test.
pub trait Harness {
    /// The backend.
    type Backend: Backend;

    /// The backend, as users get it.
    fn backend() -> Self::Backend;

    /// What another process would attach from.
    fn source(attached: &AttachedOf<Self>) -> SourceOf<Self>;

    /// The OS objects that bear this name, or are on their way to it: none once nobody is attached.
    fn leftovers(name: &Name) -> Vec<String>;
}

/// A backend whose segments are found and removed by name.
pub trait NamedHarness: Harness<Backend: Named> {
    /// What attaching by that name starts from.
    fn source_of(name: &Name) -> SourceOf<Self>;
}

/// A backend whose segments are handed over by descriptor.
pub trait HandoverHarness: Harness<Backend: Backend<Segment: Handover>> {
    /// What attaching starts from after receiving a descriptor.
    fn source_of_fd(fd: OwnedFd, name: &Name) -> SourceOf<Self>;
}

/// A backend whose participants the kernel tells alive from dead.
pub trait IdentityHarness: Harness<Backend: Backend<Segment: Identified>> {}

impl<H: Harness<Backend: Backend<Segment: Identified>>> IdentityHarness for H {}

/// A name that no other test, process or run has.
pub fn unique_name(what: &str) -> Name {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    Name::new(format!("{}{count}-{what}", prefix())).unwrap()
}

/// How the names of this process begin.
pub(crate) fn prefix() -> String {
    format!("shmarray-test-{}-", std::process::id())
}

/// A small array of so many `u64`, under that name.
pub fn spec(name: &Name, len: usize) -> Spec {
    let layout = Layout::new([len], Order::C, 8).unwrap();
    Spec::new(name.clone(), DType::native(ScalarKind::UInt(8)), layout)
}

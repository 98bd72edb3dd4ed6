//! Anonymous shared mappings (`mmap`): no name in any file system, independent of `/dev/shm`,
//! reached by forked descendants only.
//!
//! A process finds them by name in a registry of its own, which a forked child inherits. There is
//! nothing to clean up: the memory goes with the last process that has it. There is no handle
//! either, so nothing here can be passed to a process that was not forked: no `Handover`.
//!
//! Locks on slots need a file all the same: one that carries no data, which a process makes with its
//! first anonymous array and keeps for all of them, up to 128 at a time; the next ones get another. Where
//! the system refuses the first, arrays work, and only their
//! [`slot_locks`](shm_core::Identified::slot_locks) do not.
//!
//! This crate does not choose a backend, knows no element types and makes no view.
//!
//! - `registry.rs`: names of this process, across forks at any instant;
//! - `segment.rs`: a mapping that this process has;
//! - `lock_file.rs`: the files that carry the locks.
//!
//! See mmap(2), `MAP_ANONYMOUS` and `MAP_SHARED`.
#![deny(unsafe_code)]

mod lock_file;
mod os;
mod registry;
mod segment;

use shm_core::{
    Access, Attached, Backend, BackendKind, Commit, ErrorKind, Fill, Header, Name, Named, Region,
    Result, Spec,
};
use shm_map::{Home, Mapping, PagePlan, check_machine, fill_in_memory};
use shm_presence::stamp;

pub use segment::AnonSegment;

/// The anonymous backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anon;

impl Anon {
    /// Whether an array of this process bears the name at this moment.
    pub fn is_known(&self, name: &Name) -> bool {
        registry::is_known(name)
    }
}

impl Backend for Anon {
    const KIND: BackendKind = BackendKind::Mmap;
    type Segment = AnonSegment;
    type Source = Name;

    /// Memory is promised by `mmap` itself, so [`Commit::Reserve`] has nothing to add.
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<AnonSegment>> {
        let header = Header::new(spec, stamp())?;
        let len = header.mapped_len();
        let plan = PagePlan::new(spec.pages, Home::Kernel, &header, fill.as_ref());
        let mapping = plan.carry_out(fill, |plan, fill| {
            if spec.commit != Commit::Lazy && !plan.is_hugetlb() {
                check_machine(header.segment_len())?;
            }
            let mapping = Mapping::anonymous_in_pages(len, plan)?;
            if spec.commit == Commit::Populate {
                mapping.populate(None)?;
            }
            if let Some(fill) = fill {
                fill_in_memory(&mapping, &header, plan, fill)?;
            }
            Ok(mapping)
        })?;
        let array = registry::publish(header, mapping, spec.force)?;
        let segment = AnonSegment::with_access(array, Access::ReadWrite);
        tracing::debug!(name = %spec.name, bytes = len, "created on mmap");
        segment.attached()
    }

    fn attach(&self, name: Name, access: Access) -> Result<Attached<AnonSegment>> {
        let segment = registry::find(&name)
            .map(|array| AnonSegment::with_access(array, access))
            .ok_or_else(|| ErrorKind::NotFound {
                name: name.to_string(),
                backend: BackendKind::Mmap,
                hint: "anonymous arrays are reached only by the process that made them and the \
                       children it forks afterwards",
            })?;
        let attached = segment.attached()?;
        tracing::debug!(%name, bytes = attached.region.len(), %access, "attached on mmap");
        Ok(attached)
    }
}

impl Named for Anon {
    /// Removes the name from the registry of this process; children forked before keep theirs.
    fn delete(&self, name: &Name) -> Result<bool> {
        registry::withdraw(name, None);
        Ok(true)
    }
}

//! `iceoryx2`: the shared memory and the barrier below its services, and a service.
#![allow(unsafe_code)] // a barrier in a shared page

use iceoryx2::prelude::*;
use iceoryx2_bb_container::semantic_string::SemanticString;
use iceoryx2_bb_posix::barrier::{BarrierBuilder, BarrierHandle, Handle};
use iceoryx2_bb_posix::shared_memory::{
    AccessMode, CreationMode, Permission, SharedMemory, SharedMemoryBuilder,
};
use iceoryx2_bb_system_types::file_name::FileName;

use super::fresh;
use crate::pair::shared_page;
use crate::row::{Run, each};

fn name() -> FileName {
    FileName::new(shmarray::names::unique_name("bench").unwrap().as_str().as_bytes()).unwrap()
}

/// With its defaults: the bytes are set to zero, which touches them.
fn segment(name: &FileName, bytes: usize) -> SharedMemory {
    let builder = SharedMemoryBuilder::new(name).creation_mode(CreationMode::CreateExclusive);
    builder.size(bytes).permission(Permission::OWNER_ALL).create().unwrap()
}

pub(super) fn create(bytes: usize) -> Run {
    let name = name();
    each(move || segment(&name, bytes))
}

pub(super) fn attach(bytes: usize) -> Run {
    let name = name();
    let made = segment(&name, bytes);
    each(move || {
        let found = SharedMemoryBuilder::new(made.name()).open_existing(AccessMode::Read).unwrap();
        std::hint::black_box(found.as_slice()[0])
    })
}

/// Not set to zero before, as its services do not either.
pub(super) fn fill(bytes: usize) -> Run {
    let name = name();
    fresh::filled(bytes, move |from| {
        let builder = SharedMemoryBuilder::new(&name).creation_mode(CreationMode::CreateExclusive);
        let builder = builder.size(bytes).permission(Permission::OWNER_ALL).zero_memory(false);
        let mut made = builder.create().unwrap();
        made.as_mut_slice().copy_from_slice(from);
        made
    })
}

/// What its services have in common, which stays in `/dev/shm` when they are gone, under a prefix of
/// this process; removed when dropped.
struct Common(String);

impl Drop for Common {
    fn drop(&mut self) {
        for entry in std::fs::read_dir("/dev/shm").unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with(&self.0) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

/// A node, in which services are made.
struct Services {
    node: Node<ipc::Service>,
    _common: Common,
}

impl Services {
    fn new() -> Self {
        set_log_level(LogLevel::Error);
        let name = name();
        let common = Common(name.to_string());
        let mut config = Config::default();
        config.global.prefix = name;
        let node = NodeBuilder::new().config(&config).create().unwrap();
        Self { node, _common: common }
    }
}

/// A service with a publisher that has room for such a message, in a node that is there already.
pub(super) fn create_service(bytes: usize) -> Run {
    let services = Services::new();
    let name = ServiceName::new("bench").unwrap();
    each(move || {
        let services = &services;
        let service = services.node.service_builder(&name).publish_subscribe::<[u8]>();
        let service = service.create().unwrap();
        let publisher = service.publisher_builder().initial_max_slice_len(bytes).create().unwrap();
        (publisher, service)
    })
}

/// Work at a barrier for two.
pub(super) fn wait() -> impl Fn(u64) + Copy + 'static {
    let at = shared_page().cast::<BarrierHandle>();
    // SAFETY: a page for it alone.
    unsafe { at.write(BarrierHandle::new()) };
    // SAFETY: written above, and never unmapped.
    let handle: &'static BarrierHandle = unsafe { &*at };
    let barrier = BarrierBuilder::new(2).is_interprocess_capable(true).create(handle).unwrap();
    let barrier: &'static _ = Box::leak(Box::new(barrier));
    move |count| (0..count).for_each(|_| barrier.wait())
}

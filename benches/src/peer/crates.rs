//! Which crates take part in which row.

use std::path::PathBuf;

use super::{Who, iceoryx2, ipc_channel, memmap2, ndarray_npy, raw_sync, shared_memory};
use crate::pair::together;
use crate::row::Contender;

/// Contenders that make so many bytes, mapped, and destroy them.
pub(crate) fn create(bytes: usize) -> Vec<Contender> {
    let mut all = create_untouched(bytes);
    all.push(Contender::peer("iceoryx2 service", move || iceoryx2::create_service(bytes)));
    all
}

/// The same where nobody needs the bytes touched: those that touch them all the same take part.
pub(crate) fn create_untouched(bytes: usize) -> Vec<Contender> {
    vec![
        Contender::peer("shared_memory", move || shared_memory::create(bytes)),
        Contender::peer("memmap2", move || memmap2::create(bytes)),
        Contender::peer("ipc-channel", move || ipc_channel::create(bytes)),
        Contender::peer("iceoryx2", move || iceoryx2::create(bytes)),
    ]
}

/// Contenders that attach by name to so many bytes, read one, and detach.
pub(crate) fn attach(bytes: usize) -> Vec<Contender> {
    vec![
        Contender::peer("shared_memory", move || shared_memory::attach(bytes)),
        Contender::peer("memmap2", move || memmap2::attach(bytes)),
        Contender::peer("iceoryx2", move || iceoryx2::attach(bytes)),
    ]
}

/// Contenders that hand so many bytes to another process on the same core, which maps them, reads
/// one and answers.
pub(crate) fn pass(bytes: usize) -> Vec<Contender> {
    vec![Contender::peer("ipc-channel", move || ipc_channel::pass(bytes))]
}

/// Contenders that make so many bytes and fill them from a warm buffer, by one thread.
pub(crate) fn fill(bytes: usize) -> Vec<Contender> {
    vec![
        Contender::peer("shared_memory", move || shared_memory::fill(bytes)),
        Contender::peer("memmap2", move || memmap2::fill(bytes)),
        Contender::peer("ipc-channel", move || ipc_channel::fill(bytes)),
        Contender::peer("iceoryx2", move || iceoryx2::fill(bytes)),
    ]
}

/// Contenders that do so and then sum all of it up. The others map it as these do.
pub(crate) fn fill_and_read(bytes: usize) -> Vec<Contender> {
    vec![
        Contender::peer("shared_memory", move || shared_memory::fill_and_read(bytes)),
        Contender::peer("memmap2", move || memmap2::fill_and_read(bytes)),
    ]
}

/// Contenders that have the `f32` elements of a `.npy` file, so many bytes at its end, in fresh shared
/// memory. `file` makes it.
pub(crate) fn load(file: fn() -> PathBuf, bytes: usize) -> Vec<Contender> {
    vec![
        Contender::peer("shared_memory", move || shared_memory::load(&file(), bytes)),
        Contender::peer("memmap2", move || memmap2::load(&file(), bytes)),
        Contender::peer("ndarray-npy", move || ndarray_npy::load(&file(), bytes)),
    ]
}

pub(super) fn write_lock(who: Who) -> Vec<Contender> {
    vec![Contender::peer("raw_sync Mutex", move || who.processes(raw_sync::mutex()))]
}

pub(super) fn read_lock(who: Who) -> Vec<Contender> {
    vec![Contender::peer("raw_sync RwLock", move || who.processes(raw_sync::read()))]
}

pub(super) fn barrier(cores: [usize; 2]) -> Vec<Contender> {
    vec![
        Contender::peer("raw_sync Event", move || {
            let [here, there] = raw_sync::events();
            together(cores, here, there)
        }),
        Contender::peer("iceoryx2 Barrier", move || {
            let work = iceoryx2::wait();
            together(cores, work, work)
        }),
    ]
}

//! Other libraries that do what a row does, each in a file of its own, used as its documentation
//! says. This file lists which of them takes part in which row.
//!
//! Those that are crates are built with the feature `peers` only (`crates.rs`, `without.rs`); what the
//! system and std bring is always there.

#[cfg(feature = "peers")]
mod crates;
#[cfg(not(feature = "peers"))]
#[path = "peer/without.rs"]
mod crates;
mod file_lock;
#[cfg(feature = "peers")]
mod fresh;
#[cfg(feature = "peers")]
mod iceoryx2;
#[cfg(feature = "peers")]
mod ipc_channel;
#[cfg(feature = "peers")]
mod memmap2;
#[cfg(feature = "peers")]
mod ndarray_npy;
mod pthread;
#[cfg(feature = "peers")]
mod raw_sync;
#[cfg(feature = "peers")]
mod shared_memory;
mod std_sync;

pub(crate) use crates::{attach, create, create_untouched, fill, fill_and_read, load, pass};

use crate::pair::together;
use crate::row::{Contender, Run, alone};

/// Which processes work at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// This process.
    Alone,
    /// Two processes on these cores; two threads where it cannot be shared by processes.
    Two([usize; 2]),
}

impl Who {
    /// A run of work that each does in shared memory made before the fork.
    fn processes(self, work: impl Fn(u64) + Clone + 'static) -> Run {
        match self {
            Self::Alone => alone(work),
            Self::Two(cores) => together(cores, work.clone(), work),
        }
    }
}

/// Contenders that take a lock for one and let it go.
pub(crate) fn write_lock(who: Who) -> Vec<Contender> {
    let mut all = vec![
        Contender::peer("std::sync::Mutex", move || std_sync::mutex(who)),
        Contender::peer("std::sync::RwLock", move || std_sync::write(who)),
        Contender::peer("robust pthread mutex", move || who.processes(pthread::lock())),
        Contender::peer("OFD file lock", move || who.processes(file_lock::lock())),
    ];
    all.extend(crates::write_lock(who));
    all
}

/// Contenders that take a lock for many and let it go.
pub(crate) fn read_lock(who: Who) -> Vec<Contender> {
    let mut all = vec![Contender::peer("std::sync::RwLock", move || std_sync::read(who))];
    all.extend(crates::read_lock(who));
    all
}

/// Contenders of which two meet again and again, on these cores.
pub(crate) fn barrier(cores: [usize; 2]) -> Vec<Contender> {
    let mut all = vec![
        Contender::peer("std::sync::Barrier", move || std_sync::barrier(cores)),
        Contender::peer("pthread barrier", move || {
            let work = pthread::wait();
            together(cores, work, work)
        }),
    ];
    all.extend(crates::barrier(cores));
    all
}

//! The crate `ipc-channel`: memory that is filled when it is made, and sent over a channel.

use std::cell::Cell;
use std::rc::Rc;

use ipc_channel::ipc::{IpcReceiver, IpcSender, IpcSharedMemory, channel};

use super::fresh;
use crate::pair::{Partner, stay_on};
use crate::row::{Run, each};

pub(super) fn create(bytes: usize) -> Run {
    each(move || IpcSharedMemory::from_byte(0, bytes))
}

pub(super) fn fill(bytes: usize) -> Run {
    fresh::filled(bytes, IpcSharedMemory::from_bytes)
}

/// Channels to a process that reads from what it receives, and back. They close before it is
/// waited for.
struct Link {
    there: IpcSender<IpcSharedMemory>,
    back: IpcReceiver<u8>,
    _partner: Partner,
}

impl Link {
    fn fork() -> Self {
        let (there, received) = channel::<IpcSharedMemory>().unwrap();
        let (answer, back) = channel().unwrap();
        let near = Rc::new(Cell::new(Some((there, back))));
        let far = Rc::clone(&near);
        let partner = Partner::fork(move |_| {
            drop(far.take()); // so that the channel is closed when the other process closes it
            while let Ok(memory) = received.recv() {
                answer.send(memory[0]).unwrap();
            }
        });
        let (there, back) = near.take().unwrap();
        Self { there, back, _partner: partner }
    }

    fn pass(&self, memory: &IpcSharedMemory) -> u8 {
        self.there.send(memory.clone()).unwrap();
        self.back.recv().unwrap()
    }
}

pub(super) fn pass(bytes: usize) -> Run {
    stay_on(0);
    let link = Link::fork();
    let memory = IpcSharedMemory::from_byte(1, bytes);
    each(move || link.pass(&memory))
}

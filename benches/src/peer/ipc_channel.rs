//! The crate `ipc-channel`: memory that is filled when it is made, and sent over a channel.

use std::cell::Cell;
use std::rc::Rc;

use ipc_channel::ipc::{IpcSharedMemory, channel};

use super::fresh;
use crate::Run;
use crate::pair::{Partner, stay_on};
use crate::row::each;

pub(super) fn create(bytes: usize) -> Run {
    each(move || IpcSharedMemory::from_byte(0, bytes))
}

pub(super) fn fill(bytes: usize) -> Run {
    fresh::filled(bytes, IpcSharedMemory::from_bytes)
}

pub(super) fn pass(bytes: usize) -> Run {
    let (sender, receiver) = channel::<IpcSharedMemory>().unwrap();
    let (answer, answered) = channel::<u8>().unwrap();
    let near = Rc::new(Cell::new(Some((sender, answered))));
    let far = Rc::clone(&near);
    stay_on(0);
    let partner = Partner::fork(move |_| {
        drop(far.take()); // so that the channel is closed when the other process drops them
        while let Ok(memory) = receiver.recv() {
            answer.send(memory[0]).unwrap();
        }
    });
    let (sender, answered) = near.take().unwrap();
    let memory = IpcSharedMemory::from_byte(1, bytes);
    each(move || {
        let _ = &partner;
        sender.send(memory.clone()).unwrap();
        answered.recv().unwrap()
    })
}

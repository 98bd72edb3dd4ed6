//! Handing an array to another process, which attaches to it, reads one element and answers.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use shmarray::prelude::*;
use shmarray::transfer;

use super::arrays::{SIZES, array, fresh_name};
use crate::floor::{memfd, socket};
use crate::pair::{Partner, stay_on};
use crate::peer;
use crate::row::{Contender, Goal, Row, Run, anywhere, each};

const TIMEOUT: Duration = Duration::from_secs(3600);

pub(crate) fn rows() -> Vec<Row> {
    SIZES.map(|(size, bytes)| row(size, bytes)).into()
}

/// Both processes are on one core: how far two cores are apart is not what is measured.
fn row(size: &str, bytes: usize) -> Row {
    let mut contenders =
        vec![Contender::ours(move || ours(bytes)), Contender::floor(move || floor(bytes))];
    contenders.extend(peer::pass(bytes));
    Row {
        key: format!("pass/memfd/{}", size.replace(' ', "")),
        title: format!("pass+attach+read+answer, memfd, {size}, one core"),
        floor: "whose the peer is, sendmsg; poll, recvmsg, recv, attach as above; write and read of a byte",
        bytes: None,
        goal: Some(Goal::OfFloor(1.15)),
        ready: anywhere,
        contenders,
    }
}

fn ours(bytes: usize) -> Run {
    stay_on(0);
    let made = array(&fresh_name(), BackendKind::Memfd, bytes, Commit::Auto);
    let partner = Partner::fork(answer);
    each(move || {
        transfer::send(partner.socket(), &[&made], TIMEOUT).unwrap();
        partner.socket().read_exact(&mut [0]).unwrap();
    })
}

fn answer(mut socket: &UnixStream) {
    while let Ok(received) = transfer::receive(socket, TIMEOUT) {
        for array in received {
            let array: SharedArray<u8, Ix1> = array.typed().unwrap();
            socket.write_all(&[array.get(0).unwrap()]).unwrap();
        }
    }
}

fn floor(bytes: usize) -> Run {
    stay_on(0);
    let (map, fd) = memfd::create(bytes);
    let partner = Partner::fork(answer_bare);
    each(move || {
        let _ = &map;
        socket::send(partner.socket(), fd.as_fd(), bytes);
        partner.socket().read_exact(&mut [0]).unwrap();
    })
}

fn answer_bare(mut socket: &UnixStream) {
    while let Some((fd, bytes)) = socket::receive(socket) {
        let (map, _own) = memfd::attach(fd.as_fd(), bytes);
        socket.write_all(&[map.first()]).unwrap();
    }
}

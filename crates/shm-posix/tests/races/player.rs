//! What a process of a race does, and what it finds out.

use shm_conformance::dice::Dice;
use shm_conformance::{bytes, process, spec};
use shm_core::{
    Access, Backend, Cleanup, ErrorKind, Fill, Handover, Header, Name, Named, Region, Result,
    Segment, Spec,
};
use shm_posix::{Posix, Publish};

use crate::board::{Board, Count, NAMES};
use crate::common::{Array, attach, holds};

/// An array that a process is attached to.
struct Held {
    array: Array,
    name: usize,
    file: u64,
    creator: bool,
    /// A moment since when the name has led to it, if nobody removed by name then.
    since: Option<u64>,
}

impl Held {
    fn cleanup(&self) -> Cleanup {
        self.array.segment.header().cleanup()
    }
}

fn file_of(array: &Array) -> u64 {
    rustix::fs::fstat(array.segment.file()).unwrap().st_ino
}

/// The file that a name leads to; zero for none.
pub(crate) fn file_at(name: &Name) -> u64 {
    rustix::fs::lstat(format!("/dev/shm/{name}")).map_or(0, |stat| stat.st_ino)
}

/// A process of a race.
pub(crate) struct Player<'a> {
    pub(crate) worker: usize,
    pub(crate) dice: Dice,
    pub(crate) names: &'a [Name; NAMES],
    pub(crate) board: &'a Board,
    held: Vec<Held>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(
        worker: usize,
        dice: Dice,
        names: &'a [Name; NAMES],
        board: &'a Board,
    ) -> Self {
        Self { worker, dice, names, board, held: Vec::new() }
    }

    fn a_name(&mut self) -> usize {
        self.dice.index(NAMES)
    }

    /// Creates under any policy, in any way.
    pub(crate) fn create(&mut self, force: bool) {
        let at = self.a_name();
        let cleanup = *self
            .dice
            .pick(&[Cleanup::LastOut, Cleanup::LastOut, Cleanup::Owner, Cleanup::Persist])
            .unwrap();
        let publish = *self.dice.pick(&[Publish::Unnamed, Publish::Temporary]).unwrap();
        let value = u8::try_from(1 + self.dice.below(255)).unwrap();
        let spec = Spec { force, cleanup, ..spec(&self.names[at], 32) };
        let make = || {
            let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
                bytes::fill(header, region, value);
                Ok(())
            };
            found(Posix::with_publish(publish).create(&spec, Some(Fill::InPlace(&mut fill))))
        };
        let (since, array) = if force {
            (None, self.board.while_removing(self.worker, at, make))
        } else {
            (self.board.quiet(at), make())
        };
        let Some(array) = array else { return };
        self.board.count(if force { Count::Forced } else { Count::Created });
        let file = file_of(&array);
        if cleanup == Cleanup::Persist {
            self.board.persists(at, file);
        }
        self.held.push(Held { array, name: at, file, creator: true, since });
    }

    pub(crate) fn attach(&mut self) {
        let at = self.a_name();
        let access = *self.dice.pick(&[Access::ReadOnly, Access::ReadWrite]).unwrap();
        let since = self.board.quiet(at);
        if let Some(array) = found(attach(&self.names[at], access)) {
            self.board.count(Count::Attached);
            let file = file_of(&array);
            self.held.push(Held { array, name: at, file, creator: false, since });
        }
    }

    pub(crate) fn delete(&mut self) {
        let at = self.a_name();
        let delete = || Posix::default().delete(&self.names[at]).unwrap();
        self.board.while_removing(self.worker, at, delete);
        self.board.count(Count::Deleted);
    }

    /// Takes the name of one of its arrays away.
    pub(crate) fn destroy(&mut self) {
        if let Some(held) = self.held.first() {
            self.board.give_away(held.file);
            held.array.segment.destroy().unwrap();
            self.board.count(Count::Destroyed);
        }
    }

    pub(crate) fn collect(&mut self) {
        Posix::default().collect().unwrap();
        self.board.count(Count::Collected);
    }

    /// Leaves some of its arrays; one that persists, it may destroy first, so that others can
    /// have the name.
    pub(crate) fn leave_some(&mut self) {
        while !self.held.is_empty() && !self.dice.one_in(3) {
            let at = self.dice.index(self.held.len());
            let held = self.held.swap_remove(at);
            if held.cleanup() == Cleanup::Persist && self.dice.one_in(3) {
                self.board.give_away(held.file);
                held.array.segment.destroy().unwrap();
                self.board.count(Count::Destroyed);
            }
            self.leave(held);
        }
    }

    fn leave(&self, held: Held) {
        if held.creator && held.cleanup() == Cleanup::Owner {
            self.board.give_away(held.file);
        }
        drop(held);
        self.board.count(Count::Left);
    }

    pub(crate) fn leave_all(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.leave(held);
        }
    }

    /// A child that has all that this process has, leaves it, and dies; perhaps before it has.
    /// Nothing that it does takes a name that it has inherited.
    pub(crate) fn fork(&mut self) {
        self.board.count(Count::Forked);
        let seed = self.dice.roll();
        let inherited = &mut self.held;
        let (board, names) = (self.board, self.names);
        let child = process::Child::fork(|| {
            process::die_if_hanging(100);
            let mut player = Player::new(usize::MAX, Dice::new(seed), names, board);
            player.held.append(inherited);
            player.check();
            while let Some(held) = player.held.pop() {
                drop(held); // no owner, whatever it inherited
                player.check();
            }
            player.attach();
            player.check();
            player.leave_all();
            0
        });
        match self.dice.below(3) {
            0 => assert!(child.wait().success(), "a forked child has failed, see above"),
            1 => drop(child), // killed
            _ => {
                // It lives when its parent leaves.
                self.leave_some();
                self.check();
                assert!(child.wait().success(), "a forked child has failed, see above");
            }
        }
    }

    /// Fails if an array has lost its name to nobody who may take it.
    pub(crate) fn check(&mut self) {
        let (board, names) = (self.board, self.names);
        self.held.retain_mut(|held| {
            let quiet = board.quiet(held.name);
            if holds(&held.array) {
                held.since = quiet.or(held.since);
                board.count(Count::Kept);
                return true;
            }
            let name = &names[held.name];
            let may = board.is_given_away(held.file);
            let is_clear = held.since.is_some_and(|since| board.is_now(held.name, since));
            assert!(may || !is_clear, "{name} was lost to nobody who may take it");
            board.count(if may { Count::Lost } else { Count::Unclear });
            true
        });
    }

    /// Fails if an array that is to persist is not there; for races in which nobody removes by name.
    pub(crate) fn check_persistent(&self) {
        for (at, name) in self.names.iter().enumerate() {
            assert_persists(self.board, at, name);
        }
    }
}

/// Fails if the file that is to persist under a name has lost it, and nobody may have taken it.
pub(crate) fn assert_persists(board: &Board, at: usize, name: &Name) {
    if let Some(file) = board.persistent(at) {
        let now = file_at(name);
        assert!(now == file || board.is_given_away(file), "{name} was to persist");
    }
}

/// An array, whole, or `None` if the name was taken or free.
pub(crate) fn found(result: Result<Array>) -> Option<Array> {
    match result {
        Ok(array) => {
            let data = bytes::data(array.segment.header(), &array.region);
            assert!(data[0] != 0 && data == vec![data[0]; data.len()], "poisoned: {data:?}");
            Some(array)
        }
        Err(error) => {
            let kind = error.kind();
            let is_fair =
                matches!(kind, ErrorKind::AlreadyExists { .. } | ErrorKind::NotFound { .. });
            assert!(is_fair, "{error}");
            None
        }
    }
}

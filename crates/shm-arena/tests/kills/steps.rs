//! A process is single-stepped (ptrace(2)) through an operation, and killed at an instruction of it.

use shm_arena::{Arena, Block, Geometry, META_LEN};
use shm_conformance::dice::Dice;
use shm_conformance::process::in_a_child;

use crate::assert_collected;
use crate::board::{Board, make};
use crate::support::GrowingMemfd;

type Held = Option<Block<GrowingMemfd>>;

/// What a process does before it is traced, and then.
struct Operation {
    name: &'static str,
    before: fn(&Arena<GrowingMemfd>, &Board) -> Held,
    traced: fn(&Arena<GrowingMemfd>, &Board, Held),
}

const OPERATIONS: [Operation; 6] = [
    Operation {
        name: "create",
        before: |arena, _| Some(make(arena, 64)),
        traced: |arena, _, _held| std::mem::forget(make(arena, 64)),
    },
    Operation {
        name: "attach",
        before: |arena, _| Some(make(arena, 64)),
        traced: |arena, board, _held| std::mem::forget(board.attach(arena, 0)),
    },
    Operation {
        name: "drop of one of two handles",
        before: |arena, board| board.attach(arena, 0),
        traced: |_, _, held| drop(held),
    },
    Operation {
        name: "drop of the last handle",
        before: |arena, _| Some(make(arena, 64)),
        traced: |_, _, held| drop(held),
    },
    Operation {
        name: "take a slot and grow",
        before: |_, _| None,
        traced: |arena, _, _| std::mem::forget(arena.create_block(65_536, 1, &[0; META_LEN])),
    },
    Operation {
        name: "rescue",
        before: |arena, _| {
            let mine = make(arena, 64);
            in_a_child(|| {
                std::mem::forget(make(arena, 64));
                std::mem::forget(make(arena, 65_536));
            });
            Some(mine)
        },
        traced: |arena, _, _held| _ = arena.collect(),
    },
];

pub(crate) fn killed_at_each_instruction() {
    let long = std::env::var("SHMARRAY_ARENA_KILLS").ok();
    let kills = long.map_or(10, |kills| kills.parse::<usize>().unwrap() / OPERATIONS.len());
    let geometry = Geometry::new(512, 1 << 30).unwrap();
    let arena = Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap();
    let board = Board::new();
    let kept = make(&arena, 256);
    board.tell(0, &kept);
    let mut dice = Dice::new(5);
    for Operation { name, before, traced } in OPERATIONS {
        let die_at = |at| {
            let reached =
                die_at(at, || before(&arena, &board), |held| traced(&arena, &board, held));
            assert_collected(&arena, 1, 1, &format!("{name}, killed at instruction {at}"));
            drop(make(&arena, 64)); // the next finds words that make sense
            board.check(&kept);
            reached
        };
        let all = die_at(usize::MAX);
        println!("{name}: {kills} kills at {all} instructions");
        assert!(all > 100, "{name}: {all}");
        for _ in 0..kills {
            die_at(dice.index(all));
        }
    }
    assert_eq!(board.foreign(), 0);
    drop(kept);
    assert_collected(&arena, 0, 0, "at the end");
}

/// Forks a child that does both, and kills it after `at` instructions of the second, or at its end.
/// Tells how many there were until then.
fn die_at<T>(at: usize, before: impl FnOnce() -> T, traced: impl FnOnce(T)) -> usize {
    // SAFETY: this process has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let prepared = before();
        // SAFETY: asks for being traced by the parent.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        stop();
        traced(prepared);
        stop();
        // SAFETY: ends this child without the parent's clean-up.
        unsafe { libc::_exit(0) };
    }
    assert!(child > 0 && is_stopped(child));
    let mut reached = 0;
    while reached < at {
        // SAFETY: the child is stopped, and traced by this process.
        let code = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, child, 0, 0) };
        assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
        if is_stopped(child) {
            break; // by itself: it is at its end
        }
        reached += 1;
    }
    // SAFETY: kills the child above, which has not been waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: waits for it.
    let found = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    assert_eq!(found, child);
    reached
}

/// Waits for a stop, and tells whether it is the child's own, and not one between two instructions.
fn is_stopped(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: waits for a child of this process.
    let found = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(found == child && libc::WIFSTOPPED(status), "{status:x}");
    libc::WSTOPSIG(status) == libc::SIGSTOP
}

/// Stops this process: its parent sees it.
fn stop() {
    // SAFETY: a signal to this process.
    unsafe { libc::raise(libc::SIGSTOP) };
}

//! Several processes work in one arena and are killed, again and again.

use shm_arena::{Arena, Geometry};
use shm_conformance::dice::Dice;
use shm_conformance::process::Child;

use crate::assert_collected;
use crate::board::{Board, make};
use crate::support::GrowingMemfd;

const WORKERS: usize = 2;
const LENGTHS: [u64; 5] = [64, 256, 320, 4096, 65_536];

pub(crate) fn a_storm_of_kills_leaves_nothing() {
    let asked = std::env::var("SHMARRAY_ARENA_KILLS").ok();
    let kills: u64 = asked.map_or(1000, |kills| kills.parse().unwrap());
    let geometry = Geometry::new(4096, 1 << 30).unwrap();
    let segment = GrowingMemfd::new(geometry.table_bytes());
    let arena = Arena::create(segment, geometry).unwrap();
    let board = Board::new();
    let mut dice = Dice::new(18);
    let mut start = |seed| Child::fork(|| work(&arena, &board, seed));
    let mut workers: Vec<_> = (0..WORKERS as u64).map(&mut start).collect();
    for seed in 0..kills {
        dice.dawdle(500);
        let place = dice.index(WORKERS);
        workers[place].kill();
        workers[place] = start(1000 + seed);
        // With others at work, what is found is theirs or the dead's; foreign bytes are nobody's.
        assert_eq!(board.foreign(), 0, "after {seed} kills");
    }
    for worker in &workers {
        worker.kill();
    }
    drop(workers);
    assert_collected(&arena, 0, 0, "at the end");
    let (checked, slabs) = (board.checked(), arena.stats().unwrap().slabs);
    assert!(checked > kills, "only {checked} blocks were looked at");
    // What the dead had was used again: five classes, of which each worker holds 20 blocks at most.
    assert!(slabs <= 5 * 4, "{slabs} slabs");
}

/// Works until it is killed.
fn work(arena: &Arena<GrowingMemfd>, board: &Board, seed: u64) -> i32 {
    let mut dice = Dice::new(seed);
    let mut held = Vec::new();
    loop {
        match dice.below(4) {
            0 | 1 if held.len() < 20 => {
                let block = make(arena, *dice.pick(&LENGTHS).unwrap());
                board.tell(dice.roll(), &block);
                held.push(block);
            }
            2 if held.len() < 20 => held.extend(board.attach(arena, dice.roll())),
            _ if !held.is_empty() => {
                let block = held.swap_remove(dice.index(held.len()));
                board.check(&block);
            }
            _ => {}
        }
        if let Some(block) = held.last() {
            board.check(block);
        }
    }
}

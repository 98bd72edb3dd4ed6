//! Rescues: by another process and by the next one in the slot, beside living ones, and of a rescuer.

use shm_sync::explore::{Bound, explore, explore_deaths};

use super::world::{A, B, C, World};

const BOUND: Bound = Some(3);

#[test]
fn a_rescue_beside_a_living_process_that_frees() {
    // B died in the middle of its drop, busy and without a handle, so that A, who lives, frees the
    // block: it may be between any two of those steps when C finds it dying.
    explore("a rescue beside a living process that frees", None, || {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        assert!(world.attach(B, generation));
        world.dies_after(B, 2, |world| world.leave(B, generation));
        world.spawn(move |world| world.leave(A, generation));
        world.rescue(C, B);
        // The block may be free, and then another's: what A still does must not touch it.
        if let Some(next) = world.create(C) {
            assert_eq!(world.read(), next, "taken away from its creator");
            world.join();
            world.leave(C, next);
        }
        world.ends_free(C);
    });
}

#[test]
fn a_rescuer_dies_and_is_rescued() {
    // B died with the only handle; A rescues it and may die; C rescues both.
    explore_deaths("a rescuer dies and is rescued", BOUND, |victim| {
        let world = World::new(1, 1);
        let generation = world.create(B).unwrap();
        world.dies(B);
        world.spawn_victim(victim, A, |world| world.rescue(A, B));
        world.join();
        assert!(generation > 0);
        world.ends_free(C);
    });
}

#[test]
fn a_rescuer_of_a_process_that_died_freeing_dies() {
    // B died at a step of its last drop: the death is where the model's victim stops first.
    for steps in 0..12 {
        explore_deaths("a rescuer of a process that died freeing dies", BOUND, move |victim| {
            let world = World::new(1, 1);
            let generation = world.create(B).unwrap();
            world.dies_after(B, steps, move |world| world.leave(B, generation));
            world.spawn_victim(victim, A, |world| world.rescue(A, B));
            world.spawn(|world| {
                if let Some(next) = world.create(C) {
                    world.leave(C, next);
                }
            });
            world.ends_free(C);
        });
    }
}

#[test]
fn the_next_process_in_the_slot_undoes_what_the_last_left() {
    for steps in 0..12 {
        explore_deaths("the next process in the slot dies while it undoes", BOUND, move |victim| {
            let world = World::new(1, 1);
            let generation = world.create(B).unwrap();
            world.dies_after(B, steps, move |world| world.leave(B, generation));
            // Another process in slot B, which may die too.
            world.spawn_victim(victim, B, |world| {
                world.table().rescue(B, B, world);
            });
            world.spawn(move |world| {
                if world.attach(A, generation) {
                    world.leave(A, generation);
                }
            });
            world.join();
            world.dies(B);
            world.ends_free(C);
        });
    }
}

#[test]
fn a_rescue_beside_an_attach_of_a_living_process() {
    explore_deaths("a rescue beside an attach of a living process", BOUND, |victim| {
        let world = World::new(1, 1);
        let generation = world.create(B).unwrap();
        world.dies(B);
        world.spawn_victim(victim, A, |world| world.rescue(A, B));
        world.spawn(move |world| {
            if world.attach(C, generation) {
                world.leave(C, generation);
            }
        });
        world.ends_free(C);
    });
}

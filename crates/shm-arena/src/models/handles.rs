//! Creating, attaching and dropping beside each other, with a death at each step.

use shm_sync::explore::{Bound, explore, explore_deaths};

use super::world::{A, B, C, World};

const BOUND: Bound = Some(3);

#[test]
fn two_creators_of_one_block() {
    explore("two creators of one block", Some(4), || {
        let world = World::new(1, 1);
        for me in [A, B] {
            world.spawn(move |world| {
                if let Some(generation) = world.create(me) {
                    world.leave(me, generation);
                }
            });
        }
        world.ends_free(C);
    });
}

#[test]
fn a_creator_dies_beside_another() {
    explore_deaths("a creator dies beside another", BOUND, |victim| {
        let world = World::new(1, 1);
        world.spawn_victim(victim, A, |world| {
            if let Some(generation) = world.create(A) {
                world.leave(A, generation);
            }
        });
        world.spawn(|world| {
            if let Some(generation) = world.create(B) {
                world.leave(B, generation);
            }
        });
        world.ends_free(C);
    });
}

#[test]
fn the_last_two_handles_are_dropped_at_once() {
    explore_deaths("the last two handles are dropped at once", BOUND, |victim| {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        assert!(world.attach(B, generation));
        world.spawn_victim(victim, A, move |world| world.leave(A, generation));
        world.spawn(move |world| world.leave(B, generation));
        world.ends_free(C);
    });
}

#[test]
fn an_attach_beside_the_last_drop() {
    explore_deaths("an attach beside the last drop: the one who drops dies", BOUND, |victim| {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        world.spawn_victim(victim, A, move |world| world.leave(A, generation));
        world.spawn(move |world| {
            if world.attach(B, generation) {
                world.leave(B, generation);
            }
        });
        world.ends_free(C);
    });
}

#[test]
fn an_attach_that_dies_beside_the_last_drop() {
    explore_deaths("an attach beside the last drop: the one who attaches dies", BOUND, |victim| {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        world.spawn_victim(victim, B, move |world| {
            if world.attach(B, generation) {
                world.leave(B, generation);
            }
        });
        world.spawn(move |world| world.leave(A, generation));
        world.ends_free(C);
    });
}

#[test]
fn an_attach_that_stays_beside_the_last_drop() {
    explore("an attach that stays beside the last drop", None, || {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        world.spawn(move |world| world.leave(A, generation));
        let attached = world.attach(B, generation);
        world.join();
        if attached {
            world.leave(B, generation);
        }
        world.ends_free(C);
    });
}

#[test]
fn a_stale_attach_beside_a_drop_and_a_new_array() {
    explore_deaths("a stale attach beside a drop and a new array", Some(2), |victim| {
        let world = World::new(1, 1);
        let generation = world.create(A).unwrap();
        world.spawn_victim(victim, B, move |world| {
            if world.attach(B, generation) {
                world.leave(B, generation);
            }
        });
        world.spawn(move |world| {
            world.leave(A, generation);
            if let Some(next) = world.create(A) {
                assert!(next > generation);
                world.leave(A, next);
            }
        });
        world.ends_free(C);
    });
}

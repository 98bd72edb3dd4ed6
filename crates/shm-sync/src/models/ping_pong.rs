//! Two arrays, each of which somebody has while it waits for the other: nobody waits for a turn to
//! claim what is done.

use std::rc::Rc;

use super::round::Model;
use super::world::owner;
use crate::claims::Found;
use crate::explore::explore;
use crate::lock::Class;
use crate::wait::Timeout;

/// Both arrays. Each has its own words and sleepers; the threads belong to the first.
fn arrays() -> (Rc<Model>, Rc<Model>) {
    (Model::empty(), Model::empty())
}

/// Reads one array while it does what is left of the round over the other.
fn step(slot: u32, source: &Model, destination: &Model) {
    let (lock, me) = (source.lock(), owner(slot));
    let (limit, system) = (Timeout::Forever, &source.system);
    lock.lock_shared(me, Class::Readers, system, limit, || false, || Ok(false)).unwrap();
    while destination.do_one(slot) {}
    lock.unlock_shared(me, system);
}

#[test]
fn two_workers_swap_two_arrays() {
    explore("ping-pong: 2 workers, 2 steps, 2 chunks in each", Some(2), || {
        let (one, two) = arrays();
        let other = two.clone();
        one.spawn(move |one| {
            step(1, one, &other);
            step(1, &other, one);
        });
        step(0, &one, &two);
        step(0, &two, &one);
        one.join();
    });
}

/// A worker sleeps behind a writer, who waits for the last chunk and then for what the worker reads:
/// whoever has done that chunk wakes the worker.
#[test]
fn the_last_chunk_is_done_beside_a_writer() {
    explore("ping-pong: 1 ends a round, 1 writes both arrays, 1 comes late", Some(2), || {
        let (one, two) = arrays();
        assert!(two.do_one(0));
        let (lock, claims, plan, me) = (two.lock(), two.claims(), two.plan(), owner(0));
        let (limit, system) = (Timeout::Forever, &two.system);
        lock.lock_shared(me, Class::Claimers, system, limit, || false, || Ok(false)).unwrap();
        let Found::Chunk(claim) = claims.find(me, plan, system).unwrap() else { unreachable!() };
        let reader = owner(1);
        let shared = one.lock();
        shared
            .lock_shared(reader, Class::Readers, &one.system, limit, || false, || Ok(false))
            .unwrap();
        let other = two.clone();
        one.spawn(move |one| {
            while other.do_one(1) {}
            one.lock().unlock_shared(owner(1), &one.system);
        });
        let other = two.clone();
        one.spawn(move |one| {
            let granted =
                other.lock().lock_exclusive(owner(2), &other.system, Timeout::Forever).unwrap();
            one.write(2);
            other.lock().unlock(owner(2), &other.system, granted);
        });
        claims.done(me, plan.round, claim, system);
        claims.tell_if_over(plan, &lock, system);
        lock.unlock_shared(me, system);
        one.join();
    });
}

//! Stops and deaths at an exact step, not by chance: one case for each way to stop, to die, or to forget.

use ndarray::Ix1;
use shmarray::prelude::*;

mod attachments;
mod forks;
mod holders;
mod namespaces;
mod stopped;
mod turns;

/// The tests, for `main`.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("a_stopped_worker_keeps_its_chunk", stopped::keeps),
    ("a_stopped_worker_that_is_killed_loses_its_chunk", stopped::is_killed),
    ("a_killed_parent_holds_nothing_though_its_child_lives", holders::parent_is_killed),
    ("a_word_of_somebody_dead_is_known_though_its_slot_is_taken", holders::slot_is_taken_again),
    ("a_leaked_guard_ends_with_its_process", holders::leaked),
    ("a_panic_leaves_a_poisoned_array", holders::panics),
    ("a_child_does_not_hold_the_write_guard_of_its_parent", forks::write),
    ("a_child_does_not_hold_the_read_guard_of_its_parent", forks::read),
    ("a_child_does_not_hold_the_chunk_of_its_parent", forks::chunk),
    ("a_child_does_not_have_the_place_of_its_parent", forks::place),
    ("two_attachments_of_a_process_exclude_each_other", attachments::exclude),
    ("more_participants_than_slots_are_refused", attachments::too_many),
    ("pid_namespaces_do_not_matter", namespaces::apart),
    ("two_arrays_in_ping_pong_need_no_barrier", turns::ping_pong),
    ("a_latecomer_to_a_round_that_is_over_waits_for_nobody", turns::latecomer),
    ("that_a_round_is_over_is_found_without_the_lock", turns::over),
];

type Array = GuardedArray<u64, Ix1>;

const LEN: usize = 8;

fn create(backend: BackendKind) -> Array {
    Array::builder(LEN).unique("case").backend(backend).zeros().unwrap()
}

/// Why something was refused.
fn refusal<T>(result: shmarray::Result<T>) -> String {
    let error = result.err().unwrap();
    let text = format!("{:?}", error.kind());
    text.split([' ', '(']).next().unwrap().into()
}

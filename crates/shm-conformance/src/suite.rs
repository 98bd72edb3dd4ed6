//! The lists of promises: a backend's test file names its harness, and gets one test for each.

/// What every backend promises.
#[macro_export]
macro_rules! suite {
    ($harness:ty) => {
        $crate::tests!($harness, create:
            is_zero_filled, has_the_header_asked_for, gives_an_identity_of_its_own,
            fills_before_it_returns, fills_in_order, refuses_more_than_fits, leaves_nothing_if_fill_fails, leaves_nothing_if_fill_panics,
            keeps_every_dtype, keeps_every_layout, aligns_the_data,
            gives_memory_by_every_strategy, refuses_what_cannot_be, refuses_what_does_not_fit);
        $crate::tests!($harness, attach:
            shares_the_memory, finds_the_same_header, for_reading_is_enforced_by_the_kernel,
            outlives_the_creator);
        $crate::tests!($harness, hold:
            is_for_all_threads, of_a_region_is_enough, outlives_detaching, is_shared_by_clones,
            survives_destroy, of_many_is_possible);
    };
}

/// What backends with names promise besides.
#[macro_export]
macro_rules! named_suite {
    ($harness:ty) => {
        $crate::tests!($harness, named:
            is_not_found_before, is_not_found_while_it_is_filled, goes_with_the_last_one_out,
            cannot_be_taken_twice, can_be_replaced_by_force, can_be_forced_where_it_is_free,
            is_not_taken_by_a_predecessor, is_free_after_destroy, can_be_deleted,
            may_be_anything_valid);
    };
}

/// What backends promise besides whose segments are handed over by descriptor.
#[macro_export]
macro_rules! handover_suite {
    ($harness:ty) => {
        $crate::tests!($harness, handover:
            needs_the_descriptor_only, is_closed_across_exec, for_reading_stays_so,
            works_after_destroy, works_after_its_sender);
    };
}

/// What backends promise besides whose participants the kernel tells alive from dead; across forks,
/// see [`identity_forks`](crate::identity_forks).
#[macro_export]
macro_rules! identity_suite {
    ($harness:ty) => {
        $crate::tests!($harness, identity:
            is_one_slot_each, outlives_the_attachment, is_seen_by_readers,
            is_taken_once_by_many_threads, runs_out_with_an_error);
    };
}

/// One test for each promise of a group, which must leave what it found.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($harness:ty, $group:ident: $($promise:ident),+) => {
        mod $group {
            use super::*;
            $(
                #[test]
                fn $promise() {
                    $crate::leaks::none($crate::promises::$group::$promise::<$harness>);
                }
            )+
        }
    };
}

//! What the identity of a participant promises, in one process.

use shm_core::{Access, Backend, DEFAULT_SLOTS, ErrorKind, Identified, Region, Segment};
use shm_presence::{Identity, Owner, is_held};

use crate::bytes;
use crate::harness::{AttachedOf, IdentityHarness, spec, unique_name};

/// An array with a byte for each slot's generation.
pub(crate) fn create<H: IdentityHarness>(what: &str) -> AttachedOf<H> {
    H::backend().create(&spec(&unique_name(what), DEFAULT_SLOTS as usize / 8), None).unwrap()
}

/// Takes a slot. Generations are kept in the array's data, a byte each, and skip zero.
pub(crate) fn take<H: IdentityHarness>(
    identity: &Identity,
    array: &AttachedOf<H>,
) -> shm_core::Result<Owner> {
    let data = usize::try_from(array.segment.header().data_offset()).unwrap();
    identity.take(
        || array.segment.open_locks(),
        DEFAULT_SLOTS,
        |slot| {
            let at = data + slot as usize;
            bytes::set(&array.region, at, bytes::get(&array.region, at).wrapping_add(1).max(1));
            bytes::get(&array.region, at).into()
        },
    )
}

/// Whether somebody holds that slot, as seen through that attachment.
pub(crate) fn held<H: IdentityHarness>(array: &AttachedOf<H>, slot: u32) -> bool {
    is_held(array.segment.slot_locks().unwrap(), slot).unwrap()
}

fn attach<H: IdentityHarness>(array: &AttachedOf<H>, access: Access) -> AttachedOf<H> {
    H::backend().attach(H::source(array), access).unwrap()
}

/// Each participant has a slot of its own, whichever attachment it took it through, until it ends.
pub fn is_one_slot_each<H: IdentityHarness>() {
    let (array, one, two) = (create::<H>("slots"), Identity::new(), Identity::new());
    let other = attach::<H>(&array, Access::ReadWrite);
    assert_eq!((one.owner(), held::<H>(&array, 0)), (None, false));
    let first = take::<H>(&one, &array).unwrap();
    let second = take::<H>(&two, &other).unwrap();
    assert_eq!([first, second].map(|owner| (owner.slot(), owner.generation())), [(0, 1), (1, 1)]);
    assert_eq!((one.owner(), take::<H>(&one, &other).unwrap()), (Some(first), first));
    assert_eq!([0, 1, 2].map(|slot| held::<H>(&array, slot)), [true, true, false]);
    assert_eq!([0, 1, 2].map(|slot| held::<H>(&other, slot)), [true, true, false]);
    drop(one);
    assert_eq!([0, 1].map(|slot| held::<H>(&other, slot)), [false, true]);
    let third = take::<H>(&Identity::new(), &array).unwrap();
    assert_eq!((third.slot(), third.generation()), (0, 2));
}

/// It does not end with the attachment: the kernel has it from then on.
pub fn outlives_the_attachment<H: IdentityHarness>() {
    let (array, identity) = (create::<H>("outlives"), Identity::new());
    let other = attach::<H>(&array, Access::ReadWrite);
    let owner = take::<H>(&identity, &array).unwrap();
    drop(array);
    assert!(held::<H>(&other, owner.slot()));
    drop(identity);
    assert!(!held::<H>(&other, owner.slot()));
}

/// Who may only read sees who is alive.
pub fn is_seen_by_readers<H: IdentityHarness>() {
    let (array, identity) = (create::<H>("seen"), Identity::new());
    let reader = attach::<H>(&array, Access::ReadOnly);
    assert!(!held::<H>(&reader, 0));
    take::<H>(&identity, &array).unwrap();
    assert!(held::<H>(&reader, 0));
    drop(identity);
    assert!(!held::<H>(&reader, 0));
}

/// Threads that ask at the same time get the same slot.
pub fn is_taken_once_by_many_threads<H: IdentityHarness>() {
    let array = create::<H>("threads");
    for _ in 0..20 {
        let (identity, start) = (Identity::new(), std::sync::Barrier::new(8));
        let owners: Vec<_> = std::thread::scope(|scope| {
            let take = || {
                start.wait();
                take::<H>(&identity, &array).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(owners, [identity.owner().unwrap(); 8]);
        assert_eq!([0, 1].map(|slot| held::<H>(&array, slot)), [true, false]);
    }
}

/// When all slots are taken, that is an error; other segments have theirs all the same.
pub fn runs_out_with_an_error<H: IdentityHarness>() {
    let arrays = [create::<H>("before"), create::<H>("full"), create::<H>("behind")];
    let all: Vec<_> = (0..DEFAULT_SLOTS).map(|_| Identity::new()).collect();
    let slots = all.iter().map(|identity| take::<H>(identity, &arrays[1]).unwrap().slot());
    assert!(slots.eq(0..DEFAULT_SLOTS));
    let late = Identity::new();
    let error = take::<H>(&late, &arrays[1]).unwrap_err();
    let ErrorKind::LimitReached { value, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*value, late.owner()), (Some(DEFAULT_SLOTS.into()), None));
    for other in [&arrays[0], &arrays[2]] {
        assert!(
            (0..DEFAULT_SLOTS).all(|slot| !held::<H>(other, slot)),
            "{:?}",
            other.region.start()
        );
    }
    drop(all);
    assert_eq!(take::<H>(&late, &arrays[1]).unwrap().slot(), 0);
}

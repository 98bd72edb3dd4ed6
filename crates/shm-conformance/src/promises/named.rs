//! What backends with names promise besides.

use shm_core::{
    Access, Backend, ErrorKind, Fill, Header, Name, Named, Region, Result, Segment, Spec,
};

use crate::bytes;
use crate::harness::{AttachedOf, NamedHarness, spec, unique_name};

fn attach<H: NamedHarness>(name: &Name) -> Result<AttachedOf<H>> {
    H::backend().attach(H::source_of(name), Access::ReadWrite)
}

fn assert_not_found<H: NamedHarness>(name: &Name) {
    let error = attach::<H>(name).map(drop).unwrap_err();
    let ErrorKind::NotFound { name: missing, backend, .. } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!((missing.as_str(), *backend), (name.as_str(), H::Backend::KIND));
}

fn create_with<H: NamedHarness>(spec: &Spec, value: u8) -> AttachedOf<H> {
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, value);
        Ok(())
    };
    H::backend().create(spec, Some(Fill::InPlace(&mut fill))).unwrap()
}

fn assert_all<H: NamedHarness>(array: &AttachedOf<H>, value: u8) {
    let header = array.segment.header();
    assert_eq!(bytes::data(header, &array.region), vec![value; header.layout().nbytes()]);
}

/// A name that nobody bears is not found.
pub fn is_not_found_before<H: NamedHarness>() {
    assert_not_found::<H>(&unique_name("absent"));
}

/// Nobody can attach before the contents are whole.
pub fn is_not_found_while_it_is_filled<H: NamedHarness>() {
    let name = unique_name("filling");
    let mut look = |_: &Header, _: &dyn Region| -> Result<()> {
        assert_not_found::<H>(&name);
        Ok(())
    };
    let array = H::backend().create(&spec(&name, 10), Some(Fill::InPlace(&mut look))).unwrap();
    drop(attach::<H>(&name).unwrap());
    drop(array);
}

/// The last one out takes the name along.
pub fn goes_with_the_last_one_out<H: NamedHarness>() {
    let name = unique_name("last-out");
    let first = H::backend().create(&spec(&name, 10), None).unwrap();
    let second = attach::<H>(&name).unwrap();
    let reader = H::backend().attach(H::source_of(&name), Access::ReadOnly).unwrap();
    drop(first);
    let third = attach::<H>(&name).unwrap();
    drop((second, third));
    drop(attach::<H>(&name).unwrap());
    drop(reader);
    assert_not_found::<H>(&name);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// A name that is taken is an error, which changes nothing.
pub fn cannot_be_taken_twice<H: NamedHarness>() {
    let name = unique_name("taken");
    let array = create_with::<H>(&spec(&name, 10), 1);
    let error = H::backend().create(&spec(&name, 20), None).map(drop).unwrap_err();
    let ErrorKind::AlreadyExists { name: taken, backend } = error.kind() else { panic!("{error}") };
    assert_eq!((taken.as_str(), *backend), (name.as_str(), H::Backend::KIND));
    let other = attach::<H>(&name).unwrap();
    assert_eq!(other.segment.header(), array.segment.header());
    assert_all::<H>(&other, 1);
}

/// With force the name leads to the new segment; those attached to the old one keep it.
pub fn can_be_replaced_by_force<H: NamedHarness>() {
    let name = unique_name("force");
    let force = Spec { force: true, ..spec(&name, 20) };
    let old = create_with::<H>(&spec(&name, 10), 1);
    let holder = attach::<H>(&name).unwrap();
    let new = create_with::<H>(&force, 2);
    let found = attach::<H>(&name).unwrap();
    assert_eq!(found.segment.header(), new.segment.header());
    assert_all::<H>(&found, 2);
    assert_all::<H>(&old, 1);
    drop(old);
    assert_all::<H>(&holder, 1);
}

/// Force does not need anything to replace.
pub fn can_be_forced_where_it_is_free<H: NamedHarness>() {
    let name = unique_name("force-free");
    let array = create_with::<H>(&Spec { force: true, ..spec(&name, 10) }, 3);
    assert_all::<H>(&attach::<H>(&name).unwrap(), 3);
    drop(array);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// Whatever happens to a predecessor, its successor keeps the name.
pub fn is_not_taken_by_a_predecessor<H: NamedHarness>() {
    let name = unique_name("successor");
    let force = Spec { force: true, ..spec(&name, 10) };
    let first = create_with::<H>(&spec(&name, 10), 1);
    let second = create_with::<H>(&force, 2);
    first.segment.destroy().unwrap();
    drop(first);
    assert_all::<H>(&attach::<H>(&name).unwrap(), 2);
    assert!(H::backend().delete(&name).unwrap());
    let third = create_with::<H>(&spec(&name, 10), 3);
    drop(second);
    assert_all::<H>(&attach::<H>(&name).unwrap(), 3);
    drop(third);
    assert_not_found::<H>(&name);
}

/// Destroying frees the name at once.
pub fn is_free_after_destroy<H: NamedHarness>() {
    let name = unique_name("destroyed");
    let array = create_with::<H>(&spec(&name, 10), 1);
    array.segment.destroy().unwrap();
    assert_not_found::<H>(&name);
    let next = create_with::<H>(&spec(&name, 10), 2);
    assert_all::<H>(&array, 1);
    drop(array);
    assert_all::<H>(&attach::<H>(&name).unwrap(), 2);
    drop(next);
}

/// Deleting frees the name, also for those who are not attached; one that is free is success.
pub fn can_be_deleted<H: NamedHarness>() {
    let name = unique_name("delete");
    assert!(H::backend().delete(&name).unwrap());
    let array = create_with::<H>(&spec(&name, 10), 1);
    assert!(H::backend().delete(&name).unwrap());
    assert_not_found::<H>(&name);
    assert!(H::backend().delete(&name).unwrap());
    assert_all::<H>(&array, 1);
    drop(array);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// Names with every character that is allowed, and of every length.
pub fn may_be_anything_valid<H: NamedHarness>() {
    let unique = unique_name("ø %n\\'\"*?;$(x) …");
    let long = Name::new(format!("{unique}{}", "x".repeat(240 - unique.as_str().len()))).unwrap();
    for name in [unique, long] {
        let array = create_with::<H>(&spec(&name, 10), 1);
        assert_all::<H>(&attach::<H>(&name).unwrap(), 1);
        drop(array);
        assert_eq!(H::leftovers(&name), [""; 0]);
    }
}

//! What attach promises.

use shm_core::{Access, Backend, Region, Segment};

use crate::bytes;
use crate::bytes::PLACE;
use crate::harness::{Harness, spec, unique_name};

/// What one writes, the other reads, in both directions.
pub fn shares_the_memory<H: Harness>() {
    let array = H::backend().create(&spec(&unique_name("shared"), 100), None).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadWrite).unwrap();
    let last = array.region.len() - 1;
    bytes::set(&array.region, last, 5);
    assert_eq!(bytes::get(&other.region, last), 5);
    bytes::set(&other.region, last, 6);
    assert_eq!(bytes::get(&array.region, last), 6);
}

/// The header is the creator's, and says the same of the same segment.
pub fn finds_the_same_header<H: Harness>() {
    let array = H::backend().create(&spec(&unique_name("same"), 100), None).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadWrite).unwrap();
    assert_eq!(other.segment.header(), array.segment.header());
    assert_eq!(other.region.len(), array.region.len());
}

/// Reading is all that a read-only attacher can do: the kernel refuses the rest.
pub fn for_reading_is_enforced_by_the_kernel<H: Harness>() {
    let array = H::backend().create(&spec(&unique_name("reader"), 100), None).unwrap();
    let reader = H::backend().attach(H::source(&array), Access::ReadOnly).unwrap();
    assert_eq!(reader.region.access(), Access::ReadOnly);
    assert_eq!(reader.segment.access(), Access::ReadOnly);
    let last = array.region.len() - 1;
    bytes::set(&array.region, last, 5);
    assert_eq!(bytes::get(&reader.region, last), 5);
    assert!(!bytes::is_writable(&reader.region, last));
    assert!(bytes::is_writable(&array.region, last));
    let again = reader.segment.map().unwrap();
    assert_eq!(again.access(), Access::ReadOnly);
    assert!(!bytes::is_writable(&again, last));
}

/// Whoever has attached does not need the creator any more.
pub fn outlives_the_creator<H: Harness>() {
    let array = H::backend().create(&spec(&unique_name("outlives"), 100), None).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadWrite).unwrap();
    bytes::set(&array.region, PLACE, 5);
    drop(array);
    assert_eq!(bytes::get(&other.region, PLACE), 5);
    bytes::set(&other.region, PLACE, 6);
    let third = H::backend().attach(H::source(&other), Access::ReadOnly).unwrap();
    assert_eq!(bytes::get(&third.region, PLACE), 6);
}

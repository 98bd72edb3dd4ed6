//! What holding a segment promises, and letting go of it.

use shm_core::{Access, Backend, Region, Segment};

use crate::bytes;
use crate::bytes::PLACE;
use crate::harness::{Harness, spec, unique_name};

/// Everything can be sent to and used from other threads.
pub fn is_for_all_threads<H: Harness>() {
    fn check<T: Send + Sync>(_: &T) {}
    let array = H::backend().create(&spec(&unique_name("threads"), 100), None).unwrap();
    check(&array.region);
    check(&array.segment);
    let region = array.region;
    std::thread::scope(|scope| {
        scope.spawn(|| bytes::set(&region, PLACE, 1));
    });
    assert_eq!(bytes::get(&region, PLACE), 1);
}

/// A region keeps its segment.
pub fn of_a_region_is_enough<H: Harness>() {
    let name = unique_name("region");
    let array = H::backend().create(&spec(&name, 100), None).unwrap();
    drop(array.segment);
    bytes::set(&array.region, PLACE, 1);
    assert_eq!(bytes::get(&array.region, PLACE), 1);
    drop(array.region);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// A segment without a region keeps the contents, and can be mapped again.
pub fn outlives_detaching<H: Harness>() {
    let name = unique_name("detach");
    let array = H::backend().create(&spec(&name, 100), None).unwrap();
    bytes::set(&array.region, PLACE, 1);
    let (segment, len) = (array.segment, array.region.len());
    drop(array.region);
    let again = segment.map().unwrap();
    assert_eq!((again.len(), bytes::get(&again, PLACE)), (len, 1));
    drop(segment);
    assert_eq!(bytes::get(&again, PLACE), 1);
    drop(again);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// Clones share one hold, which ends with the last of them, in whatever order they go.
pub fn is_shared_by_clones<H: Harness>() {
    let name = unique_name("clones");
    let array = H::backend().create(&spec(&name, 100), None).unwrap();
    let clone = array.segment.clone();
    let region = clone.map().unwrap();
    drop(array.segment);
    drop(array.region);
    bytes::set(&region, PLACE, 1);
    drop(region);
    assert_eq!(bytes::get(&clone.map().unwrap(), PLACE), 1);
    drop(clone);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// Destroying takes nobody's memory away; doing it twice, and through a clone, is success.
pub fn survives_destroy<H: Harness>() {
    let name = unique_name("destroy");
    let array = H::backend().create(&spec(&name, 100), None).unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadWrite).unwrap();
    bytes::set(&array.region, PLACE, 1);
    array.segment.destroy().unwrap();
    array.segment.destroy().unwrap();
    other.segment.destroy().unwrap();
    array.segment.clone().destroy().unwrap();
    assert_eq!(bytes::get(&other.region, PLACE), 1);
    drop(array);
    assert_eq!(bytes::get(&other.segment.map().unwrap(), PLACE), 1);
    drop(other);
    assert_eq!(H::leftovers(&name), [""; 0]);
}

/// Many segments at a time do not disturb each other.
pub fn of_many_is_possible<H: Harness>() {
    let many: Vec<_> = (0..50)
        .map(|value| {
            let array = H::backend().create(&spec(&unique_name("many"), 10), None).unwrap();
            bytes::fill(array.segment.header(), &array.region, value);
            array
        })
        .collect();
    for (value, array) in (0..).zip(&many) {
        assert_eq!(bytes::data(array.segment.header(), &array.region), [value; 80]);
    }
}

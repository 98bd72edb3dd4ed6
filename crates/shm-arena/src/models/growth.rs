//! Two processes that add slabs at once, and one that dies in the middle.

use shm_core::Result;
use shm_sync::explore::explore_deaths;

use super::world::{A, B, C, World};
use crate::class::Class;
use crate::slab::{Grow, Local, Slabs};

/// A file that is as long as it needs to be.
struct Endless;

impl Grow for Endless {
    fn extend(&self, _: u64) -> Result<()> {
        shm_sync::atomic::step();
        Ok(())
    }
}

#[test]
fn two_processes_grow_an_arena() {
    explore_deaths("two processes grow an arena", None, |victim| {
        let world = World::new(1, 3);
        world.spawn_victim(victim, A, |world| grow(world, A, 64));
        world.spawn(|world| grow(world, B, 4096));
        world.join();
        let table = world.table();
        let slabs = Slabs { table: &table, data: 0..1 << 30 };
        let count = slabs.count(&mut Local::default());
        assert!(count == 2 || (count == 1 && world.is_dead(A)), "{count} slabs");
        let mut end = 0;
        for slab in 0..count {
            let line = slabs.line(slab).unwrap();
            assert_eq!(line.offset, end, "slabs overlap");
            end = line.offset + line.class.slab_bytes();
        }
        // The blocks of a slab are found, also those of one whose maker died right after.
        let class = slabs.line(0).unwrap().class;
        let (index, _) = slabs.take(C, class, &mut Local::default(), &*world).unwrap();
        assert_eq!(index, 0);
        table.unmark(C, index, &*world);
    });
}

fn grow(world: &World, me: usize, len: u64) {
    let table = world.table();
    let slabs = Slabs { table: &table, data: 0..1 << 30 };
    let class = Class::fitting(len, 1).unwrap();
    slabs.add(me, class, &mut Local::default(), &Endless).unwrap();
}

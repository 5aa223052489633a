//! Several threads on one pool, every byte checked, and every block's directory whenever background
//! work lets go of it.

use std::boxed::Box;

use zpool::testing::{HostEnv, Soak};
use zpool::{Granule, Granule4K, Granule16K, ZPool};

use super::super::Slotted;

fn soak<G: Granule>(soak: Soak) {
    soak.run::<G>(
        |env: &HostEnv<G>| Ok(Box::new(Slotted::new(env)?) as Box<dyn ZPool + '_>),
        |_| (),
    );
}

/// The same with fewer operations under Miri.
fn of(threads: usize, operations: u64, places: usize, largest: usize) -> Soak {
    if cfg!(miri) {
        Soak { threads: 2, operations: 300, places: 24, largest, ..Soak::default() }
    } else {
        Soak { threads, operations, places, largest, ..Soak::default() }
    }
}

#[test]
fn two_threads_on_a_few_blocks() {
    soak::<Granule4K>(of(2, 300_000, 64, 4096));
}

#[test]
fn four_threads_on_pages_of_16k() {
    soak::<Granule16K>(of(4, 100_000, 1024, 16384));
}

#[test]
fn eight_threads_on_small_objects() {
    soak::<Granule4K>(of(8, 300_000, 4096, 1000));
}

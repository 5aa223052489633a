//! Threads, compaction and lasting reads at once. The example `soak` of the crate `backends` runs for
//! longer.

use zpool::testing::Soak;
use zpool::{Granule, Granule4K, Granule16K};
use zsmalloc::Zsmalloc;

fn run<G: Granule>(largest: usize) {
    let soak = Soak {
        threads: if cfg!(miri) { 2 } else { 3 },
        places: if cfg!(miri) { 16 } else { 512 },
        largest,
        operations: if cfg!(miri) { 100 } else { 30_000 },
        checks_handles: false,
        ..Soak::default()
    };
    soak.run::<G>(|env| Ok(Box::new(Zsmalloc::<_, 8>::new(env))), |_| ());
}

#[test]
fn soak_4k() {
    run::<Granule4K>(Granule4K::SIZE);
    run::<Granule4K>(Granule4K::SIZE / 3);
}

#[test]
fn soak_16k() {
    run::<Granule16K>(Granule16K::SIZE);
}

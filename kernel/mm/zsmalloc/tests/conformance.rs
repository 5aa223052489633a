//! The suite every back end passes, on both granules and with both chains.

use zpool::testing::conformance::{Capabilities, check};
use zpool::{Granule, Granule4K, Granule16K};
use zsmalloc::Zsmalloc;

fn conforms<G: Granule, const CHAIN: usize>() {
    let capabilities = Capabilities {
        largest: G::SIZE,
        // Handles are taken again at once, and metadata is counted as the original's.
        detects_stale: false,
        accounts_for_frames: false,
        ..Capabilities::strict()
    };
    check::<G>(|env| Ok(Box::new(Zsmalloc::<_, CHAIN>::new(env))), capabilities);
}

#[test]
fn conforms_4k() {
    conforms::<Granule4K, 8>();
}

#[test]
fn conforms_16k() {
    conforms::<Granule16K, 8>();
}

#[test]
fn short_chains_conform() {
    conforms::<Granule4K, 4>();
}

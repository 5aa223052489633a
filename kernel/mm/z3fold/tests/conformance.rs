//! The suite every back end passes, on both granules.

use z3fold::Z3fold;
use zpool::testing::conformance::{Capabilities, check};
use zpool::{Granule, Granule4K, Granule16K};

fn conforms<G: Granule>() {
    let capabilities = Capabilities {
        largest: G::SIZE,
        // Handles are taken again at once, and metadata is counted as the original's.
        detects_stale: false,
        accounts_for_frames: false,
        // Slots that the original never frees, see the README.
        idle_pages: 16,
        ..Capabilities::strict()
    };
    check::<G>(|env| Ok(Box::new(Z3fold::new(env))), capabilities);
}

#[test]
fn conforms_4k() {
    conforms::<Granule4K>();
}

#[test]
fn conforms_16k() {
    conforms::<Granule16K>();
}

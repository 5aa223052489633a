//! The suite every back end passes, on both granules.

use zbud::Zbud;
use zpool::testing::conformance::{Capabilities, check};
use zpool::{Granule, Granule4K, Granule16K};

fn conforms<G: Granule>() {
    let capabilities = Capabilities {
        largest: G::SIZE / 64 * 62,
        // Handles are taken again at once, and metadata is counted as the original's.
        detects_stale: false,
        accounts_for_frames: false,
        ..Capabilities::strict()
    };
    check::<G>(|env| Ok(Box::new(Zbud::new(env))), capabilities);
}

#[test]
fn conforms_4k() {
    conforms::<Granule4K>();
}

#[test]
fn conforms_16k() {
    conforms::<Granule16K>();
}

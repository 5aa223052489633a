//! The suite that every back end passes.

use std::boxed::Box;

use zpool::testing::conformance::{Capabilities, check};
use zpool::{Granule, Granule4K, Granule16K};

use super::super::Slotted;

fn conforms<G: Granule>() {
    // What stays is the block table.
    let capabilities = Capabilities { largest: G::SIZE, idle_pages: 64, ..Capabilities::strict() };
    check::<G>(|env| Ok(Box::new(Slotted::new(env)?)), capabilities);
}

#[test]
fn conforms_4k() {
    conforms::<Granule4K>();
}

#[test]
fn conforms_16k() {
    conforms::<Granule16K>();
}

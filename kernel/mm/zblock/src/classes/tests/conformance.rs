//! The suite every back end passes, for both configurations and page sizes.

use std::boxed::Box;

use zpool::testing::conformance::{Capabilities, check};
use zpool::{Granule, Granule4K, Granule16K};

use crate::classes::policy::{Fixed, V4};
use crate::classes::pool::Pool;

fn v4<G: Granule>(largest: usize) {
    // Lengths and what the header of a block shows are checked; a block that is gone is not.
    let capabilities = Capabilities { largest, detects_length: true, ..Capabilities::trusting() };
    check::<G>(|env| Ok(Box::new(Pool::<_, V4>::new(env)?)), capabilities);
}

fn fixed<G: Granule>() {
    // The frames of the directory stay: a handful for the few hundred blocks of the suite.
    let capabilities = Capabilities { largest: G::SIZE, idle_pages: 12, ..Capabilities::strict() };
    check::<G>(|env| Ok(Box::new(Pool::<_, Fixed>::new(env)?)), capabilities);
}

#[test]
fn v4_conforms_at_4k() {
    v4::<Granule4K>(4079);
}

#[test]
fn v4_conforms_at_16k() {
    v4::<Granule16K>(13095);
}

#[test]
fn fixed_conforms_at_4k() {
    fixed::<Granule4K>();
}

#[test]
fn fixed_conforms_at_16k() {
    fixed::<Granule16K>();
}

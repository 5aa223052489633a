//! Tables, arenas, states and policy on the host, for both granules.
#![cfg(not(loom))]

mod arena;
mod clock;
mod entry;
mod memory;
mod model;
mod oracle;
mod page_set;
mod registers;
mod state;
mod tables;

/// Runs a test that is generic over the granule for both.
macro_rules! both_granules {
    ($($name:ident),+ $(,)?) => {
        mod granule_4k {
            $( #[test] fn $name() { super::$name::<paging::Granule4K>() } )+
        }
        mod granule_16k { $(
            #[test]
            #[cfg_attr(miri, ignore = "the unsafe code is the same for both granules")]
            fn $name() { super::$name::<paging::Granule16K>() }
        )+ }
    };
}
use both_granules;

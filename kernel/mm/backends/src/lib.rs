#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use zpool::{Backend, Env};

/// The name that is meant where none is given.
pub const DEFAULT: &str = "zblock";

/// Every back end there is, in the order in which comparisons list them.
#[must_use]
pub fn all<'a, E: Env + 'a>() -> Vec<Backend<'a, E>> {
    let mut all = Vec::new();
    all.extend(zblock::backends());
    all.extend(zsmalloc::backends());
    all.extend(z3fold::backends());
    all.extend(zbud::backends());
    all
}

#[cfg(test)]
mod tests {
    use zpool::testing::HostEnv;
    use zpool::{Granule4K, Owner, find};

    use super::*;

    #[test]
    fn names_are_distinct_and_the_default_is_first() {
        let all = all::<&HostEnv<Granule4K>>();
        assert_eq!(all[0].name, DEFAULT);
        for (index, backend) in all.iter().enumerate() {
            assert!(
                all[..index].iter().all(|other| other.name != backend.name),
                "{}",
                backend.name
            );
            assert!(!backend.about.is_empty());
        }
    }

    #[test]
    fn every_back_end_makes_a_pool_that_works() {
        let env = HostEnv::<Granule4K>::new();
        for backend in all() {
            let pool = (backend.create)(&env).unwrap();
            let handle = pool.malloc(1000, Owner(1)).unwrap();
            pool.write(handle, &[7; 1000]).unwrap();
            assert_eq!(*pool.read(handle, 1000, &mut [0; 1000]).unwrap(), [7; 1000]);
            pool.free(handle).unwrap();
        }
        assert!(find(&all::<&HostEnv<Granule4K>>(), "no-such").is_none());
    }
}

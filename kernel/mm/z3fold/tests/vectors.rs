//! Page counts of pseudo-random sequences, as the original has them.

use z3fold::Z3fold;
use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, NoOwners, Owner, ZPool};

struct Random(u64);

impl Random {
    fn size(&mut self, (low, high): (usize, usize)) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        low + (self.0 >> 33) as usize % (high - low + 1)
    }
}

/// Pages after each phase; evacuations and moves of middle objects in the whole run.
type Expected = ([usize; 4], (usize, usize));

fn run<G: Granule>(range: (usize, usize), expected: Expected) {
    let env = HostEnv::<G>::new();
    let pool = Z3fold::new(&env);
    let mut random = Random(1);
    let mut malloc = || {
        let handle = pool.malloc(random.size(range), Owner::NONE).unwrap();
        pool.compact(&NoOwners);
        handle
    };
    let free = |handles: Vec<Handle>, keep: &dyn Fn(usize) -> bool| -> Vec<Handle> {
        let (kept, freed): (Vec<_>, Vec<_>) =
            handles.into_iter().enumerate().partition(|&(number, _)| keep(number));
        freed.into_iter().for_each(|(_, handle)| {
            pool.free(handle).unwrap();
            pool.compact(&NoOwners);
        });
        kept.into_iter().map(|(_, handle)| handle).collect()
    };
    let handles: Vec<Handle> = (0..10_000).map(|_| malloc()).collect();
    assert_eq!(pool.total_pages(), expected.0[0]);
    let handles = free(handles, &|number| number % 2 != 0);
    assert_eq!(pool.total_pages(), expected.0[1]);
    let mut handles = free(handles, &|number| number % 4 == 3);
    assert_eq!(pool.total_pages(), expected.0[2]);
    handles.extend((0..5_000).map(|_| malloc()));
    assert_eq!(pool.total_pages(), expected.0[3]);
    free(handles, &|_| false);
    assert_eq!(pool.total_pages(), 0);
    assert_eq!((pool.evacuations(), pool.middle_moves()), expected.1);
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_4k() {
    run::<Granule4K>((32, 4096), ([5331, 2674, 772, 3353], (5752, 159)));
    run::<Granule4K>((256, 2048), ([3409, 1707, 595, 2135], (3339, 4054)));
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_16k() {
    run::<Granule16K>((32, 16384), ([5236, 2659, 755, 3292], (5994, 153)));
    run::<Granule16K>((1024, 8192), ([3394, 1708, 590, 2125], (4037, 3566)));
}

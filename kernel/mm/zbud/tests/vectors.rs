//! Page counts of pseudo-random sequences, as the original has them.

use zbud::Zbud;
use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, Owner, ZPool};

struct Random(u64);

impl Random {
    fn size(&mut self, (low, high): (usize, usize)) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        low + (self.0 >> 33) as usize % (high - low + 1)
    }
}

/// Live objects and pages after each phase.
type Expected = [(usize, usize); 4];

fn run<G: Granule>(range: (usize, usize), expected: Expected) {
    let env = HostEnv::<G>::new();
    let pool = Zbud::new(&env);
    let mut random = Random(1);
    let mut malloc = || pool.malloc(random.size(range), Owner::NONE).ok();
    let free = |handles: Vec<Handle>, keep: &dyn Fn(usize) -> bool| -> Vec<Handle> {
        let (kept, freed): (Vec<_>, Vec<_>) =
            handles.into_iter().enumerate().partition(|&(number, _)| keep(number));
        freed.into_iter().for_each(|(_, handle)| pool.free(handle).unwrap());
        kept.into_iter().map(|(_, handle)| handle).collect()
    };
    let state = || (pool.statistics().objects, pool.total_pages());

    let handles: Vec<Handle> = (0..10_000).filter_map(|_| malloc()).collect();
    assert_eq!(state(), expected[0]);
    let handles = free(handles, &|number| number % 2 != 0);
    assert_eq!(state(), expected[1]);
    let mut handles = free(handles, &|number| number % 4 == 3);
    assert_eq!(state(), expected[2]);
    handles.extend((0..5_000).filter_map(|_| malloc()));
    assert_eq!(state(), expected[3]);
    free(handles, &|_| false);
    assert_eq!(state(), (0, 0));
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_4k() {
    run::<Granule4K>((32, 4096), [(9671, 4950), (4835, 3677), (1208, 1143), (6051, 3118)]);
    run::<Granule4K>((256, 2048), [(10000, 5000), (5000, 5000), (1250, 1250), (6250, 3125)]);
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_16k() {
    run::<Granule16K>((32, 16384), [(9687, 4926), (4843, 3646), (1210, 1145), (6057, 3102)]);
    run::<Granule16K>((1024, 8192), [(10000, 5000), (5000, 5000), (1250, 1250), (6250, 3125)]);
}

//! Page counts of pseudo-random sequences, as the original has them.

use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, NoOwners, Owner, ZPool};
use zsmalloc::Zsmalloc;

struct Random(u64);

impl Random {
    fn size(&mut self, (low, high): (usize, usize)) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        low + (self.0 >> 33) as usize % (high - low + 1)
    }
}

/// Pages after each phase, pages that compaction freed, objects that it moved.
struct Expected {
    filled: usize,
    half: usize,
    eighth: usize,
    freed: usize,
    moved: usize,
    refilled: usize,
}

fn run<G: Granule>(range: (usize, usize), expected: &Expected) {
    let env = HostEnv::<G>::new();
    let pool = Zsmalloc::<_, 8>::new(&env);
    let mut random = Random(1);
    let mut malloc = || pool.malloc(random.size(range), Owner::NONE).unwrap();
    let free = |handles: Vec<Handle>, keep: &dyn Fn(usize) -> bool| -> Vec<Handle> {
        let (kept, freed): (Vec<_>, Vec<_>) =
            handles.into_iter().enumerate().partition(|&(number, _)| keep(number));
        freed.into_iter().for_each(|(_, handle)| pool.free(handle).unwrap());
        kept.into_iter().map(|(_, handle)| handle).collect()
    };

    let handles: Vec<Handle> = (0..10_000).map(|_| malloc()).collect();
    assert_eq!(pool.total_pages(), expected.filled);
    let handles = free(handles, &|number| number % 2 != 0);
    assert_eq!(pool.total_pages(), expected.half);
    let mut handles = free(handles, &|number| number % 4 == 3);
    assert_eq!((pool.statistics().objects, pool.total_pages()), (1250, expected.eighth));
    let work = pool.compact(&NoOwners);
    assert_eq!((work.pages, work.objects), (expected.freed, expected.moved));
    assert_eq!(pool.total_pages(), expected.eighth - expected.freed);
    handles.extend((0..5_000).map(|_| malloc()));
    assert_eq!(pool.total_pages(), expected.refilled);
    free(handles, &|_| false);
    assert_eq!((pool.total_pages(), pool.statistics().metadata_bytes), (0, 0));
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_4k() {
    let expected = Expected {
        filled: 5467,
        half: 4749,
        eighth: 2868,
        freed: 1825,
        moved: 515,
        refilled: 3531,
    };
    run::<Granule4K>((32, 4096), &expected);
    let expected = Expected {
        filled: 3069,
        half: 2961,
        eighth: 2209,
        freed: 1619,
        moved: 709,
        refilled: 2000,
    };
    run::<Granule4K>((256, 2048), &expected);
}

#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn sizes_up_to_16k() {
    let expected = Expected {
        filled: 5490,
        half: 4844,
        eighth: 3100,
        freed: 1957,
        moved: 528,
        refilled: 3592,
    };
    run::<Granule16K>((32, 16384), &expected);
    let expected = Expected {
        filled: 3099,
        half: 2979,
        eighth: 2300,
        freed: 1634,
        moved: 706,
        refilled: 2029,
    };
    run::<Granule16K>((1024, 8192), &expected);
}

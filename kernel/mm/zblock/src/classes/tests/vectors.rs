//! Page counts of the original code on pseudo-random sequences.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, Owner, ZPool};

use super::exact::Exact;
use crate::classes::policy::{Policy, V4};
use crate::classes::pool::Pool;

struct Generator(u64);

impl Generator {
    fn value(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn size(&mut self, lowest: usize, highest: usize) -> usize {
        lowest + self.value() as usize % (highest - lowest + 1)
    }
}

#[test]
fn the_generator_is_the_one_of_the_vectors() {
    let mut generator = Generator(1);
    let values = [(); 4].map(|()| generator.value());
    assert_eq!(values, [908834774, 1093944153, 1392341196, 822192870]);
    let mut generator = Generator(1);
    let sizes = [(); 8].map(|()| generator.size(32, 4096));
    assert_eq!(sizes, [2431, 3905, 1493, 1937, 506, 982, 1822, 534]);
}

/// What a phase leaves behind: live bytes and pages.
type Left = (usize, usize);

/// Rejected in A; A; B; objects after C; C; rejected in D; D.
type Vector = (usize, Left, Left, usize, Left, usize, Left);

fn run<G: Granule, P: Policy>(lowest: usize, highest: usize) -> Vector {
    let env = HostEnv::<G>::new();
    let pool = Pool::<_, P>::new(&env).unwrap();
    let mut generator = Generator(1);
    let allocate = |generator: &mut Generator, count| {
        let sizes = (0..count).map(|_| generator.size(lowest, highest));
        let accepted: Vec<(Handle, usize)> =
            sizes.filter_map(|size| Some((pool.malloc(size, Owner::NONE).ok()?, size))).collect();
        (count - accepted.len(), accepted)
    };
    let left = |live: &[(Handle, usize)]| {
        assert_eq!(pool.total_pages(), env.pages());
        (live.iter().map(|object| object.1).sum(), pool.total_pages())
    };
    let keep = |live: Vec<(Handle, usize)>, stays: fn(usize) -> bool| {
        let (stay, go): (Vec<_>, Vec<_>) =
            live.into_iter().enumerate().partition(|&(number, _)| stays(number));
        for (_, (handle, _)) in go {
            pool.free(handle).unwrap();
        }
        stay.into_iter().map(|(_, object)| object).collect::<Vec<_>>()
    };
    let (rejected_a, live) = allocate(&mut generator, 10_000);
    let a = left(&live);
    let live = keep(live, |number| number % 2 != 0);
    let b = left(&live);
    let mut live = keep(live, |number| number % 4 == 3);
    let (objects, c) = (live.len(), left(&live));
    let (rejected_d, more) = allocate(&mut generator, 5_000);
    live.extend(more);
    let d = left(&live);
    keep(live, |_| false);
    assert_eq!((pool.total_pages(), env.pages()), (0, 0));
    (rejected_a, a, b, objects, c, rejected_d, d)
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn pages_of_v4() {
    assert_eq!(
        run::<Granule4K, V4>(32, 4096),
        (44, (20396798, 5294), (10112040, 5217), 1244, (2529285, 3527), 24, (12752242, 3763))
    );
    assert_eq!(
        run::<Granule4K, V4>(256, 2048),
        (0, (11576690, 3011), (5797885, 2997), 1250, (1456998, 2260), 0, (7238054, 2288))
    );
    assert_eq!(
        run::<Granule16K, V4>(32, 16384),
        (1979, (52882089, 3501), (26411559, 3463), 1002, (6808834, 2179), 963, (33715153, 2340))
    );
    assert_eq!(
        run::<Granule16K, V4>(1024, 8192),
        (0, (45758095, 2960), (22935603, 2936), 1250, (5853291, 2215), 0, (28978687, 2222))
    );
}

#[test]
#[cfg_attr(miri, ignore = "slow")]
fn pages_with_exact_fit() {
    assert_eq!(
        run::<Granule4K, Exact>(32, 4096),
        (43, (20400878, 5301), (10299452, 5238), 1244, (2533266, 3510), 24, (12756223, 3814))
    );
    assert_eq!(
        run::<Granule4K, Exact>(256, 2048),
        (0, (11576690, 3009), (5797885, 2991), 1250, (1456998, 2245), 0, (7238054, 2275))
    );
    assert_eq!(
        run::<Granule16K, Exact>(32, 16384),
        (1978, (52895185, 3501), (26479536, 3467), 1002, (6622118, 2236), 963, (33528437, 2409))
    );
    assert_eq!(
        run::<Granule16K, Exact>(1024, 8192),
        (0, (45758095, 2963), (22935603, 2941), 1250, (5853291, 2232), 0, (28978687, 2239))
    );
}

/// 100000 sizes from seed 7: blocks that are full.
#[test]
#[cfg_attr(miri, ignore = "slow")]
fn pages_of_many() {
    for (lowest, highest, expected) in [(32, 4079, 53072), (256, 2048, 29632)] {
        let env = HostEnv::<Granule4K>::new();
        let pool = Pool::<_, V4>::new(&env).unwrap();
        let mut generator = Generator(7);
        for _ in 0..100_000 {
            pool.malloc(generator.size(lowest, highest), Owner::NONE).unwrap();
        }
        assert_eq!(pool.total_pages(), expected, "sizes {lowest}..={highest}");
    }
}

//! Worked examples: which page and place an object gets, and what deferred work does.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{AllocError, Granule, Granule4K, Granule16K, Handle, NoOwners, Owner, ZPool};

use crate::Z3fold;
use crate::page::{NO_CPU, Place};
use crate::slots::Name;

type Pool<'a, G> = Z3fold<&'a HostEnv<G>>;

/// Allocates, and runs deferred work.
fn malloc<G: Granule>(pool: &Pool<'_, G>, size: usize) -> Handle {
    let handle = pool.malloc(size, Owner::NONE).unwrap();
    pool.compact(&NoOwners);
    handle
}

/// Frees, and runs deferred work.
fn free<G: Granule>(pool: &Pool<'_, G>, handle: Handle) {
    pool.free(handle).unwrap();
    pool.compact(&NoOwners);
}

/// The page of an object: its address, first, middle and last chunks, the chunk at which the
/// middle one starts, and the list it is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct View {
    address: usize,
    sizes: [usize; 3],
    start_middle: usize,
    list: Option<usize>,
}

fn view<G: Granule>(pool: &Pool<'_, G>, handle: Handle) -> (View, Place) {
    let Ok(Name::Slot(number, slot)) = Name::of(handle) else { panic!("a headless page") };
    let reading = pool.enter();
    let (page, place) = pool.lock_object(&reading, number, slot).unwrap();
    let header = page.header();
    let listed = header.cpu.load(core::sync::atomic::Ordering::Relaxed) != NO_CPU;
    let list = usize::from(header.list.load(core::sync::atomic::Ordering::Relaxed));
    let view = View {
        address: page.address(),
        sizes: Place::ALL.map(|place| page.size(place)),
        start_middle: page.start_middle(),
        list: listed.then_some(list),
    };
    (view, place)
}

/// Sizes, start of the middle object, list, and the place of the object itself.
type Short = ([usize; 3], usize, Option<usize>, Place);

fn short<G: Granule>(pool: &Pool<'_, G>, handle: Handle) -> Short {
    let (view, place) = view(pool, handle);
    let start = if view.sizes[1] == 0 { 0 } else { view.start_middle };
    (view.sizes, start, view.list, place)
}

fn three_thousands<'a>(env: &'a HostEnv<Granule4K>) -> (Pool<'a, Granule4K>, [Handle; 3]) {
    let pool = Z3fold::new(env);
    let handles = [(); 3].map(|()| malloc(&pool, 1000));
    (pool, handles)
}

#[test]
fn three_objects_share_a_page() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Z3fold::new(&env);
    let first = malloc(&pool, 1000);
    assert_eq!(short(&pool, first), ([16, 0, 0], 0, Some(46), Place::First));
    let last = malloc(&pool, 1000);
    assert_eq!(short(&pool, last), ([16, 0, 16], 0, Some(30), Place::Last));
    let middle = malloc(&pool, 1000);
    assert_eq!(short(&pool, middle), ([16, 16, 16], 18, None, Place::Middle));
    let fourth = malloc(&pool, 1000);
    assert_eq!(short(&pool, fourth).3, Place::First);
    assert_eq!(pool.total_pages(), 2);
    // A full page is compacted at once: the middle object goes up to the last.
    pool.free(first).unwrap();
    assert_eq!(short(&pool, middle), ([0, 16, 16], 32, Some(30), Place::Middle));
    let again = malloc(&pool, 1900);
    assert_eq!(short(&pool, again), ([30, 16, 16], 32, None, Place::First));
    assert_eq!(pool.total_pages(), 2);
}

#[test]
fn a_middle_object_moves_when_that_gains_three_chunks() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Z3fold::new(&env);
    let [first, last, middle] = [1500, 900, 900].map(|size| malloc(&pool, size));
    assert_eq!(short(&pool, middle).1, 26);
    free(&pool, last);
    assert_eq!(short(&pool, middle), ([24, 15, 0], 26, Some(23), Place::Middle));
    let last = malloc(&pool, 1100);
    assert_eq!(short(&pool, last).3, Place::Last);
    free(&pool, last);
    malloc(&pool, 900);
    free(&pool, first);
    assert_eq!(short(&pool, middle), ([0, 15, 15], 34, Some(32), Place::Middle));
    let first = malloc(&pool, 1500);
    assert_eq!(short(&pool, first).3, Place::First);
    assert_eq!(pool.total_pages(), 1);
    // A gap of less than three chunks stays.
    let pool = Z3fold::new(&env);
    let [first, last, middle] = [64, 2000, 1800].map(|size| malloc(&pool, size));
    assert_eq!(short(&pool, last).0, [1, 29, 32]);
    free(&pool, first);
    assert_eq!(short(&pool, middle), ([0, 29, 32], 3, Some(1), Place::Middle));
}

#[test]
fn a_lone_middle_object_becomes_the_first() {
    let env = HostEnv::new();
    let (pool, [first, last, middle]) = three_thousands(&env);
    pool.write(middle, &[7; 1000]).unwrap();
    free(&pool, first);
    free(&pool, last);
    assert_eq!(short(&pool, middle), ([16, 0, 0], 0, Some(46), Place::First));
    assert!(pool.read(middle, 1000, &mut []).unwrap().iter().all(|&byte| byte == 7));
}

#[test]
fn the_last_object_of_a_page_moves_to_another_once() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Z3fold::new(&env);
    let (a, b, c) = (malloc(&pool, 2400), malloc(&pool, 2400), malloc(&pool, 1000));
    assert_eq!(short(&pool, c), ([38, 0, 16], 0, Some(8), Place::Last));
    assert_eq!(view(&pool, c).0, view(&pool, b).0);
    pool.write(c, &[9; 1000]).unwrap();
    free(&pool, b);
    assert_eq!(view(&pool, c).0, view(&pool, a).0);
    assert_eq!(short(&pool, c), ([38, 0, 16], 0, Some(8), Place::Last));
    assert_eq!((pool.total_pages(), pool.evacuations()), (1, 1));
    free(&pool, a);
    assert_eq!(short(&pool, c), ([0, 0, 16], 0, Some(46), Place::Last));
    // It is foreign where it is, and stays although it would fit elsewhere.
    let d = malloc(&pool, 3904);
    assert!(pool.read(c, 1000, &mut []).unwrap().iter().all(|&byte| byte == 9));
    free(&pool, d);
    free(&pool, c);
    let statistics = pool.statistics();
    assert_eq!((statistics.pool_pages, statistics.metadata_bytes), (0, 0));
    assert_eq!(env.pages(), 0);
}

#[test]
fn mixed_sizes_find_their_places() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Z3fold::new(&env);
    let handles: Vec<Handle> =
        [640, 1280, 320, 3000, 500, 3904, 3905, 200].map(|size| malloc(&pool, size)).into();
    assert_eq!(short(&pool, handles[2]), ([10, 5, 20], 12, None, Place::Middle));
    assert_eq!(short(&pool, handles[7]), ([47, 4, 8], 49, None, Place::Middle));
    assert_eq!(short(&pool, handles[5]), ([61, 0, 0], 0, Some(1), Place::First));
    assert_eq!(Name::of(handles[6]), Ok(Name::Headless(0)));
    assert_eq!(pool.total_pages(), 4);
}

/// Objects that were moved leave nothing behind, also where they were all that a page had left.
#[test]
fn words_of_handles_go_with_their_objects() {
    let env = HostEnv::<Granule4K>::new();
    let pool: Pool<'_, Granule4K> = Z3fold::new(&env);
    let (mut live, mut random) = (Vec::new(), 1_u32);
    let steps = if cfg!(miri) { 200 } else { 100_000 };
    for step in 0..steps {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let draw = (random >> 8) as usize;
        // More and fewer in turns: pages empty all but for one object.
        let most = if step / 500 % 2 == 0 { 200 } else { 20 };
        if live.is_empty() || live.len() < most && !draw.is_multiple_of(4) {
            live.push(pool.malloc(draw / 2 % 2000 + 1, Owner::NONE).unwrap());
        } else {
            pool.free(live.swap_remove(draw % live.len())).unwrap();
        }
        if step % 7 == 0 {
            pool.compact(&NoOwners);
        }
    }
    assert!(pool.evacuations() > 0);
    live.into_iter().for_each(|handle| pool.free(handle).unwrap());
    pool.compact(&NoOwners);
    assert_eq!((pool.total_pages(), pool.slots.len()), (0, 0));
}

#[test]
fn sizes_out_of_range_are_refused() {
    let env = HostEnv::<Granule16K>::new();
    let pool = Z3fold::new(&env);
    assert_eq!(pool.malloc(0, Owner::NONE), Err(AllocError::Invalid));
    assert_eq!(pool.malloc(16385, Owner::NONE), Err(AllocError::NoSpace));
    let headless = |size| matches!(Name::of(malloc(&pool, size)), Ok(Name::Headless(_)));
    assert!(!headless(15872));
    assert!(headless(15873) && headless(16384));
}

/// Room that is freed is not used before compaction has run, and its page is off the lists.
#[test]
fn freed_room_waits_for_its_compaction() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Z3fold::new(&env);
    let (first, _last) = (malloc(&pool, 2000), malloc(&pool, 1900));
    pool.free(first).unwrap();
    pool.malloc(30, Owner::NONE).unwrap();
    assert_eq!(pool.total_pages(), 2);
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), 1, "the last object has moved to the new page");
}

/// Pages after 720 objects of one size.
#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn equal_sizes_share_pages_by_threes_and_twos() {
    fn pages<G: Granule>(size: usize) -> usize {
        let env = HostEnv::<G>::new();
        let pool = Z3fold::new(&env);
        (0..720).for_each(|_| assert!(pool.malloc(size, Owner::NONE).is_ok()));
        pool.total_pages()
    }
    for (size, expected) in
        [(500, 240), (1280, 240), (1281, 360), (1984, 360), (1985, 720), (3905, 720)]
    {
        assert_eq!(pages::<Granule4K>(size), expected, "{size} bytes");
    }
    for (size, expected) in
        [(2000, 240), (5376, 240), (5377, 360), (7936, 360), (7937, 720), (15873, 720)]
    {
        assert_eq!(pages::<Granule16K>(size), expected, "{size} bytes");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 64 },
        failure_persistence: None,
        ..Default::default()
    })]

    /// Objects keep their contents, places do not overlap, and every page with room is on the
    /// list that its room says, whatever is freed and moved.
    #[test]
    fn places_lists_and_contents_agree(
        steps in proptest::collection::vec((0_usize..8, 1_usize..=4096, 0_usize..64), 1..200),
    ) {
        let env = HostEnv::<Granule4K>::new();
        let pool = Z3fold::new(&env);
        let mut live: Vec<(Handle, u8, usize)> = Vec::new();
        for (step, &(what, size, victim)) in steps.iter().enumerate() {
            match what {
                0..5 => {
                    let handle = pool.malloc(size, Owner::NONE).unwrap();
                    pool.write(handle, &std::vec![step as u8; size]).unwrap();
                    live.push((handle, step as u8, size));
                }
                5..7 if !live.is_empty() => {
                    let (handle, ..) = live.swap_remove(victim % live.len());
                    pool.free(handle).unwrap();
                }
                _ => {
                    pool.compact(&NoOwners);
                }
            }
        }
        pool.compact(&NoOwners);
        for &(handle, byte, size) in &live {
            let read = pool.read(handle, size, &mut []).unwrap();
            assert!(read.iter().all(|&b| b == byte));
            drop(read);
            if matches!(Name::of(handle), Ok(Name::Headless(_))) {
                continue;
            }
            let (view, place) = view(&pool, handle);
            let [first, middle, last] = view.sizes;
            assert!(view.sizes[place as usize - 1] >= size.div_ceil(64));
            assert!(first + middle + last <= 62);
            assert!(middle == 0 || 2 + first <= view.start_middle);
            assert!(middle == 0 || view.start_middle + middle <= 64 - last);
            let before = if first == 0 { view.start_middle - 2 * usize::from(middle != 0) } else { 0 };
            let after = if last == 0 { 64 - view.start_middle - middle } else { 0 };
            let free = if middle == 0 { 62 - first - last } else { before.max(after) };
            let full = view.sizes.iter().all(|&size| size != 0);
            assert_eq!(view.list, (!full).then_some(free));
        }
        assert_eq!(pool.statistics().objects, live.len());
        live.into_iter().for_each(|(handle, ..)| pool.free(handle).unwrap());
        pool.compact(&NoOwners);
        assert_eq!(pool.total_pages(), 0);
    }
}

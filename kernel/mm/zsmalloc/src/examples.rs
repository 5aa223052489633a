//! Worked examples: which zspage and index an object gets, and what compaction does.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{AllocError, Granule4K, Handle, NoOwners, Owner, ZPool};

use crate::Zsmalloc;

type Pool<'a> = Zsmalloc<&'a HostEnv<Granule4K>, 8>;

fn malloc(pool: &Pool<'_>, size: usize) -> Handle {
    pool.malloc(size, Owner::NONE).unwrap()
}

fn fill(pool: &Pool<'_>, size: usize, count: usize) -> Vec<Handle> {
    (0..count).map(|_| malloc(pool, size)).collect()
}

/// Zspage and index of an object.
fn location(pool: &Pool<'_>, handle: Handle) -> (u32, u16) {
    let reading = pool.enter();
    let (_, word) = pool.word(&reading, handle).unwrap();
    let location = word.location();
    (location.zspage, location.index)
}

#[test]
fn the_zspage_that_entered_its_group_last_is_the_destination() {
    let env = HostEnv::new();
    let pool = Pool::new(&env);
    let mut handles = fill(&pool, 2048, 1);
    assert_eq!(pool.total_pages(), 8);
    handles.extend(fill(&pool, 2048, 14));
    assert_eq!(pool.total_pages(), 8);
    handles.push(malloc(&pool, 2048));
    assert_eq!(pool.total_pages(), 16);
    let first = location(&pool, handles[0]).0;
    let second = location(&pool, handles[15]).0;
    for (index, &handle) in handles[..15].iter().enumerate() {
        assert_eq!(location(&pool, handle), (first, index as u16));
    }
    assert_eq!(location(&pool, handles[15]), (second, 0));
    for handle in handles.drain(..14) {
        pool.free(handle).unwrap();
    }
    let class = pool.class_statistics().find(|class| class.size == 2176).unwrap();
    assert_eq!((class.obj_allocated, class.obj_used, class.freeable), (30, 2, 8));
    assert_eq!(class.zspages[1], 2);
    assert_eq!(pool.compact(&NoOwners).pages, 8);
    assert_eq!(pool.total_pages(), 8);
    assert_eq!(location(&pool, handles[0]), (first, 14));
    assert_eq!(location(&pool, handles[1]), (first, 13));
    assert_eq!(pool.pages_compacted(), 8);
}

#[test]
fn the_emptiest_zspage_moves_to_the_fullest() {
    let env = HostEnv::new();
    let pool = Pool::new(&env);
    let handles = fill(&pool, 3000, 8);
    assert_eq!(pool.total_pages(), 6);
    pool.write(handles[2], &[7; 3000]).unwrap();
    for index in [0, 1, 3, 4] {
        pool.free(handles[index]).unwrap();
    }
    let class = pool.class_statistics().find(|class| class.size == 3072).unwrap();
    assert_eq!((class.zspages[3], class.zspages[8], class.freeable), (1, 1, 3));
    let second = location(&pool, handles[5]).0;
    let work = pool.compact(&NoOwners);
    assert_eq!((work.pages, work.objects, work.bytes), (3, 1, 3072));
    assert_eq!(pool.total_pages(), 3);
    assert_eq!(location(&pool, handles[2]), (second, 0));
    for (index, &handle) in handles.iter().enumerate().skip(5) {
        assert_eq!(location(&pool, handle), (second, index as u16 - 4));
    }
    let mut scratch = [0; 3000];
    assert!(pool.read(handles[2], 3000, &mut scratch).unwrap().iter().all(|&byte| byte == 7));
}

#[test]
fn the_place_freed_last_is_taken_first() {
    let env = HostEnv::new();
    let pool = Pool::new(&env);
    let handles = fill(&pool, 1000, 4);
    pool.free(handles[1]).unwrap();
    pool.free(handles[3]).unwrap();
    let (third, first) = (malloc(&pool, 1000), malloc(&pool, 1000));
    assert_eq!((location(&pool, third).1, location(&pool, first).1), (3, 1));
    assert_eq!(pool.total_pages(), 1);
    assert_eq!(location(&pool, malloc(&pool, 1000)).1, 0);
    assert_eq!(pool.total_pages(), 2);
}

#[test]
fn huge_objects_are_never_compacted() {
    let env = HostEnv::new();
    let pool = Pool::new(&env);
    let handles = fill(&pool, 4096, 3);
    assert_eq!(pool.total_pages(), 3);
    pool.free(handles[1]).unwrap();
    assert_eq!(pool.total_pages(), 2);
    assert_eq!(pool.compact(&NoOwners).pages, 0);
}

#[test]
fn a_zspage_is_made_whole_or_not_at_all() {
    let env = HostEnv::new();
    let pool = Pool::new(&env);
    assert_eq!(pool.malloc(0, Owner::NONE), Err(AllocError::Invalid));
    assert_eq!(pool.malloc(4097, Owner::NONE), Err(AllocError::NoSpace));
    // Two frames for the handle and the descriptor, and four of eight pages.
    env.set_limit(6);
    assert_eq!(pool.malloc(2048, Owner::NONE), Err(AllocError::NoMemory));
    assert_eq!(env.pages(), 0);
    let statistics = pool.statistics();
    assert_eq!((statistics.pool_pages, statistics.metadata_bytes, statistics.objects), (0, 0, 0));
}

/// Counters, lists, free lists and headers agree with each other.
fn check_invariants(pool: &Pool<'_>, live: &[Handle]) {
    let reading = pool.enter();
    let view = pool.view(&reading);
    let mut pages = 0;
    for class in &pool.classes {
        let lists = class.lists.lock(&*pool.env);
        let (mut zspages, mut inuse) = (0, 0);
        for group in 0..12 {
            let mut next = lists.head(group);
            let mut count = 0;
            while let Some(zspage) = next {
                let descriptor = crate::class::Descriptors::descriptor(&view, zspage);
                assert_eq!(descriptor.group(), group);
                let used = (0..class.layout.objects as u16).filter(|&index| {
                    // SAFETY: the lock of the class is held.
                    unsafe { descriptor.handle_of::<Granule4K>(&class.layout, index) }.is_some()
                });
                assert_eq!(used.count(), descriptor.inuse());
                inuse += descriptor.inuse();
                count += 1;
                next = Some(descriptor.next.load(core::sync::atomic::Ordering::Relaxed))
                    .filter(|&next| next != crate::zspage::NONE);
            }
            assert_eq!(count, lists.zspages[group]);
            zspages += count;
        }
        assert_eq!(lists.inuse, inuse);
        assert_eq!(lists.allocated, zspages * class.layout.objects);
        pages += zspages * class.layout.pages;
    }
    assert_eq!(pages, pool.total_pages());
    for &handle in live {
        let (number, word) = pool.word(&reading, handle).unwrap();
        let location = word.location();
        let descriptor = crate::class::Descriptors::descriptor(&view, location.zspage);
        let class = &pool.classes[descriptor.class()];
        let _lists = class.lists.lock(&*pool.env);
        // SAFETY: the lock of the class is held.
        let header = unsafe { descriptor.handle_of::<Granule4K>(&class.layout, location.index) };
        assert_eq!(header, Some(number));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 64 },
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn counters_lists_and_headers_agree(
        steps in proptest::collection::vec((0_usize..8, 1_usize..=4096, 0_usize..64), 1..300),
    ) {
        let env = HostEnv::new();
        let pool = Pool::new(&env);
        let mut live: Vec<(Handle, u8, usize)> = Vec::new();
        for (step, &(what, size, victim)) in steps.iter().enumerate() {
            match what {
                0..5 => {
                    let handle = malloc(&pool, size);
                    pool.write(handle, &std::vec![step as u8; size]).unwrap();
                    live.push((handle, step as u8, size));
                }
                5..7 if !live.is_empty() => {
                    let (handle, ..) = live.swap_remove(victim % live.len());
                    pool.free(handle).unwrap();
                }
                _ => {
                    let pages = pool.total_pages();
                    let work = pool.compact(&NoOwners);
                    assert_eq!(pool.total_pages() + work.pages, pages);
                }
            }
        }
        check_invariants(&pool, &live.iter().map(|&(handle, ..)| handle).collect::<Vec<_>>());
        for (handle, byte, size) in live {
            let mut scratch = std::vec![0; size];
            let read = pool.read(handle, size, &mut scratch).unwrap();
            assert!(read.iter().all(|&b| b == byte));
        }
    }
}

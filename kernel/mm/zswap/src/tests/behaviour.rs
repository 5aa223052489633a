//! What Linux 6.12 does, case by case.

use std::boxed::Box;
use std::sync::atomic::Ordering;
use std::vec;

use zpool::testing::HostEnv;
use zpool::{AllocError, Granule4K, Owner, ZPool, find};

use super::pool::TestPool;
use super::{PAGE, contexts, fakes, noise, page_of, repeated, text};
use crate::{
    Counters, Incompressible, Keyed, LoadError, Reject, SameFilled, Settings, Store, Stored,
};

/// 1000 page frames of RAM with the kernel's limits: 200 frames, resuming at 180, and incompressible
/// pages refused as the kernel does.
fn settings() -> Settings {
    let incompressible = Incompressible::Refuse;
    Settings { max_pool_percent: 20, incompressible, ..Settings::new(PAGE, 1000) }
}

fn env() -> HostEnv<Granule4K> {
    HostEnv::new()
}

#[test]
fn storing_a_key_again_replaces_its_page() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    let keyed = Keyed::new(&store, env(), 100).unwrap();
    keyed.store(7, &page_of(1000, 1)).unwrap();
    keyed.store(7, &page_of(500, 2)).unwrap();
    let counters = store.counters();
    assert_eq!((counters.stored_pages, counters.zswpout), (1, 2));
    assert_eq!((counters.compressed_pages, counters.compressed_bytes), (1, 500));
    assert_eq!(pool.lengths(), [500]);
}

#[test]
fn a_failed_store_removes_the_older_page() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    let keyed = Keyed::new(&store, env(), 100).unwrap();
    keyed.store(7, &page_of(1000, 1)).unwrap();
    assert_eq!(keyed.store(7, &page_of(0, 2)), Err(Reject::CompressFail));
    let counters = store.counters();
    assert_eq!((counters.reject_compress_fail, counters.stored_pages), (1, 0));
    assert_eq!(keyed.load(7, &mut [0; PAGE]), Ok(false));
    assert_eq!(pool.total_pages(), 0);
}

#[test]
fn a_disabled_store_keeps_what_it_has() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    let keyed = Keyed::new(&store, env(), 100).unwrap();
    keyed.store(7, &page_of(1000, 1)).unwrap();
    keyed.store(9, &page_of(1000, 3)).unwrap();
    store.set_enabled(false);
    assert_eq!(keyed.store(7, &page_of(1000, 2)), Err(Reject::Disabled));
    assert_eq!(keyed.store(8, &page_of(1000, 2)), Err(Reject::Disabled));
    let mut page = [0; PAGE];
    assert_eq!(keyed.load(7, &mut page), Ok(false));
    assert_eq!(keyed.load(9, &mut page), Ok(true));
    assert_eq!(page[..], page_of(1000, 3));
    store.set_enabled(true);
    keyed.store(8, &page_of(1000, 2)).unwrap();
}

#[test]
fn what_the_pool_refuses_by_size_is_poor() {
    for (name, length, reject) in [
        ("zblock-v4", 4079, None),
        ("zblock-v4", 4080, Some(Reject::CompressPoor)),
        ("zblock-v4", 4096, Some(Reject::AllocFail)),
        ("zblock", 4096, None),
    ] {
        let env = env();
        let backend = zblock::backends::<&HostEnv<Granule4K>>();
        let pool = (find(&backend, name).unwrap().create)(&env).unwrap();
        let contexts = fakes();
        let store = Store::new(&*pool, &contexts, settings());
        let result = store.put(&page_of(length, 1), Owner::NONE);
        assert_eq!(result.err(), reject, "{name} {length}");
        let counters = store.counters();
        let poor = u64::from(reject == Some(Reject::CompressPoor));
        let fail = u64::from(reject == Some(Reject::AllocFail));
        assert_eq!(counters.reject_compress_poor, poor, "{name} {length}");
        assert_eq!(counters.reject_alloc_fail, fail, "{name} {length}");
        assert_eq!(counters.stored_pages, u64::from(reject.is_none()), "{name} {length}");
    }
}

#[test]
fn incompressible_pages_fail_in_the_compressor() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, settings());
    assert_eq!(store.put(&noise(1), Owner::NONE), Err(Reject::CompressFail));
    assert_eq!(store.counters().reject_compress_fail, 1);
    assert_eq!(pool.total_pages(), 0);
}

#[test]
fn incompressible_pages_are_kept_where_the_pool_permits() {
    for (name, kept) in [("zblock", true), ("zblock-v4", false)] {
        let env = env();
        let backends = zblock::backends::<&HostEnv<Granule4K>>();
        let pool = (find(&backends, name).unwrap().create)(&env).unwrap();
        let contexts = contexts("lz4");
        let settings = Settings { incompressible: Incompressible::Keep, ..settings() };
        let store = Store::new(&*pool, &contexts, settings);
        let stored = store.put(&noise(1), Owner::NONE);
        let counters = store.counters();
        assert_eq!(counters.stored_incompressible_pages, u64::from(kept), "{name}");
        assert_eq!(counters.reject_compress_fail, u64::from(!kept), "{name}");
        let Ok(stored) = stored else { continue };
        assert!(matches!(stored, Stored::Object { length: 4096, .. }), "{stored:?}");
        let mut page = [0; PAGE];
        store.get(stored, &mut page).unwrap();
        assert_eq!(page[..], noise(1));
        store.discard(stored).unwrap();
        let counters = store.counters();
        let gauges = [counters.stored_incompressible_pages, counters.compressed_bytes];
        assert_eq!(gauges, [0; 2]);
    }
}

#[test]
fn incompressible_pages_stop_at_the_limit() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { incompressible: Incompressible::Keep, ..settings() };
    let store = Store::new(&pool, &contexts, settings);
    let results: vec::Vec<_> = (0..201).map(|seed| store.put(&noise(seed), Owner::NONE)).collect();
    assert!(results[..200].iter().all(Result::is_ok));
    assert_eq!(results[200], Err(Reject::PoolLimit));
    assert_eq!(store.counters().stored_incompressible_pages, 200);
}

#[test]
fn a_page_as_it_is_needs_memory_too() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { incompressible: Incompressible::Keep, ..settings() };
    let store = Store::new(&pool, &contexts, settings);
    for (error, reject) in [
        (AllocError::NoMemory, Reject::AllocFail),
        (AllocError::NoSpace, Reject::CompressFail),
        (AllocError::Invalid, Reject::CompressFail),
    ] {
        pool.fail_next(error);
        assert_eq!(store.put(&noise(1), Owner::NONE), Err(reject));
    }
    assert_eq!(store.counters().stored_pages, 0);
}

#[test]
fn loads_are_exclusive_and_reads_are_not() {
    let env = env();
    let backends = zblock::backends::<&HostEnv<Granule4K>>();
    let pool = (find(&backends, "zblock-v4").unwrap().create)(&env).unwrap();
    let contexts = contexts("lz4");
    let store = Store::new(&*pool, &contexts, settings());
    let keyed = Keyed::new(&store, &env, 100).unwrap();
    let mut page = [0; PAGE];
    keyed.store(7, &text(1)).unwrap();
    assert_eq!(keyed.read(7, &mut page), Ok(true));
    assert_eq!(page[..], text(1));
    assert_eq!(store.counters().stored_pages, 1);
    page.fill(0);
    assert_eq!(keyed.load(7, &mut page), Ok(true));
    assert_eq!(page[..], text(1));
    let counters = store.counters();
    assert_eq!((counters.stored_pages, counters.compressed_bytes, counters.zswpin), (0, 0, 2));
    assert_eq!(pool.total_pages(), 0);
    assert_eq!(keyed.load(7, &mut page), Ok(false));
}

#[test]
fn limits_decide_like_the_kernel() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    for (total, accepted, hits) in [
        (199, true, 0),
        (200, false, 1),
        (190, false, 1),
        (181, false, 1),
        (180, true, 1),
        (199, true, 1),
        (205, false, 2),
        (180, true, 2),
        (179, true, 2),
    ] {
        pool.more_pages.store(total, Ordering::Relaxed);
        let stored = store.put(&page_of(100, 1), Owner::NONE);
        assert_eq!(stored.is_ok(), accepted, "{total}");
        assert_eq!(stored.err(), (!accepted).then_some(Reject::PoolLimit));
        assert_eq!(store.counters().pool_limit_hit, hits, "{total}");
        if let Ok(stored) = stored {
            store.discard(stored).unwrap();
        }
    }
    assert_eq!(store.counters().reject_hysteresis, 2);
    assert!(!store.limits().full());
}

#[test]
fn a_full_pool_refuses_repeated_words_too() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    pool.more_pages.store(200, Ordering::Relaxed);
    assert_eq!(store.put(&repeated(0), Owner::NONE), Err(Reject::PoolLimit));
}

#[test]
fn a_repeated_word_takes_no_object() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, settings());
    let keyed = Keyed::new(&store, env(), 100).unwrap();
    for word in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
        keyed.store(word, &repeated(word)).unwrap();
    }
    let counters = store.counters();
    assert_eq!((counters.stored_pages, counters.same_filled_pages, counters.zswpout), (3, 3, 3));
    assert_eq!((counters.compressed_pages, pool.total_pages()), (0, 0));
    for word in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
        let mut page = [1; PAGE];
        assert_eq!(keyed.load(word, &mut page), Ok(true));
        assert_eq!(page[..], repeated(word));
    }
    assert_eq!((store.counters().stored_pages, store.counters().zswpin), (0, 3));
}

#[test]
fn a_word_that_does_not_fit_becomes_an_object() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { word_fits: |word| word >> 61 == 0, ..settings() };
    let store = Store::new(&pool, &contexts, settings);
    assert_eq!(store.put(&repeated(5), Owner::NONE), Ok(Stored::Same(5)));
    let stored = store.put(&repeated(u64::MAX), Owner::NONE).unwrap();
    assert!(matches!(stored, Stored::Word(_)), "{stored:?}");
    assert_eq!(pool.lengths(), [8]);
    let counters = store.counters();
    assert_eq!((counters.same_filled_pages, counters.same_filled_objects), (2, 1));
    assert_eq!((counters.compressed_pages, counters.compressed_bytes), (0, 0));
    let mut page = [0; PAGE];
    store.get(stored, &mut page).unwrap();
    assert_eq!(page[..], repeated(u64::MAX));
    store.discard(stored).unwrap();
    assert_eq!(store.counters().same_filled_objects, 0);
    assert_eq!(pool.total_pages(), 0);
}

#[test]
fn zero_pages_can_be_the_swap_layers() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { same_filled: SameFilled::Zero, ..settings() };
    let store = Store::new(&pool, &contexts, settings);
    let keyed = Keyed::new(&store, env(), 100).unwrap();
    keyed.store(1, &text(1)).unwrap();
    // Neither limits nor switch are asked, and the older page of the key goes.
    store.set_enabled(false);
    pool.more_pages.store(200, Ordering::Relaxed);
    keyed.store(1, &repeated(0)).unwrap();
    let counters = store.counters();
    assert_eq!((counters.swpout_zero, counters.zswpout, counters.stored_pages), (1, 1, 0));
    let mut page = [1; PAGE];
    assert_eq!(keyed.load(1, &mut page), Ok(true));
    assert_eq!(page[..], repeated(0));
    let counters = store.counters();
    assert_eq!((counters.swpin_zero, counters.zswpin, counters.same_filled_pages), (1, 0, 0));
    // Another word is compressed like any page.
    store.set_enabled(true);
    pool.more_pages.store(0, Ordering::Relaxed);
    keyed.store(2, &repeated(7)).unwrap();
    assert_eq!(store.counters().compressed_pages, 1);
}

#[test]
fn repeated_words_can_be_compressed() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let settings = Settings { same_filled: SameFilled::Off, ..settings() };
    let store = Store::new(&pool, &contexts, settings);
    let stored = store.put(&repeated(0), Owner::NONE).unwrap();
    assert!(matches!(stored, Stored::Object { length: 1..64, .. }), "{stored:?}");
}

#[test]
fn memory_failures_are_counted_and_survived() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, settings());
    for (error, reject) in [
        (AllocError::NoMemory, Reject::AllocFail),
        (AllocError::Invalid, Reject::AllocFail),
        (AllocError::NoSpace, Reject::CompressPoor),
    ] {
        pool.fail_next(error);
        assert_eq!(store.put(&page_of(9, 1), Owner::NONE), Err(reject));
        let stored = store.put(&page_of(9, 1), Owner::NONE).unwrap();
        store.discard(stored).unwrap();
    }
    let counters = store.counters();
    assert_eq!((counters.reject_alloc_fail, counters.reject_compress_poor), (2, 1));
    assert_eq!((counters.stored_pages, counters.free_fail), (0, 0));
}

#[test]
fn a_full_table_refuses_and_recovers() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 1000));
    let keyed = Keyed::new(&store, env(), 8).unwrap();
    let results: vec::Vec<_> =
        (0..12).map(|key| keyed.store(key, &page_of(20, key as u8))).collect();
    assert_eq!(results[..10], [Ok(()); 10], "8 and a quarter");
    assert_eq!(results[10..], [Err(Reject::NoEntry); 2]);
    assert_eq!(store.counters().reject_kmemcache_fail, 2);
    assert!(keyed.invalidate(3) && !keyed.invalidate(3));
    keyed.store(100, &page_of(20, 100)).unwrap();
    for key in [0, 1, 2, 4, 5, 6, 7, 8, 9, 100] {
        assert!(keyed.invalidate(key), "{key}");
    }
    assert_eq!((store.counters().stored_pages, pool.total_pages()), (0, 0));
}

#[test]
fn slices_of_another_length_are_refused() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, settings());
    assert_eq!(store.put(&[0; 8], Owner::NONE), Err(Reject::PageSize));
    let stored = store.put(&repeated(0), Owner::NONE).unwrap();
    assert_eq!(store.get(stored, &mut [0; 2 * PAGE]), Err(LoadError::PageSize));
}

#[test]
fn without_a_context_nothing_is_stored() {
    struct Nobody;
    impl crate::Contexts for Nobody {
        fn with(&self, _: &mut dyn FnMut(&mut crate::Context)) {}
    }
    let pool: Box<dyn ZPool> = Box::new(TestPool::default());
    let store = Store::new(&*pool, &Nobody, settings());
    assert_eq!(store.put(&text(1), Owner::NONE), Err(Reject::NoContext));
    assert!(store.put(&repeated(1), Owner::NONE).is_ok());
}

#[test]
fn names_of_counters_are_the_kernels() {
    let names: vec::Vec<_> = Counters::default().iter().map(|(name, _)| name).collect();
    for name in ["stored_pages", "pool_total_size", "pool_limit_hit", "reject_compress_fail"] {
        assert!(names.contains(&name), "{name}");
    }
}

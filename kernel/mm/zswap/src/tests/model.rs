//! The keyed front end against a map of pages.

use std::boxed::Box;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use zpool::testing::HostEnv;
use zpool::{Budget, Granule4K, ZPool, find};

use super::disk::Disk;
use super::pool::TestPool;
use super::{PAGE, contexts, noise, repeated, text};
use crate::{Incompressible, Keyed, Reject, SameFilled, Settings, Store, SwapArea};

#[derive(Clone, Debug)]
enum Operation {
    Store(u64, Content),
    Load(u64),
    Read(u64),
    Invalidate(u64),
    Maintain,
    /// One run of the worker, the disk failing or not.
    WriteBack(bool),
    Shrink,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Text(u64),
    Noise(u64),
    Repeated(u64),
}

impl Content {
    fn page(self) -> Vec<u8> {
        match self {
            Self::Text(seed) => text(seed),
            Self::Noise(seed) => noise(seed),
            Self::Repeated(word) => repeated(word),
        }
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = || 0..24_u64;
    let content = prop_oneof![
        4 => any::<u64>().prop_map(Content::Text),
        1 => any::<u64>().prop_map(Content::Noise),
        1 => prop_oneof![Just(0), any::<u64>()].prop_map(Content::Repeated),
    ];
    prop_oneof![
        4 => (key(), content).prop_map(|(key, content)| Operation::Store(key, content)),
        2 => key().prop_map(Operation::Load),
        1 => key().prop_map(Operation::Read),
        1 => key().prop_map(Operation::Invalidate),
        1 => Just(Operation::Maintain),
        1 => any::<bool>().prop_map(Operation::WriteBack),
        1 => Just(Operation::Shrink),
    ]
}

const BUDGET: Budget = Budget { bytes: 16384, objects: 8 };

/// Runs the operations on a store above `pool` and checks everything that can be seen.
fn check(pool: &dyn ZPool, settings: Settings, slots: usize, operations: &[Operation]) {
    let contexts = contexts("lz4");
    let disk = Disk::new(slots);
    let area = SwapArea::new(&disk).unwrap();
    let mut store = Store::new(pool, &contexts, settings);
    if slots > 0 {
        store = store.with_area(&area);
    }
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 16).unwrap();
    let mut model: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut page = [0; PAGE];
    let (mut out, mut into) = (0, 0);
    for operation in operations {
        match *operation {
            Operation::Store(key, content) => match keyed.store(key, &content.page()) {
                Ok(()) => {
                    out += 1;
                    model.insert(key, content.page());
                }
                Err(reject) => {
                    let noise = matches!(content, Content::Noise(_));
                    match reject {
                        Reject::CompressFail => assert!(noise, "{content:?} was refused"),
                        Reject::NoEntry => assert!(model.len() >= 16, "full at {}", model.len()),
                        other => panic!("{other}"),
                    }
                    model.remove(&key);
                }
            },
            Operation::Load(key) => {
                assert_eq!(keyed.load(key, &mut page), Ok(model.contains_key(&key)));
                if let Some(expected) = model.remove(&key) {
                    into += 1;
                    assert_eq!(page[..], expected);
                }
            }
            Operation::Read(key) => {
                assert_eq!(keyed.read(key, &mut page), Ok(model.contains_key(&key)));
                if let Some(expected) = model.get(&key) {
                    into += 1;
                    assert_eq!(page[..], *expected);
                }
            }
            Operation::Invalidate(key) => {
                assert_eq!(keyed.invalidate(key), model.remove(&key).is_some());
            }
            Operation::Maintain => {
                pool.maintain(BUDGET, &keyed);
            }
            Operation::WriteBack(fails) => {
                disk.fail_writes.store(fails, Ordering::Relaxed);
                let run = keyed.write_back(&mut page);
                assert!(!fails || run.written == 0, "{run:?}");
                disk.fail_writes.store(false, Ordering::Relaxed);
            }
            Operation::Shrink => {
                keyed.shrink(0, &mut page);
            }
        }
        let counters = store.counters();
        assert!(counters.balance(), "{counters:?}");
        let direct = counters.pswpout - counters.written_back_pages;
        assert_eq!(counters.swpout_zero + counters.zswpout + direct, out);
        assert_eq!(counters.swpin_zero + counters.zswpin + counters.pswpin, into);
        let kept = counters.compressed_pages + counters.same_filled_pages;
        assert_eq!(kept + counters.swapped_pages, model.len() as u64);
        assert_eq!(counters.swapped_pages as usize, area.used());
        assert_eq!(counters.pool_total_size, (pool.total_pages() * PAGE) as u64);
        assert_eq!((counters.free_fail, counters.decompress_fail), (0, 0));
        let objects = counters.compressed_pages + counters.same_filled_objects;
        assert_eq!(pool.statistics().objects as u64, objects);
        let zeros = model.values().filter(|&page| *page == repeated(0)).count() as u64;
        let swap_layers = if settings.same_filled == SameFilled::Zero { zeros } else { 0 };
        let in_pool = counters.stored_pages + swap_layers;
        assert_eq!(in_pool + counters.swapped_pages, model.len() as u64);
    }
    for (key, expected) in model {
        assert_eq!(keyed.load(key, &mut page), Ok(true));
        assert_eq!(page[..], expected);
    }
    let counters = store.counters();
    let gauges = [counters.stored_pages, counters.compressed_pages, counters.compressed_bytes];
    assert_eq!(gauges, [0; 3]);
    assert_eq!((counters.same_filled_pages, counters.same_filled_objects), (0, 0));
    pool.compact(&keyed);
    assert_eq!((pool.statistics().objects, area.used()), (0, 0));
}

fn settings() -> impl Strategy<Value = Settings> {
    let modes = [SameFilled::Off, SameFilled::Zero, SameFilled::Word];
    let incompressible = [Incompressible::Refuse, Incompressible::Keep];
    let fits: [fn(u64) -> bool; 2] = [|_| true, |word| word < 1 << 61];
    (select(modes.to_vec()), select(fits.to_vec()), select(incompressible.to_vec())).prop_map(
        |(same_filled, word_fits, incompressible)| Settings {
            same_filled,
            word_fits,
            incompressible,
            ..Settings::new(PAGE, 10_000)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    #[test]
    fn zblock_keeps_every_page(
        settings in settings(),
        slots in select(std::vec![0, 3, 64]),
        operations in vec(operation(), 0..if cfg!(miri) { 12 } else { 120 }),
    ) {
        for name in ["zblock", "zblock-v4"] {
            let env = HostEnv::<Granule4K>::new();
            let backends = zblock::backends::<&HostEnv<Granule4K>>();
            let pool: Box<dyn ZPool> = (find(&backends, name).unwrap().create)(&env).unwrap();
            check(&*pool, settings, slots, &operations);
        }
    }

    #[test]
    fn objects_may_move_between_any_two_operations(
        settings in settings(),
        slots in select(std::vec![0, 3, 64]),
        operations in vec(operation(), 0..if cfg!(miri) { 12 } else { 120 }),
    ) {
        check(&TestPool::default(), settings, slots, &operations);
    }
}

#[test]
fn every_object_of_a_table_moves() {
    let (pool, contexts) = (TestPool::default(), contexts("lz4"));
    let store = Store::new(&pool, &contexts, Settings::new(PAGE, 10_000));
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 3000).unwrap();
    let pages = if cfg!(miri) { 5 } else { 300 };
    for key in 0..pages {
        // Keys that differ in upper bits only.
        keyed.store(key << 40, &text(key)).unwrap();
    }
    assert_eq!(pool.maintain(BUDGET, &keyed).objects, pages as usize);
    let mut page = [0; PAGE];
    for key in 0..pages {
        assert_eq!(keyed.load(key << 40, &mut page), Ok(true));
        assert_eq!(page[..], text(key));
    }
}

//! Slabs keep what they are given, and give frames back.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::testing::HostEnv;
use crate::{Granule4K, Granule16K};

type Words<'a, G> = Slab<AtomicU64, &'a HostEnv<G>>;

fn slab<G: crate::Granule>(env: &HostEnv<G>) -> (Arc<Readers>, Words<'_, G>) {
    let readers = Arc::new(Readers::new(env.cpus()));
    (readers.clone(), Slab::new(Arc::new(env), readers))
}

#[test]
fn objects_have_their_own_numbers_and_places() {
    let env = HostEnv::<Granule4K>::new();
    let (readers, slab) = slab(&env);
    let count = if cfg!(miri) { 600 } else { 200_000 };
    let ids: Vec<u32> = (0..count).map(|_| slab.alloc().unwrap()).collect();
    let reading = readers.enter(0);
    for (value, &id) in ids.iter().enumerate() {
        slab.get(&reading, id).unwrap().store(value as u64, Ordering::Relaxed);
    }
    for (value, &id) in ids.iter().enumerate() {
        assert_eq!(slab.get(&reading, id).unwrap().load(Ordering::Relaxed), value as u64);
    }
    assert_eq!(slab.len(), count);
    assert!(slab.get(&reading, u32::MAX).is_none());
    assert!(!slab.free(&reading, u32::MAX));
    for &id in &ids {
        assert!(slab.free(&reading, id));
        assert!(!slab.free(&reading, id));
    }
    assert!(slab.is_empty());
}

#[test]
fn empty_frames_go_back_once_nobody_looks() {
    let env = HostEnv::<Granule16K>::new();
    let (readers, slab) = slab(&env);
    let ids: Vec<u32> = (0..5_000).map(|_| slab.alloc().unwrap()).collect();
    let reading = readers.enter(0);
    ids.iter().for_each(|&id| assert!(slab.free(&reading, id)));
    assert!(!slab.trim(0), "someone is looking");
    drop(reading);
    let before = env.pages();
    while slab.trim(1) {}
    assert_eq!(env.pages(), 1, "one in reserve, of {before}");
    assert!(slab.trim(0));
    assert!(!slab.trim(0));
    let again = slab.alloc().unwrap();
    assert_eq!(slab.get(&readers.enter(0), again).unwrap().load(Ordering::Relaxed), 0);
}

#[test]
fn a_refused_frame_changes_nothing() {
    let env = HostEnv::<Granule4K>::new();
    let (readers, slab) = slab(&env);
    env.set_limit(0);
    assert_eq!(slab.alloc(), None);
    env.set_limit(1);
    let id = slab.alloc().unwrap();
    assert!(slab.free(&readers.enter(0), id));
    assert!(slab.is_empty());
}

#[test]
fn threads_share_a_slab() {
    let threads = 4;
    let rounds = if cfg!(miri) { 40 } else { 5_000 };
    let env = HostEnv::<Granule4K>::with_cpus(2);
    let (readers, slab) = slab(&env);
    let (env, readers, slab) = (&env, &*readers, &slab);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                env.set_cpu(thread % 2);
                let mut live = HashMap::new();
                for round in 0..rounds as u64 {
                    let value = (thread as u64) << 32 | round | 1 << 63;
                    let id = slab.alloc().unwrap();
                    let reading = readers.enter(env.cpu());
                    slab.get(&reading, id).unwrap().store(value, Ordering::Relaxed);
                    assert!(live.insert(id, value).is_none(), "the object was live");
                    if round % 3 != 0 {
                        let id = *live.keys().next().unwrap();
                        let value = live.remove(&id).unwrap();
                        assert_eq!(slab.get(&reading, id).unwrap().load(Ordering::Relaxed), value);
                        assert!(slab.free(&reading, id));
                    }
                    drop(reading);
                    slab.trim(1);
                }
                let reading = readers.enter(env.cpu());
                live.keys().for_each(|&id| assert!(slab.free(&reading, id)));
            });
        }
    });
    assert!(slab.is_empty());
    while slab.trim(0) {}
    assert_eq!(env.pages(), 0);
}

//! Several threads at once on one pool.

use std::sync::Mutex;
use std::vec::Vec;

use super::super::HostEnv;
use super::model::pattern;
use super::{Random, Subject, rounds};
use crate::{Budget, Granule, Handle, Owner, Owners, ZPool};

const THREADS: usize = 4;

/// Threads replace objects of a shared table at random, each on a CPU of its own, so that most
/// objects are freed by another thread than the one that made them; all of them maintain.
pub(super) fn check<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::with_cpus(THREADS);
    let pool = subject.pool(&env);
    let table = Table((0..rounds(400)).map(|_| Mutex::new(None)).collect());
    std::thread::scope(|scope| {
        for cpu in 0..THREADS {
            let (env, pool, table) = (&env, &*pool, &table);
            let largest = subject.capabilities.largest;
            scope.spawn(move || {
                env.set_cpu(cpu);
                let mut random = Random(cpu as u64);
                for round in 0..rounds(5_000) {
                    let owner = random.below(table.0.len());
                    table.replace(pool, owner, 1 + random.below(largest));
                    if round % 16 == 0 {
                        pool.maintain(Budget { bytes: 2 * G::SIZE, objects: 2 }, table);
                    }
                }
            });
        }
    });
    let live = table.0.iter().filter(|entry| entry.lock().unwrap().is_some()).count();
    let statistics = pool.statistics();
    assert_eq!(statistics.objects, live, "live objects after threads have ended");
    assert_eq!(statistics.pool_pages, pool.total_pages(), "pages after threads have ended");
    pool.compact(&table);
    for owner in 0..table.0.len() {
        table.end(&*pool, owner);
    }
    pool.compact(&table);
    let idle = subject.capabilities.idle_pages * THREADS;
    assert!(env.pages() <= idle, "{} frames held, {idle} are declared", env.pages());
}

struct Entry {
    handle: Handle,
    size: usize,
}

/// Who holds the handles: like page-table entries, each under a lock taken before the pool's.
struct Table(Vec<Mutex<Option<Entry>>>);

impl Table {
    fn replace(&self, pool: &dyn ZPool, owner: usize, size: usize) {
        self.end(pool, owner);
        let mut entry = self.0[owner].lock().unwrap();
        if entry.is_none() {
            let number = owner as u32;
            let handle = pool.malloc(size, Owner(number)).expect("memory without a limit");
            pool.write(handle, &pattern(number, size)).expect("writing a live object");
            *entry = Some(Entry { handle, size });
        }
    }

    fn end(&self, pool: &dyn ZPool, owner: usize) {
        let mut entry = self.0[owner].lock().unwrap();
        if let Some(Entry { handle, size }) = entry.take() {
            let mut scratch = vec![0; size];
            let read = pool.read(handle, size, &mut scratch).expect("reading a live object");
            assert!(*read == *pattern(owner as u32, size), "object {owner} has changed");
            drop(read);
            pool.free(handle).expect("freeing a live object");
        }
    }
}

impl Owners for Table {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Ok(mut entry) = self.0[owner.0 as usize].try_lock() else { return false };
        match entry.as_mut() {
            Some(entry) if entry.handle == old => {
                entry.handle = new;
                true
            }
            _ => false,
        }
    }
}

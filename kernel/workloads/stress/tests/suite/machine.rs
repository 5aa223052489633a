//! A machine made of the host's threads and memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use report::Snapshot;
use stress::{
    Arena, Corpus, LoadError, Machine, Options, OutOfMemory, PageStore, Pool, Refusal, RunReport,
    ThreadTimes, WorkerEnd,
};

use crate::memory::Memory;
use crate::primitives::{HostMutex, HostSemaphore};
use zpool::testing::HostEnv;
use zpool::{Granule4K, NoOwners, ZPool};

/// A machine whose clock advances by a fixed step each time it is read, so that a timeout falls
/// after the same page in every run with one worker.
pub struct Host {
    pub page_size: usize,
    /// Nanoseconds between two readings of the clock.
    pub step_ns: u64,
    /// Largest mapping.
    pub map_limit: usize,
    /// Workers that are killed as they begin.
    pub kill: Vec<usize>,
    pub lost: AtomicUsize,
    pub pool: Option<Box<dyn ZPool>>,
    pub store: Option<Pages>,
    pub resident_limit: AtomicUsize,
    pub lines: Mutex<Vec<String>>,
    pub progress: Mutex<Vec<String>>,
    pub clock_ns: AtomicU64,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            page_size: 4096,
            step_ns: 1_000_000,
            map_limit: 64 << 20,
            kill: Vec::new(),
            lost: AtomicUsize::new(0),
            pool: None,
            store: None,
            resident_limit: AtomicUsize::new(0),
            lines: Mutex::new(Vec::new()),
            progress: Mutex::new(Vec::new()),
            clock_ns: AtomicU64::new(0),
        }
    }
}

impl Host {
    /// Runs what `arguments` ask for.
    pub fn run(&self, arguments: &str) -> RunReport {
        let options = Options::parse(arguments).unwrap();
        stress::run(self, &options, &Corpus::generated(&[], options.seed))
    }

    /// Whether a line that contains `text` was printed.
    pub fn printed(&self, text: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

impl Machine for Host {
    fn page_size(&self) -> usize {
        self.page_size
    }

    fn cpus(&self) -> usize {
        3
    }

    fn memory_bytes(&self) -> u64 {
        1 << 20
    }

    fn now_ns(&self) -> u64 {
        self.clock_ns.fetch_add(self.step_ns, SeqCst)
    }

    fn thread_times(&self) -> ThreadTimes {
        let now = self.clock_ns.load(SeqCst);
        ThreadTimes { user_ns: now / 2, system_ns: now / 4 }
    }

    fn map(&self, bytes: usize) -> Result<Box<dyn Arena + '_>, OutOfMemory> {
        assert!(bytes.is_multiple_of(self.page_size));
        if bytes > self.map_limit {
            return Err(OutOfMemory);
        }
        Ok(Box::new(Memory::new(bytes, self.page_size)))
    }

    fn limit_resident(&self, pages: usize) {
        self.resident_limit.store(pages, SeqCst);
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        if let Some(pool) = &self.pool {
            let statistics = pool.statistics();
            snapshot.pool = Some(report::PoolStatistics {
                pool_pages: statistics.pool_pages as u64,
                objects: statistics.objects as u64,
                ..Default::default()
            });
        }
        snapshot
    }

    fn pool(&self) -> Option<Pool<'_>> {
        let pool = &**self.pool.as_ref()?;
        Some(Pool { name: "zblock", pool, owners: &NoOwners })
    }

    fn store(&self) -> Option<&dyn PageStore> {
        self.store.as_ref().map(|store| store as &dyn PageStore)
    }

    fn flush(&self, _: &[u64]) {}

    fn mutex(&self) -> Box<dyn stress::Mutex + '_> {
        Box::new(HostMutex::default())
    }

    fn semaphore(&self, permits: usize) -> Box<dyn stress::Semaphore + '_> {
        Box::new(HostSemaphore::new(permits))
    }

    fn yield_now(&self) {
        std::thread::yield_now();
    }

    fn pause(&self) {
        std::thread::yield_now();
    }

    fn lost_threads(&self) -> usize {
        self.lost.load(SeqCst)
    }

    fn sleep_until(&self, deadline_ns: u64) {
        self.clock_ns.fetch_max(deadline_ns, SeqCst);
    }

    fn print(&self, line: fmt::Arguments<'_>) {
        self.lines.lock().unwrap().push(line.to_string());
    }

    fn progress(&self, line: fmt::Arguments<'_>) {
        self.progress.lock().unwrap().push(line.to_string());
    }

    fn run_workers(&self, count: usize, worker: &(dyn Fn(usize) + Sync)) -> Vec<WorkerEnd> {
        self.lost.fetch_add((0..count).filter(|number| self.kill.contains(number)).count(), SeqCst);
        std::thread::scope(|scope| {
            for number in (0..count).filter(|number| !self.kill.contains(number)) {
                let worker = move || worker(number);
                std::thread::Builder::new()
                    .stack_size(1 << 20)
                    .spawn_scoped(scope, worker)
                    .unwrap();
            }
        });
        let end = |number| match self.kill.contains(&number) {
            true => WorkerEnd::Killed,
            false => WorkerEnd::Returned,
        };
        (0..count).map(end).collect()
    }
}

/// A pool of zblock on the host's memory. The environment lives to the end of the process, as a
/// kernel's does.
pub fn pool() -> Box<dyn ZPool> {
    let env: &'static HostEnv<Granule4K> = Box::leak(Box::new(HostEnv::with_cpus(1)));
    let backends = backends::all::<&'static HostEnv<Granule4K>>();
    (zpool::find(&backends, "zblock").unwrap().create)(env).unwrap()
}

/// A store that keeps pages as they are, at most so many.
pub struct Pages {
    pub limit: usize,
    pub refuse_every: u64,
    pub lose: bool,
    /// A page changes when it is loaded for the first time.
    pub rot: bool,
    pub pages: Mutex<HashMap<u64, Vec<u8>>>,
    pub stores: AtomicU64,
}

impl Pages {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            refuse_every: u64::MAX,
            lose: false,
            rot: false,
            pages: Mutex::default(),
            stores: AtomicU64::new(0),
        }
    }
}

impl PageStore for Pages {
    fn store(&self, key: u64, page: &[u8]) -> Result<(), Refusal> {
        let mut pages = self.pages.lock().unwrap();
        pages.remove(&key);
        if (self.stores.fetch_add(1, SeqCst) + 1).is_multiple_of(self.refuse_every) {
            return Err(Refusal::Poor);
        }
        if pages.len() >= self.limit {
            return Err(Refusal::Full);
        }
        if !self.lose {
            pages.insert(key, page.to_vec());
        }
        Ok(())
    }

    fn load(&self, key: u64, page: &mut [u8]) -> Result<(), LoadError> {
        let mut pages = self.pages.lock().unwrap();
        let found = pages.get_mut(&key).ok_or(LoadError::NotFound)?;
        page.copy_from_slice(found);
        found[1] ^= u8::from(self.rot);
        Ok(())
    }

    fn invalidate(&self, key: u64) -> bool {
        self.pages.lock().unwrap().remove(&key).is_some()
    }
}

//! The kernel as workloads see it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use report::{LatencyHistogram, PagingCounters, PoolStatistics, Snapshot, StoreCounters};
use stress::{
    Arena, LoadError, Machine, Mutex, Options, OutOfMemory, PageStore, Pool, Refusal, Semaphore,
    ThreadTimes, WorkerEnd,
};
use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark};
use zpool::{Env, NoOwners, ZPool};
use zswap::{Keyed, Reject, Store};

use super::arena::{KernelArena, drop_arenas_of};
use super::booked::{BookedPool, System};
use super::primitives::{KernelMutex, KernelSemaphore};
use super::store_counters::{add_store, subtract_events};
use super::{Boot, CONTEXTS, invariants, results};
use crate::arch::{clock, mmu};
use crate::memory::pager::{self, Paging};
use crate::memory::writeback::{self, KeyedUpkeep};
use crate::memory::{damage, swap};
use crate::sched::sleep_lock::SleepLock;
use crate::sched::thread::{Outcome, Thread};
use crate::sched::{self, PRIORITY_WORKER, semaphore};
use crate::trace::operations::{LOAD, STORE};
use crate::trace::timed_pool;
use crate::{cpu, println, trace};

/// What workloads get. The pool and the store for stressors that use them directly exist only
/// when such a stressor was asked for.
pub struct Kernel {
    boot: &'static Boot,
    /// Counters of the pages' store before the run.
    before: StoreCounters,
    paging: &'static dyn Paging,
    pool: Option<BookedPool>,
    keyed: Option<KeyedStore>,
    /// Threads for which there was no memory.
    not_started: AtomicUsize,
    /// Latencies of the moment the snapshot was taken, so that both count the same events.
    latencies: SleepLock<Vec<LatencyHistogram>>,
}

/// A store of its own, with keys. What refers to each other is leaked and taken back.
struct KeyedStore {
    front: ManuallyDrop<Box<dyn Front>>,
    store: AtomicPtr<Store<'static>>,
    pool: AtomicPtr<Box<dyn ZPool>>,
}

impl KeyedStore {
    fn store(&self) -> &Store<'static> {
        // SAFETY: from `Box::into_raw`, taken back when this value is dropped.
        unsafe { &*self.store.load(Ordering::Relaxed) }
    }
}

impl Drop for KeyedStore {
    fn drop(&mut self) {
        writeback::set_keyed(None);
        // SAFETY: 1. both pointers are from `Box::into_raw`, and nobody else takes them back. 2. The
        // front refers to the store and the store to the pool, so they go in this order; whoever
        // else was given a reference had it for the lifetime of this value.
        unsafe {
            ManuallyDrop::drop(&mut self.front);
            drop(Box::from_raw(*self.store.get_mut()));
            drop(Box::from_raw(*self.pool.get_mut()));
        }
    }
}

impl Kernel {
    /// The kernel for the stressors that the options ask for.
    pub fn new(boot: &'static Boot, options: &Options) -> Result<Self, &'static str> {
        let paging = pager::get().ok_or("paging was not set up")?;
        let asked = |name| options.requests.iter().any(|request| request.name == name);
        let pool = if asked("zpool") || asked("contend") {
            Some(BookedPool::new(new_pool(boot)?, boot))
        } else {
            None
        };
        let keyed = if asked("zswap") { Some(new_store(boot, options, paging)?) } else { None };
        paging.counters().reset();
        let mut before = StoreCounters::default();
        add_store(&mut before, &paging.store().counters());
        let (not_started, latencies) = (AtomicUsize::new(0), SleepLock::new(Vec::new()));
        Ok(Self { boot, before, paging, pool, keyed, not_started, latencies })
    }

    /// Checks the books, when the run is over; says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let keyed = self.keyed.as_ref().map(KeyedStore::store);
        let direct = self.pool.as_ref().map(|pool| pool as &dyn ZPool);
        let pools: Vec<&dyn ZPool> = keyed.map(Store::pool).into_iter().chain(direct).collect();
        invariants::check(self.paging, keyed, &pools)
    }

    /// How long faults took until the snapshot, or until now if there was none.
    pub fn latencies(&self) -> Vec<LatencyHistogram> {
        let taken = core::mem::take(&mut *self.latencies.lock());
        if taken.is_empty() { results::latencies() } else { taken }
    }
}

fn new_pool(boot: &Boot) -> Result<Box<dyn ZPool>, &'static str> {
    let pool = (boot.pools)(&boot.options.boot.zpool).ok_or("the pool's back end is unknown")?;
    let damaged = |pool| damage::damaged_pool(pool, boot.options.boot.fail_object);
    pool.map(damaged).map(timed_pool).map_err(|_| "no memory for a pool")
}

fn new_store(
    boot: &'static Boot,
    options: &Options,
    paging: &'static dyn Paging,
) -> Result<KeyedStore, &'static str> {
    let contexts = CONTEXTS.get().ok_or("no codec contexts")?;
    let pool = Box::into_raw(Box::new(new_pool(boot)?));
    let page_size = boot.options.boot.page_size;
    let ram: u64 = boot.machine.memory.iter().map(|ram| ram.end - ram.start).sum();
    // What was settled at boot.
    let settings = swap::settings(&boot.options, ram as usize / page_size);
    // SAFETY: the pool is taken back after the store, see `KeyedStore`.
    let mut store = Store::new(unsafe { &**pool }, contexts, settings);
    if let Some(area) = paging.store().area() {
        store = store.with_area(area);
    }
    let store = Box::into_raw(Box::new(store));
    let pages = options.bytes("zswap", "bytes", ram) as usize / page_size;
    // SAFETY: the store is taken back after its front, see `KeyedStore`.
    let Some(front) = (boot.keyed)(unsafe { &*store }, pages) else {
        // SAFETY: both are from `into_raw` and nobody refers to them.
        unsafe {
            drop(Box::from_raw(store));
            drop(Box::from_raw(pool));
        }
        return Err("no memory for the keys of so many pages");
    };
    // SAFETY: the front stays in its box until the store is dropped, which ends this first.
    writeback::set_keyed(Some(unsafe { &*core::ptr::from_ref(&*front) }));
    let (store, pool) = (AtomicPtr::new(store), AtomicPtr::new(pool));
    Ok(KeyedStore { front: ManuallyDrop::new(front), store, pool })
}

impl Machine for Kernel {
    fn page_size(&self) -> usize {
        self.paging.page_size()
    }

    fn cpus(&self) -> usize {
        cpu::online()
    }

    fn memory_bytes(&self) -> u64 {
        self.boot.machine.memory.iter().map(|ram| ram.end - ram.start).sum()
    }

    fn now_ns(&self) -> u64 {
        clock::now_ns()
    }

    fn thread_times(&self) -> ThreadTimes {
        let times = sched::current().times();
        ThreadTimes {
            user_ns: clock::ticks_to_ns(times.user),
            system_ns: clock::ticks_to_ns(times.system),
        }
    }

    fn map(&self, bytes: usize) -> Result<Box<dyn Arena + '_>, OutOfMemory> {
        let arena = KernelArena::map(self.paging, bytes)?;
        Ok(arena)
    }

    fn limit_resident(&self, pages: usize) {
        self.paging.set_allowance(pages);
    }

    fn snapshot(&self) -> Snapshot {
        *self.latencies.lock() = results::latencies();
        let counters = self.paging.counters();
        let (limit, resident) = self.paging.allowance();
        let mut store = StoreCounters::default();
        let mut pool = PoolStatistics::default();
        // Counters are read once for all that is made of them: other workers go on meanwhile.
        let keyed = self.keyed.as_ref().map(|keyed| (keyed.store(), keyed.store().counters()));
        let paged = (self.paging.store(), self.paging.store().counters());
        for (each, counters) in [Some(&paged), keyed.as_ref()].into_iter().flatten() {
            add_store(&mut store, counters);
            add_pool(&mut pool, each.pool(), counters.compressed_bytes);
        }
        subtract_events(&mut store, &self.before);
        if let Some(direct) = &self.pool {
            add_pool(&mut pool, direct, 0);
        }
        let load = |counter: &core::sync::atomic::AtomicU64| {
            counter.load(core::sync::atomic::Ordering::Relaxed)
        };
        Snapshot {
            paging: PagingCounters {
                minor_faults: load(&counters.minor_faults),
                major_faults: load(&counters.major_faults),
                stored: paged.1.zswpout - self.before.zswpout,
                loaded: paged.1.zswpin - self.before.zswpin,
                evictions: load(&counters.evictions),
                refused: load(&counters.refused),
                limit_pages: limit as u64,
                resident_pages: resident as u64,
                resident_max_pages: self.paging.resident_max() as u64,
            },
            store: Some(store),
            pool: Some(pool),
        }
    }

    fn pool(&self) -> Option<Pool<'_>> {
        let pool = self.pool.as_ref()?;
        Some(Pool { name: &self.boot.options.boot.zpool, pool, owners: &NoOwners })
    }

    fn store(&self) -> Option<&dyn PageStore> {
        let front: &dyn Front = &**self.keyed.as_ref()?.front;
        Some(front)
    }

    fn flush(&self, words: &[u64]) {
        let range = words.as_ptr_range();
        mmu::clean_to_memory(range.start.addr()..range.end.addr());
    }

    fn prefetch(&self, word: &u64) {
        mmu::prefetch(core::ptr::from_ref(word).addr());
    }

    fn mutex(&self) -> Box<dyn Mutex + '_> {
        Box::new(KernelMutex(SleepLock::new(())))
    }

    fn semaphore(&self, permits: usize) -> Box<dyn Semaphore + '_> {
        Box::new(KernelSemaphore(semaphore::Semaphore::new(permits)))
    }

    fn yield_now(&self) {
        sched::yield_now();
    }

    fn lost_threads(&self) -> usize {
        let killed = self.paging.counters().killed.load(Ordering::Relaxed) as usize;
        self.not_started.load(Ordering::Relaxed) + killed
    }

    fn sleep_until(&self, deadline_ns: u64) {
        sched::sleep_until_ns(deadline_ns);
    }

    fn set_real_time(&self, priority: u8) {
        sched::set_own_priority(trace::kernel_priority(priority));
    }

    fn print(&self, line: fmt::Arguments<'_>) {
        println!("{line}");
    }

    fn progress(&self, line: fmt::Arguments<'_>) {
        println!("@progress {line}");
    }

    fn run_workers(&self, count: usize, worker: &(dyn Fn(usize) + Sync)) -> Vec<WorkerEnd> {
        let jobs: Vec<Job<'_>> = (0..count).map(|number| Job { worker, number }).collect();
        let first = sched::current().cpu();
        let threads: Vec<Option<&'static Thread>> = jobs
            .iter()
            .map(|job| {
                let argument = core::ptr::from_ref(job).expose_provenance() as u64;
                let cpu = (first + job.number) % cpu::online();
                let thread = Thread::spawn(cpu, PRIORITY_WORKER, run_job, argument);
                if thread.is_none() {
                    self.not_started.fetch_add(1, Ordering::Relaxed);
                }
                let thread = thread?;
                sched::start(thread);
                Some(thread)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let Some(thread) = thread else { return WorkerEnd::NotStarted };
                let index = thread.index();
                let (outcome, _) = thread.join();
                if outcome != Outcome::Returned {
                    drop_arenas_of(self.paging, index);
                }
                match outcome {
                    Outcome::Returned => WorkerEnd::Returned,
                    Outcome::OutOfMemory => WorkerEnd::Killed,
                    Outcome::PageLost => WorkerEnd::PageLost,
                }
            })
            .collect()
    }
}

/// What one worker thread is told.
struct Job<'a> {
    worker: &'a (dyn Fn(usize) + Sync),
    number: usize,
}

fn run_job(argument: u64) {
    let job = core::ptr::with_exposed_provenance::<Job<'_>>(argument as usize);
    // SAFETY: `run_workers` passes the address of a job that lives until every thread is joined.
    let job = unsafe { &*job };
    (job.worker)(job.number);
}

/// The keyed front end, as workloads see a store, and as write-back and recompression do.
pub trait Front: PageStore + KeyedUpkeep {}

impl<E: Env> Front for KeyedFront<E> {}

/// The one front end there is.
pub struct KeyedFront<E>(pub Keyed<'static, E>);

impl<E: Env> KeyedUpkeep for KeyedFront<E> {
    fn write_back(&self, buffer: &mut [u8]) -> bool {
        let run = self.0.write_back(buffer);
        run.above && run.failures == run.rotated && run.rotated + run.written > 0
    }

    fn shrink(&self, priority: u32, buffer: &mut [u8]) {
        self.0.shrink(priority, buffer);
    }

    fn entries(&self) -> usize {
        self.0.entries()
    }

    fn recompress(&self, entries: usize, least: usize, buffer: &mut [u8]) {
        self.0.recompress(entries, least, buffer);
    }
}

impl<E: Env> PageStore for KeyedFront<E> {
    fn store(&self, key: u64, page: &[u8]) -> Result<(), Refusal> {
        let _system = System::enter();
        mark::<{ OPERATION_BEGIN + STORE }>();
        let stored = self.0.store(key, page);
        mark::<{ OPERATION_END + STORE }>();
        self.0.maintain();
        stored.map_err(|reject| match reject {
            Reject::PoolLimit => Refusal::Full,
            Reject::CompressPoor | Reject::CompressFail | Reject::PageSize => Refusal::Poor,
            Reject::AllocFail | Reject::NoEntry | Reject::NoContext | Reject::Disabled => {
                Refusal::NoMemory
            }
        })
    }

    fn load(&self, key: u64, page: &mut [u8]) -> Result<(), LoadError> {
        let _system = System::enter();
        mark::<{ OPERATION_BEGIN + LOAD }>();
        let loaded = self.0.read(key, page);
        mark::<{ OPERATION_END + LOAD }>();
        match loaded {
            Ok(true) => Ok(()),
            Ok(false) => Err(LoadError::NotFound),
            Err(_) => Err(LoadError::Damaged),
        }
    }

    fn invalidate(&self, key: u64) -> bool {
        let _system = System::enter();
        let found = self.0.invalidate(key);
        self.0.maintain();
        found
    }
}

fn add_pool(total: &mut PoolStatistics, pool: &dyn ZPool, live_bytes: u64) {
    let statistics = pool.statistics();
    total.pool_pages += statistics.pool_pages as u64;
    total.metadata_bytes += statistics.metadata_bytes as u64;
    total.objects += statistics.objects as u64;
    total.idle_bytes += statistics.idle_bytes as u64;
    total.live_bytes += live_bytes;
}

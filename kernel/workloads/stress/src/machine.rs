//! What a workload asks of the kernel that runs it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::AtomicU64;

use report::Snapshot;
use zpool::{Owners, ZPool};

/// The kernel around the workloads. Every method may be called by any worker at any time.
pub trait Machine: Sync {
    /// Bytes of a page: 4096 or 16384.
    fn page_size(&self) -> usize;

    /// CPUs that run.
    fn cpus(&self) -> usize;

    /// Bytes of RAM.
    fn memory_bytes(&self) -> u64;

    /// Nanoseconds since some moment before the run; never goes back.
    fn now_ns(&self) -> u64;

    /// CPU time of the calling thread so far.
    fn thread_times(&self) -> ThreadTimes;

    /// Maps at least `bytes` bytes of demand-paged memory that reads as zero.
    ///
    /// The memory may be larger than RAM. It ends when the arena is dropped; the arena of a
    /// worker that was killed is released by the machine.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the range, or what describes it, cannot be had. What a page needs is
    /// only known when it is touched: see [`WorkerEnd::Killed`].
    fn map(&self, bytes: usize) -> Result<Box<dyn Arena + '_>, OutOfMemory>;

    /// Arenas may from now on have at most `pages` frames mapped at once, all together. A machine
    /// that needs a few more to make progress takes those.
    fn limit_resident(&self, pages: usize);

    /// Memory figures now. May take locks; not for the hot path.
    fn snapshot(&self) -> Snapshot;

    /// The pool for stressors that use one directly; `None` when the machine has none.
    fn pool(&self) -> Option<Pool<'_>>;

    /// The compressed page store for stressors that use it directly; `None` when the machine has
    /// none.
    fn store(&self) -> Option<&dyn PageStore>;

    /// Writes the cache lines of `words` back to memory and drops them from every cache.
    fn flush(&self, words: &[u64]);

    /// Hints that a word will be wanted soon. Does nothing where there is no such hint.
    fn prefetch(&self, word: &u64) {
        let _ = word;
    }

    /// A lock that nobody holds.
    fn mutex(&self) -> Box<dyn Mutex + '_>;

    /// A semaphore of that many permits.
    fn semaphore(&self, permits: usize) -> Box<dyn Semaphore + '_>;

    /// Lets another thread of the same priority run.
    fn yield_now(&self);

    /// Lets other threads go on for about a millisecond.
    fn pause(&self) {
        self.sleep_until(self.now_ns() + 1_000_000);
    }

    /// Threads of [`Machine::run_workers`] that were killed or not started, since whenever.
    fn lost_threads(&self) -> usize;

    /// Sleeps until [`Machine::now_ns`] is at least `deadline_ns`.
    fn sleep_until(&self, deadline_ns: u64);

    /// Gives the calling thread a priority of 1 to 99 above all workers', or with 0 theirs. Ignored
    /// where threads have no priorities.
    fn set_real_time(&self, priority: u8) {
        let _ = priority;
    }

    /// Prints a line of results or messages; the newline is added.
    fn print(&self, line: fmt::Arguments<'_>);

    /// Shows how far the run is. Called by a worker, about once a second over all workers; may
    /// drop the line rather than wait.
    fn progress(&self, line: fmt::Arguments<'_>);

    /// Runs `worker(0)` to `worker(count - 1)`, each on a thread of its own, spread over the CPUs
    /// round robin; returns when all have ended, with one entry for each. Workers may call it too.
    ///
    /// A worker whose page fault cannot be served is killed: the closure never returns on that
    /// thread, and nothing on its stack is dropped.
    fn run_workers(&self, count: usize, worker: &(dyn Fn(usize) + Sync)) -> Vec<WorkerEnd>;
}

/// Memory that belongs to one worker.
pub trait Arena: Send + Sync {
    /// The memory as 64-bit words, aligned to a page; a whole number of pages.
    fn words(&mut self) -> &mut [u64];

    /// The same memory as bytes.
    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.words())
    }

    /// The same memory, for several threads at once, and while pages of it are advised or
    /// exchanged.
    fn shared(&self) -> &[AtomicU64];

    /// Forgets the contents, as if unmapped and mapped again: frames and stored objects are given
    /// back, every word reads as zero.
    ///
    /// # Errors
    /// [`OutOfMemory`] when it could not be mapped again.
    fn discard(&mut self) -> Result<(), OutOfMemory>;

    /// Says how these pages will be used; answers for how many something was done about it.
    fn advise(&self, pages: Range<usize>, advice: Advice) -> usize;

    /// Lets two pages change places without copying them: their translations are exchanged.
    /// False when either is being worked on, and nothing has changed then.
    fn exchange(&self, one: usize, other: usize) -> bool;

    /// Moves the memory to other addresses, with room for `bytes` bytes, without copying it: what
    /// is mapped or stored stays so. Pages behind the new end are given back, new ones read as
    /// zero.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no such range; nothing has changed then.
    fn resize(&mut self, bytes: usize) -> Result<(), OutOfMemory>;

    /// Whether a page has a frame now.
    fn is_resident(&self, page: usize) -> bool;

    /// Pages of this arena that have a frame now; zero where nobody counts.
    fn resident_pages(&self) -> usize {
        0
    }
}

/// How pages will be used, as `madvise` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Soon: stored pages get a frame, as long as there is one to be had.
    WillNeed,
    /// Not any more: their contents are forgotten, they read as zero.
    DontNeed,
    /// Not soon: they are the next to be evicted.
    Cold,
    /// Not soon, and their frames are wanted: they are evicted at once.
    PageOut,
}

/// A lock that one thread has at a time; whoever waits sleeps.
pub trait Mutex: Sync {
    /// Waits for the lock, does `work`, and gives the lock back.
    fn hold(&self, work: &mut dyn FnMut());

    /// As [`Mutex::hold`] if nobody has the lock; otherwise returns false at once.
    fn try_hold(&self, work: &mut dyn FnMut()) -> bool;
}

/// A number of permits; whoever waits for one sleeps.
pub trait Semaphore: Sync {
    /// Waits until there is a permit and takes it.
    fn wait(&self);

    /// Takes a permit if there is one.
    fn try_wait(&self) -> bool;

    /// Gives a permit back, or one more.
    fn post(&self);
}

/// CPU time of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ThreadTimes {
    /// Nanoseconds in its own code.
    pub user_ns: u64,
    /// Nanoseconds in faults, reclaim, the store and the kernel on its behalf.
    pub system_ns: u64,
}

/// How a worker ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkerEnd {
    /// Its closure returned.
    Returned,
    /// A page fault could not be served for lack of memory.
    Killed,
    /// A page fault could not be served because what was stored is damaged or cannot be read.
    PageLost,
    /// There was no memory for its thread; it never ran.
    NotStarted,
}

/// A pool of compressed objects.
#[derive(Clone, Copy)]
pub struct Pool<'a> {
    /// Name of the back end.
    pub name: &'a str,
    /// The pool.
    pub pool: &'a dyn ZPool,
    /// Who holds handles of the pool, for [`ZPool::maintain`] and [`ZPool::compact`].
    pub owners: &'a dyn Owners,
}

/// A compressed page store with keys.
pub trait PageStore: Sync {
    /// Keeps a copy of `page`, one page long, under `key`, in place of what was there.
    ///
    /// # Errors
    /// [`Refusal`], after which nothing is stored under `key`.
    fn store(&self, key: u64, page: &[u8]) -> Result<(), Refusal>;

    /// Copies what is stored under `key` to `page`, one page long; it stays stored.
    ///
    /// # Errors
    /// [`LoadError`], after which the contents of `page` are unspecified.
    fn load(&self, key: u64, page: &mut [u8]) -> Result<(), LoadError>;

    /// Drops what is stored under `key`; false when nothing was.
    fn invalidate(&self, key: u64) -> bool;
}

/// Why a store kept no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The pool has reached its limit.
    Full,
    /// The page does not compress, or not to a size that the allocator keeps.
    Poor,
    /// No memory.
    NoMemory,
}

/// Why a store gave no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// Nothing is stored under the key.
    NotFound,
    /// What is stored is damaged.
    Damaged,
}

/// There is not enough memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not enough memory")
    }
}

impl core::error::Error for OutOfMemory {}

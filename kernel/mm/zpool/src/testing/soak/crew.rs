//! The threads of a soak, and the background work that they do in turn.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use super::objects::{Object, Random, Table};
use super::{Soak, Soaked};
use crate::{Budget, Handle, HandleError, Owner, Work, ZPool};

/// Frees of a thread for each of its steps of background work.
const FREES: u32 = 2;

/// Steps that are left out, because somebody else is at one, before one is waited for: whoever is
/// at it may have been put aside by the host, and what is freed meanwhile stays unused.
const PATIENCE: u32 = 8;

/// Rounds after which a thread tells how far it is.
const ROUNDS: u64 = 256;

/// What threads tell, by themselves on a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Told {
    operations: AtomicU64,
    live_bytes: AtomicI64,
}

pub(super) struct Crew<'a> {
    soak: Soak,
    pool: &'a dyn ZPool,
    table: &'a Table,
    page_size: usize,
    /// Who does background work. Whoever waits for it sleeps, so that the host lets the holder run.
    turn: Mutex<()>,
    left_out: AtomicU32,
    told: Vec<Told>,
    relocated: AtomicU64,
    copied: AtomicU64,
    pub(super) done: AtomicBool,
}

/// Ends the soak when a thread fails.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// One thread.
struct Worker<'a> {
    crew: &'a Crew<'a>,
    random: Random,
    scratch: [Vec<u8>; 2],
    operations: u64,
    live_bytes: i64,
    frees: u32,
}

impl<'a> Crew<'a> {
    pub(super) fn new(
        soak: &Soak,
        pool: &'a dyn ZPool,
        table: &'a Table,
        page_size: usize,
    ) -> Self {
        Self {
            soak: *soak,
            pool,
            table,
            page_size,
            turn: Mutex::new(()),
            left_out: AtomicU32::new(0),
            // The last one is of nobody's thread.
            told: (0..=soak.threads).map(|_| Told::default()).collect(),
            relocated: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            done: AtomicBool::new(false),
        }
    }

    fn worker(&'a self, number: usize) -> Worker<'a> {
        Worker {
            crew: self,
            random: Random::new(number as u64 + 1),
            scratch: [vec![0; self.soak.largest], vec![0; self.soak.largest]],
            operations: 0,
            live_bytes: 0,
            frees: 0,
        }
    }

    /// What one thread does: fill and replace, fill and replace, empty, in turn.
    pub(super) fn work(&'a self, number: usize) {
        let _alarm = Alarm(&self.done);
        let mut worker = self.worker(number);
        let share = self.soak.operations.div_ceil(self.soak.threads as u64);
        let phase = 16 * (self.table.len() / self.soak.threads) as u64 + 1;
        for round in 0.. {
            worker.round(round / phase % 3 == 2);
            if round % ROUNDS == 0 {
                worker.tell(number);
                if worker.operations >= share || self.done.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        worker.tell(number);
    }

    /// A step of background work, unless somebody else is at one.
    fn maintain(&self) {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) if self.left_out.fetch_add(1, Ordering::Relaxed) < PATIENCE => return,
            Err(_) => self.turn.lock().expect("no thread fails during background work"),
        };
        self.left_out.store(0, Ordering::Relaxed);
        let budget = Budget { bytes: 2 * self.page_size, objects: 1 };
        self.count(self.pool.maintain(budget, self.table));
    }

    pub(super) fn compact(&self) {
        let _turn = self.turn.lock().expect("no thread fails during background work");
        self.count(self.pool.compact(self.table));
    }

    fn count(&self, work: Work) {
        self.relocated.fetch_add(work.objects as u64, Ordering::Relaxed);
        self.copied.fetch_add(work.bytes as u64, Ordering::Relaxed);
    }

    /// Takes the figures of now.
    pub(super) fn look(&self, soaked: &mut Soaked, elapsed: Duration) {
        let statistics = self.pool.statistics();
        let told = self.told.iter();
        soaked.operations = told.clone().map(|told| told.operations.load(Ordering::Relaxed)).sum();
        let live: i64 = told.map(|told| told.live_bytes.load(Ordering::Relaxed)).sum();
        soaked.live_bytes = live.try_into().unwrap_or(0);
        soaked.pool_bytes =
            (statistics.pool_pages * self.page_size + statistics.metadata_bytes) as u64;
        soaked.live_most = soaked.live_most.max(soaked.live_bytes);
        if soaked.live_bytes >= soaked.live_most / 2 {
            soaked.live_sum += soaked.live_bytes;
            soaked.pool_sum += soaked.pool_bytes;
        }
        soaked.relocated = self.relocated.load(Ordering::Relaxed);
        soaked.copied = self.copied.load(Ordering::Relaxed);
        soaked.elapsed = elapsed;
    }

    /// Reads everything.
    pub(super) fn check_all(&'a self) {
        let mut worker = self.worker(self.soak.threads);
        for place in 0..self.table.len() {
            if let Some(object) = &*self.table.hold(place) {
                worker.check(object);
            }
        }
    }

    /// Frees everything.
    pub(super) fn end_all(&'a self) {
        let mut worker = self.worker(self.soak.threads);
        for place in 0..self.table.len() {
            let object = self.table.hold(place).take();
            object.into_iter().for_each(|object| worker.end(object));
        }
    }
}

impl Worker<'_> {
    fn tell(&self, number: usize) {
        let told = &self.crew.told[number];
        told.operations.store(self.operations, Ordering::Relaxed);
        told.live_bytes.store(self.live_bytes, Ordering::Relaxed);
    }

    /// Something with the object of some place, or a new one for it.
    fn round(&mut self, shrinking: bool) {
        let place = self.random.below(self.crew.table.len());
        let Some(mut object) = self.crew.table.try_hold(place) else { return };
        let choice = self.random.below(16);
        match *object {
            None if shrinking && choice != 0 => {}
            None => *object = Some(self.begin(place)),
            Some(known) if choice < 8 => {
                *object = None;
                self.check(&known);
                self.end(known);
                if !shrinking {
                    *object = Some(self.begin(place));
                }
            }
            Some(known) if choice < 12 => self.check(&known),
            Some(known) if choice < 14 => self.linger(&known),
            Some(ref mut known) => {
                known.seed = self.random.next() as u16;
                let written = *known;
                self.write(&written);
            }
        }
        drop(object);
        if self.frees >= FREES {
            self.frees = 0;
            self.crew.maintain();
        }
    }

    /// A read that lasts while another object is replaced.
    fn linger(&mut self, object: &Object) {
        let (pool, table) = (self.crew.pool, self.crew.table);
        let mut scratch = core::mem::take(&mut self.scratch[1]);
        self.operations += 1;
        let read = pool.read(object.handle, object.size as usize, &mut scratch);
        let read = read.expect("reading a live object");
        let place = self.random.below(table.len());
        if let Some(mut other) = table.try_hold(place)
            && let Some(known) = other.take()
        {
            self.end(known);
            *other = Some(self.begin(place));
        }
        assert!(*read == *table.contents(object), "content changed during a read");
        drop(read);
        self.scratch[1] = scratch;
    }

    fn begin(&mut self, place: usize) -> Object {
        let largest = self.crew.soak.largest;
        // Mostly small ones, a few up to the largest.
        let bound = match self.random.below(16) {
            0..11 => largest / 16,
            11..15 => largest / 2,
            _ => largest,
        };
        let size = 1 + self.random.below(bound.max(1));
        let handle = self.crew.pool.malloc(size, Owner(place as u32));
        let handle = handle.expect("memory without a limit");
        let seed = self.random.next() as u16;
        let object = Object { handle, size: size as u32, seed };
        self.operations += 1;
        self.live_bytes += size as i64;
        self.write(&object);
        object
    }

    fn write(&mut self, object: &Object) {
        let written = self.crew.pool.write(object.handle, self.crew.table.contents(object));
        written.expect("writing a live object");
        self.operations += 1;
    }

    fn check(&mut self, object: &Object) {
        let size = object.size as usize;
        let read = self.crew.pool.read(object.handle, size, &mut self.scratch[0]);
        let read = read.expect("reading a live object");
        assert!(
            *read == *self.crew.table.contents(object),
            "an object of {size} bytes has changed"
        );
        self.operations += 1;
    }

    fn end(&mut self, object: Object) {
        let Object { handle, size, .. } = object;
        self.crew.pool.free(handle).expect("freeing a live object");
        self.operations += 1;
        self.live_bytes -= i64::from(size);
        self.frees += 1;
        if self.crew.soak.checks_handles && self.random.below(8) == 0 {
            self.refuse(handle);
        }
    }

    /// A handle that was freed is refused, by whatever name.
    fn refuse(&mut self, handle: Handle) {
        let pool = self.crew.pool;
        let refusal = match self.random.below(3) {
            0 => pool.free(handle),
            1 => pool.write(handle, &[0]),
            _ => pool.read(handle, 1, &mut self.scratch[0]).map(drop),
        };
        let refused = matches!(refusal, Err(HandleError::Stale | HandleError::Invalid));
        assert!(refused, "a handle that was freed: {refusal:?}");
        self.operations += 1;
    }
}

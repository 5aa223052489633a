//! Operations on a pool, each of them timed.

use alloc::rc::Rc;
use alloc::vec::Vec;

use report::{Bounds, Unit};
use zpool::{Budget, Handle, Work, ZPool};

use crate::Machine;
use crate::meter::{Meter, Operation};
use crate::objects::Objects;

/// A search that is under way.
pub(crate) struct Search<'m, M> {
    pub(crate) machine: &'m M,
    pub(crate) meter: Meter,
    pub(crate) pool: Rc<dyn ZPool + 'm>,
    pub(crate) objects: Objects,
    pub(crate) random: Random,
    /// Random operations made.
    pub(crate) operations: u64,
    overhead: u64,
    /// What objects are filled with, and where they are read to.
    buffers: (Vec<u8>, Vec<u8>),
}

const NO_POOL: &str = "no memory for a pool";

impl<'m, M: Machine> Search<'m, M> {
    pub(crate) fn new(machine: &'m M, seed: u64) -> Result<Self, &'static str> {
        const TRIES: usize = 256;
        let page = machine.page_size();
        let overhead = (0..TRIES).map(|_| timed(machine, || ()).1).min().unwrap_or(0);
        Ok(Self {
            machine,
            meter: Meter::new(),
            pool: machine.pool().ok_or(NO_POOL)?.into(),
            objects: Objects::new(),
            random: Random(seed),
            operations: 0,
            overhead,
            buffers: (alloc::vec![0x5a; page], alloc::vec![0; page]),
        })
    }

    /// Goes on with an empty pool.
    pub(crate) fn fresh(&mut self) -> Result<(), &'static str> {
        self.pool = self.machine.pool().ok_or(NO_POOL)?.into();
        self.objects = Objects::new();
        Ok(())
    }

    pub(crate) fn finish(self, unit: Unit) -> Bounds {
        Bounds {
            unit,
            overhead: self.overhead,
            random_operations: self.operations,
            operations: self.meter.bounds(),
            states: self.meter.states(),
        }
    }

    /// One allocation; whether there is an object more.
    pub(crate) fn malloc(&mut self, size: usize) -> bool {
        let Some(owner) = self.objects.next_owner() else { return false };
        let pool = &*self.pool;
        let (result, took) = timed(self.machine, || pool.malloc(size, owner));
        self.record(Operation::Malloc, took, size);
        result.inspect(|&handle| self.objects.add(handle, size)).is_ok()
    }

    /// Frees the object at a position.
    pub(crate) fn free(&mut self, position: usize) {
        let Some((handle, size)) = self.objects.get(position) else { return };
        if self.free_handle(handle, size) {
            self.objects.remove(position);
        }
    }

    /// Frees the object that was allocated last.
    pub(crate) fn free_last(&mut self) {
        self.free(self.objects.len().wrapping_sub(1));
    }

    /// Frees what the handle names; whether there was such an object.
    pub(crate) fn free_handle(&mut self, handle: Handle, size: usize) -> bool {
        let pool = &*self.pool;
        let (result, took) = timed(self.machine, || pool.free(handle));
        self.record(Operation::Free, took, size);
        result.is_ok()
    }

    /// Begins and ends reading the object at a position.
    pub(crate) fn read(&mut self, position: usize) {
        if let Some((handle, size)) = self.objects.get(position) {
            self.read_handle(handle, size);
        }
    }

    pub(crate) fn read_handle(&mut self, handle: Handle, size: usize) {
        let (pool, scratch) = (&*self.pool, &mut self.buffers.1);
        let took = timed(self.machine, || drop(pool.read(handle, size, scratch))).1;
        self.record(Operation::Read, took, size);
    }

    /// Does something while an object is being read.
    pub(crate) fn while_read(&mut self, handle: Handle, size: usize, f: impl FnOnce(&mut Self)) {
        let (pool, mut scratch) = (Rc::clone(&self.pool), alloc::vec![0; size]);
        let guard = pool.read(handle, size, &mut scratch);
        f(self);
        drop(guard);
    }

    /// Writes the whole object at a position.
    pub(crate) fn write(&mut self, position: usize) {
        if let Some((handle, size)) = self.objects.get(position) {
            self.write_handle(handle, size);
        }
    }

    pub(crate) fn write_handle(&mut self, handle: Handle, size: usize) {
        let (pool, bytes) = (&*self.pool, &self.buffers.0[..size]);
        // A refusal takes its time, too.
        let took = timed(self.machine, || pool.write(handle, bytes)).1;
        self.record(Operation::Write, took, size);
    }

    /// One step of background work with the budget that the kernel gives; whether there is more.
    pub(crate) fn maintain(&mut self) -> bool {
        let budget = Budget { bytes: 2 * self.machine.page_size(), objects: 1 };
        self.maintain_at_most(budget)
    }

    pub(crate) fn maintain_at_most(&mut self, budget: Budget) -> bool {
        let (pool, objects) = (&*self.pool, &self.objects);
        let (work, took) = timed(self.machine, || pool.maintain(budget, objects));
        let Work { bytes, more, .. } = work;
        self.record(Operation::Maintain, took, 0);
        self.record(Operation::MaintainBesidesCopying, took.saturating_sub(bytes as u64), 0);
        more
    }

    /// Background work until there is no more, or a limit that no pool here comes near.
    pub(crate) fn settle(&mut self) {
        const STEPS: usize = 100_000;
        let _ = (0..STEPS).any(|_| !self.maintain());
    }

    /// A position below the number of objects.
    pub(crate) fn any_position(&mut self) -> usize {
        self.random.below(self.objects.len().max(1))
    }

    fn record(&mut self, operation: Operation, took: u64, size: usize) {
        self.operations +=
            u64::from(self.meter.counting && operation != Operation::MaintainBesidesCopying);
        self.meter.record(operation, took, size);
    }
}

/// What `work` gives, and how long it took, the overhead included.
#[inline(always)]
fn timed<T>(machine: &impl Machine, work: impl FnOnce() -> T) -> (T, u64) {
    let saved = machine.mask();
    let start = machine.now();
    let result = work();
    let took = machine.now() - start;
    machine.unmask(saved);
    (result, took)
}

/// A linear congruential generator (Knuth's MMIX constants), of which the upper bits are used.
pub(crate) struct Random(u64);

impl Random {
    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * end as u64) >> 32) as usize
    }
}

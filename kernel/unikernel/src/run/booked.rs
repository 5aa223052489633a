//! Time in the store and the pool is the system's, also where a stressor calls them itself.

use alloc::boxed::Box;

use zpool::{
    AllocError, Budget, Handle, HandleError, NoOwners, Owner, Owners, ReadGuard, Statistics, Work,
    ZPool,
};

use super::Boot;
use crate::sched;

/// While this lives the running thread works for the system.
pub struct System;

impl System {
    /// From now on.
    pub fn enter() -> Self {
        sched::current().enter_system();
        Self
    }
}

impl Drop for System {
    fn drop(&mut self) {
        sched::current().leave_system();
    }
}

/// A pool for stressors. Its operations are booked as the system's, and every free is followed by
/// one step of background work, as replayed traces have it.
pub struct BookedPool {
    pool: Box<dyn ZPool>,
    budget: Budget,
}

impl BookedPool {
    /// Books the operations of `pool`.
    pub fn new(pool: Box<dyn ZPool>, boot: &Boot) -> Self {
        let budget = Budget { bytes: 2 * boot.options.boot.page_size, objects: 1 };
        Self { pool, budget }
    }
}

impl ZPool for BookedPool {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        let _system = System::enter();
        self.pool.malloc(size, owner)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        let _system = System::enter();
        let freed = self.pool.free(handle);
        self.pool.maintain(self.budget, &NoOwners);
        freed
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let _system = System::enter();
        self.pool.read(handle, length, scratch)
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let _system = System::enter();
        self.pool.write(handle, bytes)
    }

    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        let _system = System::enter();
        self.pool.maintain(budget, owners)
    }

    fn compact(&self, owners: &dyn Owners) -> Work {
        let _system = System::enter();
        self.pool.compact(owners)
    }

    fn total_pages(&self) -> usize {
        self.pool.total_pages()
    }

    fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }
}

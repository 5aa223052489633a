//! A pool whose operations are timed.

use alloc::boxed::Box;

use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark, probe};
use zpool::{
    AllocError, Budget, Handle, HandleError, Owner, Owners, ReadGuard, Statistics, Work, ZPool,
};

use super::operations::{self, COMPACT, FREE, MAINTAIN, MALLOC, READ, WRITE};

/// `pool` itself, or with its operations timed when operations are.
pub fn timed_pool(pool: Box<dyn ZPool>) -> Box<dyn ZPool> {
    if operations::timed() { Box::new(TimedPool(pool)) } else { pool }
}

struct TimedPool(Box<dyn ZPool>);

impl ZPool for TimedPool {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        probe::<{ OPERATION_BEGIN + MALLOC }>(size);
        let handle = self.0.malloc(size, owner);
        mark::<{ OPERATION_END + MALLOC }>();
        handle
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        mark::<{ OPERATION_BEGIN + FREE }>();
        let freed = self.0.free(handle);
        mark::<{ OPERATION_END + FREE }>();
        freed
    }

    /// Timed until the bytes can be seen.
    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        probe::<{ OPERATION_BEGIN + READ }>(length);
        let guard = self.0.read(handle, length, scratch);
        mark::<{ OPERATION_END + READ }>();
        guard
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        probe::<{ OPERATION_BEGIN + WRITE }>(bytes.len());
        let written = self.0.write(handle, bytes);
        mark::<{ OPERATION_END + WRITE }>();
        written
    }

    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        mark::<{ OPERATION_BEGIN + MAINTAIN }>();
        let work = self.0.maintain(budget, owners);
        mark::<{ OPERATION_END + MAINTAIN }>();
        work
    }

    fn compact(&self, owners: &dyn Owners) -> Work {
        mark::<{ OPERATION_BEGIN + COMPACT }>();
        let work = self.0.compact(owners);
        mark::<{ OPERATION_END + COMPACT }>();
        work
    }

    fn total_pages(&self) -> usize {
        self.0.total_pages()
    }

    fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
}

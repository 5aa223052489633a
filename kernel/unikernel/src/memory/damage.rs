//! A pool whose objects change when the boot arguments say so (`fail-object=`).

use alloc::boxed::Box;

use stress::options::FailPoint;
use zpool::{
    AllocError, Budget, Handle, HandleError, Owner, Owners, ReadGuard, Statistics, Work, ZPool,
};

use super::failing::Failing;

/// `pool` itself, or one in some of whose objects a bit is not what was written.
pub fn damaged_pool(pool: Box<dyn ZPool>, point: Option<FailPoint>) -> Box<dyn ZPool> {
    match point {
        Some(point) => Box::new(DamagedPool { pool, writes: Failing::new(point) }),
        None => pool,
    }
}

struct DamagedPool {
    pool: Box<dyn ZPool>,
    writes: Failing,
}

impl ZPool for DamagedPool {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        self.pool.malloc(size, owner)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.pool.free(handle)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        self.pool.read(handle, length, scratch)
    }

    /// Another bit of each object that is hit.
    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let Some(number) = self.writes.call() else {
            return self.pool.write(handle, bytes);
        };
        let mut bytes: Box<[u8]> = bytes.into();
        let bit = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        self.pool.write(handle, &bytes)
    }

    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        self.pool.maintain(budget, owners)
    }

    fn compact(&self, owners: &dyn Owners) -> Work {
        self.pool.compact(owners)
    }

    fn total_pages(&self) -> usize {
        self.pool.total_pages()
    }

    fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }
}

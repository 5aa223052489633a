//! The interface of back ends.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::{
    AllocError, Budget, Env, Handle, HandleError, Owner, Owners, ReadGuard, Statistics, Work, ZPool,
};

use crate::Zsmalloc;

/// Bytes of a handle in the object cache of the original.
const HANDLE_BYTES: usize = 8;
/// Bytes of a zspage descriptor in the object cache of the original.
const ZSPAGE_BYTES: usize = 56;

impl<E: Env, const CHAIN: usize> ZPool for Zsmalloc<E, CHAIN> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        self.allocate(size)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.release(handle)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        self.read_object(handle, length, scratch)
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        self.write_object(handle, bytes)
    }

    /// Gives frames of the object caches back; objects move by [`ZPool::compact`] only.
    fn maintain(&self, _: Budget, _: &dyn Owners) -> Work {
        self.trim(self.env.cpus());
        Work::default()
    }

    fn compact(&self, _: &dyn Owners) -> Work {
        let work = self.compact_pool();
        while self.trim(0) {}
        work
    }

    fn total_pages(&self) -> usize {
        self.pages_allocated.load(Ordering::Relaxed)
    }

    fn statistics(&self) -> Statistics {
        let (mut objects, mut used) = (0, 0);
        for class in self.class_statistics() {
            objects += class.obj_used;
            used += class.obj_used * class.size;
        }
        let pool_pages = self.total_pages();
        Statistics {
            pool_pages,
            metadata_bytes: self.handles.len() * HANDLE_BYTES + self.zspages.len() * ZSPAGE_BYTES,
            objects,
            idle_bytes: (pool_pages * E::Granule::SIZE).saturating_sub(used),
        }
    }
}

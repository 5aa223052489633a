//! Page frames as a kernel has them: a buddy allocator with caches, over memory of the host.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Mutex;

use buddy::{Buddy, FrameCaches, FrameInfo, Granule4K, Lock};
use zpool::Env;

const BYTES: usize = 128 << 20;

/// Frames of 128 MiB.
pub struct Arena {
    start: NonNull<u8>,
    frames: FrameCaches<'static, Granule4K, Locked<Buddy<'static, Granule4K>>, 1>,
}

/// The host's lock.
struct Locked<T>(Mutex<T>);

impl<T> Lock<T> for Locked<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().expect("nobody panics with the lock"))
    }
}

impl Arena {
    pub fn new() -> Self {
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(Self::layout()) };
        let start = NonNull::new(start).expect("memory on the host");
        let first = start.as_ptr().expose_provenance() as u64;
        let range = first..first + BYTES as u64;
        let ram = std::slice::from_ref(&range);
        // A benchmark makes a handful of arenas; their frame arrays stay.
        let infos = vec![FrameInfo::default(); Buddy::<Granule4K>::metadata_entries(ram)].leak();
        let buddy = Buddy::new(ram, &[], infos).expect("one range of RAM");
        Self { start, frames: FrameCaches::new(buddy) }
    }

    fn layout() -> Layout {
        Layout::from_size_align(BYTES, 4 << 20).expect("a size and a power of two")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: from `alloc_zeroed` with this layout; pools borrow the arena, so none is left.
        unsafe { dealloc(self.start.as_ptr(), Self::layout()) }
    }
}

// SAFETY: nobody uses the pointer but to give the memory back.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

// SAFETY: 1. the buddy allocator hands a block of the arena to one caller until it is given back.
// 2. User-space addresses of 64-bit hosts are below 2^47, and the arena's is exposed. 3. Threads
// of the host are not interrupted by anything that takes a lock of ours.
unsafe impl Env for Arena {
    type Granule = Granule4K;

    fn alloc(&self, order: u32) -> Option<NonNull<u8>> {
        let address = self.frames.alloc(0, order).ok()?;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address as usize))
    }

    unsafe fn free(&self, frames: NonNull<u8>, order: u32) {
        let freed = self.frames.free(0, frames.as_ptr().addr() as u64, order);
        assert_eq!(freed, Ok(()));
    }
}

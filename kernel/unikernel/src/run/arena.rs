//! Demand-paged memory, as workloads see it.

use alloc::boxed::Box;
use core::ops::Range;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use stress::{Advice, Arena, OutOfMemory};

use crate::memory::arenas::SLOTS;
use crate::memory::pager::Paging;

/// Demand-paged memory.
pub struct KernelArena {
    paging: &'static dyn Paging,
    slot: usize,
    range: Range<usize>,
}

/// The arena in each slot, for the end of a thread that cannot drop its own.
static OWNED: [AtomicPtr<KernelArena>; SLOTS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; SLOTS];

impl KernelArena {
    /// Maps at least `bytes` bytes.
    pub fn map(paging: &'static dyn Paging, bytes: usize) -> Result<Box<Self>, OutOfMemory> {
        let (slot, range) = paging.map_arena(bytes).ok_or(OutOfMemory)?;
        let arena = Box::into_raw(Box::new(Self { paging, slot, range }));
        OWNED[slot].store(arena, Ordering::Release);
        // SAFETY: from `into_raw` just now. Whoever gets it owns it, until its thread is killed.
        Ok(unsafe { Box::from_raw(arena) })
    }
}

/// Drops the arenas that a killed thread mapped: that thread is over and never will.
pub fn drop_arenas_of(paging: &dyn Paging, thread: u16) {
    let mut slots = paging.arenas_of(thread);
    while slots != 0 {
        let slot = slots.trailing_zeros() as usize;
        slots &= slots - 1;
        let arena = OWNED[slot].load(Ordering::Acquire);
        if !arena.is_null() {
            // SAFETY: `map` got it from `into_raw`; its owner, the thread, will not use it again,
            // and an arena that was dropped has taken its pointer out of the table.
            drop(unsafe { Box::from_raw(arena) });
        }
    }
}

impl Arena for KernelArena {
    fn words(&mut self) -> &mut [u64] {
        let start = core::ptr::with_exposed_provenance_mut::<u64>(self.range.start);
        // SAFETY: the range is an arena of whole pages that belongs to this value; its pages
        // read as zeros first, and come and go by page faults.
        unsafe { core::slice::from_raw_parts_mut(start, self.range.len() / size_of::<u64>()) }
    }

    fn shared(&self) -> &[AtomicU64] {
        let start = core::ptr::with_exposed_provenance::<AtomicU64>(self.range.start);
        // SAFETY: as in `words`; what changes while this is borrowed changes as if another thread
        // had stored it.
        unsafe { core::slice::from_raw_parts(start, self.range.len() / size_of::<u64>()) }
    }

    fn discard(&mut self) -> Result<(), OutOfMemory> {
        self.paging.discard_arena(self.slot);
        Ok(())
    }

    fn advise(&self, pages: Range<usize>, advice: Advice) -> usize {
        let _system = super::booked::System::enter();
        self.paging.advise(self.slot, pages, advice)
    }

    fn exchange(&self, one: usize, other: usize) -> bool {
        let _system = super::booked::System::enter();
        self.paging.exchange(self.slot, one, other)
    }

    fn resize(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        let _system = super::booked::System::enter();
        let (slot, range) = self.paging.move_arena(self.slot, bytes).ok_or(OutOfMemory)?;
        let arena = OWNED[self.slot].swap(core::ptr::null_mut(), Ordering::AcqRel);
        OWNED[slot].store(arena, Ordering::Release);
        (self.slot, self.range) = (slot, range);
        Ok(())
    }

    fn is_resident(&self, page: usize) -> bool {
        self.paging.is_resident(self.slot, page)
    }

    fn resident_pages(&self) -> usize {
        self.paging.arena_resident(self.slot)
    }
}

impl Drop for KernelArena {
    fn drop(&mut self) {
        OWNED[self.slot].store(core::ptr::null_mut(), Ordering::Release);
        self.paging.unmap_arena(self.slot);
    }
}

//! The kernel's heap: TLSF, or a first-fit list as the baseline to compare with.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use embedded_alloc::{LlffHeap, TlsfHeap};
use zpool::TicketLock;
use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark, probe};

use crate::arch::interrupts;
use crate::cpu;
use crate::trace::operations::{HEAP_ALLOC, HEAP_FREE};

/// Which allocator serves the heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Two-level segregated fit: bounded time.
    Tlsf,
    /// Linked-list first fit (linked_list_allocator): time grows with the list.
    Llff,
}

struct Heap {
    tlsf: TlsfHeap,
    llff: LlffHeap,
    first_fit: AtomicBool,
    bytes: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap {
    tlsf: TlsfHeap::empty(),
    llff: LlffHeap::empty(),
    first_fit: AtomicBool::new(false),
    bytes: AtomicUsize::new(0),
};

/// Gives the heap its memory.
///
/// # Safety
/// Once, before anything is allocated; nobody else uses the memory from then on.
pub unsafe fn init(kind: Kind, start: usize, bytes: usize) {
    HEAP.bytes.store(bytes, Ordering::Relaxed);
    match kind {
        // SAFETY: the caller's promise.
        Kind::Tlsf => unsafe { HEAP.tlsf.init(start, bytes) },
        Kind::Llff => {
            HEAP.first_fit.store(true, Ordering::Relaxed);
            // SAFETY: the caller's promise.
            unsafe { HEAP.llff.init(start, bytes) };
        }
    }
}

/// Bytes of the heap.
pub fn bytes() -> usize {
    HEAP.bytes.load(Ordering::Relaxed)
}

/// Bytes that are free now. Walks the free blocks.
pub fn free() -> usize {
    if HEAP.first_fit.load(Ordering::Relaxed) { HEAP.llff.free() } else { HEAP.tlsf.free() }
}

// SAFETY: both allocators keep the contract; a block goes back to the one it came from, because
// the choice is made once, before the first allocation.
unsafe impl GlobalAlloc for Heap {
    // Nothing that has to be fast allocates, so it is not worth the room at every place.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        probe::<{ OPERATION_BEGIN + HEAP_ALLOC }>(layout.size());
        // SAFETY: the caller's promise is the one asked for.
        let block = unsafe {
            if self.first_fit.load(Ordering::Relaxed) {
                self.llff.alloc(layout)
            } else {
                self.tlsf.alloc(layout)
            }
        };
        mark::<{ OPERATION_END + HEAP_ALLOC }>();
        block
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        probe::<{ OPERATION_BEGIN + HEAP_FREE }>(layout.size());
        // SAFETY: the caller's promise is the one asked for.
        unsafe {
            if self.first_fit.load(Ordering::Relaxed) {
                self.llff.dealloc(pointer, layout);
            } else {
                self.tlsf.dealloc(pointer, layout);
            }
        }
        mark::<{ OPERATION_END + HEAP_FREE }>();
    }
}

/// The critical section of embedded-alloc: interrupts masked and one lock for all CPUs.
struct Section;

critical_section::set_impl!(Section);

static SECTION: TicketLock = TicketLock::new();

/// Address of the heap's lock, as probes name it.
pub fn lock_address() -> usize {
    core::ptr::from_ref(&SECTION).addr()
}

/// The CPU inside, plus one; sections of the same CPU nest.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Restore state of a section inside another one of the same CPU. Not a value of DAIF.
const NESTED: u64 = u64::MAX;

// SAFETY: between `acquire` and `release` this CPU has interrupts masked and no other CPU is
// inside; the restore state tells the outermost section from nested ones.
unsafe impl critical_section::Impl for Section {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        let saved = interrupts::mask();
        let me = cpu::current().id + 1;
        if INSIDE.load(Ordering::Relaxed) == me {
            return NESTED;
        }
        SECTION.lock();
        INSIDE.store(me, Ordering::Relaxed);
        saved
    }

    unsafe fn release(state: critical_section::RawRestoreState) {
        if state != NESTED {
            INSIDE.store(0, Ordering::Relaxed);
            SECTION.unlock();
            interrupts::restore(state);
        }
    }
}

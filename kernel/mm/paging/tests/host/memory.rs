//! Memory for tables on the host, which notices use after free under Miri.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use paging::{PhysicalAddress, TableMemory, TranslationGranule};

/// Where the first table is said to be.
const BASE: u64 = 0x80_0000_0000;

/// Table frames at invented physical addresses.
#[derive(Debug)]
pub struct HostMemory<G: TranslationGranule> {
    state: Mutex<State>,
    granule: PhantomData<G>,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<Option<NonNull<u8>>>,
    left: usize,
    invalidated: Vec<Range<usize>>,
    synchronized: usize,
}

// SAFETY: the frames are this memory's own, and their contents are atomics.
unsafe impl Send for State {}

impl<G: TranslationGranule> HostMemory<G> {
    /// Memory for any number of tables.
    pub fn new() -> Self {
        let state = Mutex::new(State { left: usize::MAX, ..State::default() });
        Self { state, granule: PhantomData }
    }

    /// Tables handed out and not given back.
    pub fn in_use(&self) -> usize {
        self.state.lock().unwrap().frames.iter().flatten().count()
    }

    /// From now on there is memory for that many more tables.
    pub fn set_left(&self, left: usize) {
        self.state.lock().unwrap().left = left;
    }

    /// Ranges invalidated since the last call.
    pub fn take_invalidated(&self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.state.lock().unwrap().invalidated)
    }

    /// How often new descriptors were made visible.
    pub fn synchronized(&self) -> usize {
        self.state.lock().unwrap().synchronized
    }

    fn layout() -> Layout {
        Layout::from_size_align(G::SIZE, G::SIZE).unwrap()
    }

    fn index(table: PhysicalAddress) -> usize {
        ((table.0 - BASE) / G::SIZE as u64) as usize
    }
}

// SAFETY:
// 1. Frames are fresh zeroed allocations of the granule's size and alignment.
// 2. They are freed only by `free`, or with the memory, which the tables borrow.
// 3. No hardware walks these tables.
unsafe impl<G: TranslationGranule> TableMemory for HostMemory<G> {
    type Granule = G;

    fn allocate(&self) -> Option<PhysicalAddress> {
        let mut state = self.state.lock().unwrap();
        state.left = state.left.checked_sub(1)?;
        // SAFETY: the layout is not empty.
        let frame = NonNull::new(unsafe { alloc_zeroed(Self::layout()) })?;
        state.frames.push(Some(frame));
        Some(PhysicalAddress(BASE + ((state.frames.len() - 1) * G::SIZE) as u64))
    }

    unsafe fn free(&self, table: PhysicalAddress) {
        let frame = self.state.lock().unwrap().frames[Self::index(table)].take();
        // SAFETY: it was allocated above with this layout; a second free finds nothing to take.
        unsafe { dealloc(frame.expect("freed twice").as_ptr(), Self::layout()) };
    }

    fn pointer(&self, table: PhysicalAddress) -> NonNull<AtomicU64> {
        let frame = self.state.lock().unwrap().frames[Self::index(table)];
        frame.expect("table was freed").cast()
    }

    fn synchronize(&self) {
        self.state.lock().unwrap().synchronized += 1;
    }

    fn invalidate(&self, range: Range<usize>) {
        self.state.lock().unwrap().invalidated.push(range);
    }
}

impl<G: TranslationGranule> Drop for HostMemory<G> {
    fn drop(&mut self) {
        for frame in self.state.get_mut().unwrap().frames.drain(..).flatten() {
            // SAFETY: it was allocated with this layout and not freed since.
            unsafe { dealloc(frame.as_ptr(), Self::layout()) };
        }
    }
}

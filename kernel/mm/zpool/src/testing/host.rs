//! Page frames from the host's heap, accounted for one by one.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::{Env, Granule};

/// An environment whose page frames come from the host's heap, one allocation a block, so that
/// Miri sees every access outside of one.
///
/// It panics when a block is given back that it did not hand out or with another order, when
/// interrupts are unmasked in another order than they were masked, and when it is dropped with
/// blocks still out.
pub struct HostEnv<G> {
    blocks: Mutex<HashMap<usize, u32>>,
    pages: AtomicUsize,
    limit_pages: AtomicUsize,
    largest_order: AtomicU32,
    cpus: usize,
    granule: PhantomData<G>,
}

thread_local! {
    static CPU: Cell<usize> = const { Cell::new(0) };
    /// How often interrupts would be masked.
    static MASKED: Cell<usize> = const { Cell::new(0) };
}

impl<G: Granule> HostEnv<G> {
    /// A supply without a limit, one CPU.
    #[must_use]
    pub fn new() -> Self {
        Self::with_cpus(1)
    }

    /// A supply without a limit that answers [`Env::cpus`] with `cpus`.
    #[must_use]
    pub fn with_cpus(cpus: usize) -> Self {
        Self {
            blocks: Mutex::new(HashMap::new()),
            pages: AtomicUsize::new(0),
            limit_pages: AtomicUsize::new(usize::MAX),
            largest_order: AtomicU32::new(u32::MAX),
            cpus,
            granule: PhantomData,
        }
    }

    /// From now on refuses whatever would exceed `pages` frames in all.
    pub fn set_limit(&self, pages: usize) {
        self.limit_pages.store(pages, Ordering::SeqCst);
    }

    /// From now on refuses blocks larger than 2^`order` frames, as a supply in which no two free
    /// frames are neighbours does for order 0.
    pub fn set_largest_order(&self, order: u32) {
        self.largest_order.store(order, Ordering::SeqCst);
    }

    /// Frames handed out and not given back.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }

    /// Blocks handed out and not given back.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.lock().unwrap().len()
    }

    /// The calling thread is from now on CPU number `cpu`.
    pub fn set_cpu(&self, cpu: usize) {
        assert!(cpu < self.cpus, "CPU {cpu} of {}", self.cpus);
        CPU.set(cpu);
    }

    fn layout(order: u32) -> Layout {
        let bytes = G::SIZE << order;
        Layout::from_size_align(bytes, bytes).expect("a block is a power of two")
    }
}

impl<G: Granule> Default for HostEnv<G> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks come from the host's allocator with the layout promised, their provenance is
// exposed, and user-space addresses of 64-bit hosts are below 2^47. Threads of the host are not
// interrupted by anything that takes a lock of ours.
unsafe impl<G: Granule> Env for HostEnv<G> {
    type Granule = G;

    fn alloc(&self, order: u32) -> Option<NonNull<u8>> {
        if order > self.largest_order.load(Ordering::SeqCst) {
            return None;
        }
        let pages = 1 << order;
        let limit = self.limit_pages.load(Ordering::SeqCst);
        self.pages
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |held| {
                held.checked_add(pages).filter(|&sum| sum <= limit)
            })
            .ok()?;
        // SAFETY: the layout is not empty.
        let block =
            NonNull::new(unsafe { alloc(Self::layout(order)) }).expect("memory on the host");
        let address = block.as_ptr().expose_provenance();
        assert!(address >> 47 == 0, "address {address:#x} is above 2^47");
        self.blocks.lock().unwrap().insert(address, order);
        Some(block)
    }

    unsafe fn free(&self, frames: NonNull<u8>, order: u32) {
        let known = self.blocks.lock().unwrap().remove(&frames.as_ptr().addr());
        assert_eq!(known, Some(order), "block {frames:p} was not handed out with order {order}");
        self.pages.fetch_sub(1 << order, Ordering::SeqCst);
        // SAFETY: the block came from `alloc` with this layout, as just checked.
        unsafe { dealloc(frames.as_ptr(), Self::layout(order)) }
    }

    fn cpu(&self) -> usize {
        CPU.get() % self.cpus
    }

    fn cpus(&self) -> usize {
        self.cpus
    }

    fn mask(&self) -> usize {
        MASKED.replace(MASKED.get() + 1)
    }

    fn unmask(&self, saved: usize) {
        let masked = MASKED.replace(saved);
        assert!(
            masked == saved + 1 || std::thread::panicking(),
            "interrupts masked {masked} times are restored to {saved} times"
        );
    }
}

impl<G> Drop for HostEnv<G> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let pages = self.pages.load(Ordering::SeqCst);
            assert_eq!(pages, 0, "{pages} page frames were not given back");
        }
    }
}

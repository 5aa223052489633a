//! What one compression or decompression needs besides the page.

use alloc::boxed::Box;
use alloc::vec;

use crate::{Algorithm, Compressor};

/// A compressor and its buffers. Allocated once, lent for one operation at a time.
pub struct Context {
    pub(crate) compressor: Box<dyn Compressor>,
    /// Two pages: some compressors write further than the result that is permitted.
    pub(crate) output: Box<[u8]>,
    /// One page: for objects that a pool cannot show in one piece.
    pub(crate) object: Box<[u8]>,
}

impl Context {
    /// A context for pages of `page_size` bytes. Takes [`Context::heap_bytes`] from the heap, the
    /// last allocation for it ever; the stack is not used for buffers.
    #[must_use]
    pub fn new(algorithm: &Algorithm, page_size: usize) -> Self {
        Self::with_compressor((algorithm.create)(page_size), page_size)
    }

    /// A context around a compressor that has no name.
    #[must_use]
    pub fn with_compressor(compressor: Box<dyn Compressor>, page_size: usize) -> Self {
        Self {
            compressor,
            output: vec![0; 2 * page_size].into_boxed_slice(),
            object: vec![0; page_size].into_boxed_slice(),
        }
    }

    /// Bytes of buffers and scratch in one context, allocator overhead excluded.
    #[must_use]
    pub fn heap_bytes(algorithm: &Algorithm, page_size: usize) -> usize {
        (algorithm.scratch_bytes)(page_size) + 3 * page_size
    }
}

/// Lends contexts, such as one for each CPU behind a lock whose waiters sleep.
pub trait Contexts: Sync {
    /// Calls `f` once with a context that nobody else uses meanwhile, or not at all when there
    /// is none. `f` runs for as long as compressing a page takes and may be preempted; it takes
    /// locks of the pool, so whoever holds one of those must not wait for a context.
    fn with(&self, f: &mut dyn FnMut(&mut Context));
}

impl<C: Contexts + ?Sized> Contexts for &C {
    fn with(&self, f: &mut dyn FnMut(&mut Context)) {
        (**self).with(f);
    }
}

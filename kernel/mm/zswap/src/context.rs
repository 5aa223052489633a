//! What one compression or decompression needs besides the page.

use alloc::boxed::Box;
use alloc::vec;

use crate::{Choice, Compressor};

/// A compressor and its buffers. Allocated once, lent for one operation at a time.
pub struct Context {
    pub(crate) compressor: Box<dyn Compressor>,
    /// Two pages: some compressors write further than the result that is permitted.
    pub(crate) output: Box<[u8]>,
    /// One page: for objects that a pool cannot show in one piece.
    pub(crate) object: Box<[u8]>,
}

impl Context {
    /// A context for pages of `page_size` bytes; the stack is not used for buffers.
    #[must_use]
    pub fn new(choice: Choice, page_size: usize) -> Self {
        Self::with_compressor((choice.algorithm.create)(page_size, choice.level), page_size)
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

    /// Bytes of the heap in its buffers and its compressor's scratch, allocator overhead excluded.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.compressor.scratch_bytes() + self.output.len() + self.object.len()
    }
}

/// Lends contexts, such as one for each CPU behind a lock whose waiters sleep.
pub trait Contexts: Sync {
    /// Calls `f` once with a context that nobody else uses meanwhile, or not at all when there
    /// is none. `f` runs for as long as compressing a page takes and may be preempted; it takes
    /// locks of the pool, so whoever holds one of those must not wait for a context.
    fn with(&self, f: &mut dyn FnMut(&mut Context));

    /// The same with a context of the second compressor, which is for cold pages; nobody is lent
    /// the other kind meanwhile. Not at all where there is no such compressor.
    fn with_second(&self, f: &mut dyn FnMut(&mut Context)) {
        let _ = f;
    }
}

impl<C: Contexts + ?Sized> Contexts for &C {
    fn with(&self, f: &mut dyn FnMut(&mut Context)) {
        (**self).with(f);
    }

    fn with_second(&self, f: &mut dyn FnMut(&mut Context)) {
        (**self).with_second(f);
    }
}

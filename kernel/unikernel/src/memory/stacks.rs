//! Stacks of threads: mapped when first needed, each above pages that never are.

use core::ops::Range;
use core::sync::atomic::Ordering;

use super::pager;
use crate::cpu::{self, MAX_CPUS};
use crate::sched::thread::{self, MAX_THREADS};

/// Where stacks are.
pub const BASE: usize = 0x2000_0000_0000;

/// Bytes from one stack to the next; the lower half is the guard.
const STRIDE: usize = 2 * BYTES;

/// Bytes of a stack. The stressor `zlib`, which comes with `deflate`, has its compressor made on its
/// stack before it is moved to the heap.
const BYTES: usize = if cfg!(feature = "deflate") { 256 * 1024 } else { 64 * 1024 };

/// Maps stack number `index`; `None` when there is no memory.
pub fn map(index: usize) -> Option<Range<usize>> {
    let top = BASE + (index + 1) * STRIDE;
    let range = top - BYTES..top;
    pager::get()?.map_kernel(range.clone()).then_some(range)
}

/// Number of the stack of a CPU's idle thread, behind those of all threads.
pub const fn of_cpu(id: usize) -> usize {
    MAX_THREADS + id
}

/// Whether the address is in the guard of a stack.
pub fn is_guard(address: usize) -> bool {
    let offset = address.wrapping_sub(BASE);
    offset < (MAX_THREADS + MAX_CPUS) * STRIDE && offset % STRIDE < STRIDE - BYTES
}

/// Whether the address is in a stack that is mapped.
pub fn is_mapped(address: usize) -> bool {
    let offset = address.wrapping_sub(BASE);
    let index = offset / STRIDE;
    let limit = if index < MAX_THREADS {
        thread::get(index as u16).stack_limit()
    } else if index < MAX_THREADS + MAX_CPUS {
        cpu::get(index - MAX_THREADS).emergency_stack.load(Ordering::Relaxed)
    } else {
        0
    };
    limit != 0 && offset % STRIDE >= STRIDE - BYTES
}

//! What the kernel itself must know.

use alloc::string::String;

/// The kernel's own words: `key=value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootOptions {
    /// `granule=`: page size in bytes, 4096 or 16384.
    pub page_size: usize,
    /// `zpool=`: name of the back end.
    pub zpool: String,
    /// `compressor=`: name of the compressor, and its level after a colon.
    pub compressor: String,
    /// `heap=`: the allocator of the kernel's heap.
    pub heap: Heap,
    /// `log=`: how log messages leave.
    pub log: Log,
    /// `exit=semihosting`: leave the emulator with the exit status instead of powering off.
    pub exit_by_semihosting: bool,
    /// `icount=1`: time is instructions executed.
    pub icount: bool,
    /// `selftest=1`: check the kernel's own parts before the workload.
    pub self_test: bool,
    /// `fragmented=1`: pools get single page frames only.
    pub fragmented: bool,
    /// `preempt-seed=`: not zero, turns of threads have lengths drawn from it.
    pub preempt_seed: u64,
    /// `inject=`: a fault to provoke, for tests.
    pub injection: Option<Injection>,
}

impl Default for BootOptions {
    fn default() -> Self {
        Self {
            page_size: 4096,
            zpool: "zblock".into(),
            compressor: "lz4".into(),
            heap: Heap::Tlsf,
            log: Log::Text,
            exit_by_semihosting: false,
            icount: false,
            self_test: false,
            fragmented: false,
            preempt_seed: 0,
            injection: None,
        }
    }
}

/// Allocator of the kernel's heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heap {
    /// Two-level segregated fit.
    Tlsf,
    /// A linked list, first fit: the baseline.
    LinkedListFirstFit,
}

/// How log messages leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    /// As defmt frames, which the launcher decodes.
    Defmt,
    /// As text.
    Text,
    /// Not at all.
    Off,
}

/// A fault to provoke, so that a test can see it caught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injection {
    /// One bit of one page flips between the fill and the check of a stressor.
    Verify,
    /// The kernel panics when it would start the workload.
    Panic,
    /// The kernel reads through a wild pointer when it would start the workload.
    WildPointer,
    /// The kernel overflows a stack when it would start the workload.
    StackOverflow,
}

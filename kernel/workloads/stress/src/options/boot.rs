//! What the kernel itself must know.

use alloc::string::String;

use super::Amount;

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
    /// `swap-ram=`: RAM that is a second tier behind the store.
    pub swap_ram: SwapRam,
    /// `fail-frame=`: which allocations of page frames fail.
    pub fail_frame: Option<FailPoint>,
    /// `fail-disk=`: which reads and writes of the second tier fail.
    pub fail_disk: Option<FailPoint>,
    /// `fail-object=`: which objects of pools are not what was written.
    pub fail_object: Option<FailPoint>,
    /// `checksum=1`: objects carry a checksum of their page.
    pub checksum: bool,
    /// `recompress=`: the compressor for cold pages, and its level after a colon.
    pub recompress: Option<String>,
    /// `recompress-after=`: time in nanoseconds after which a stored page is cold.
    pub recompress_after_ns: u64,
    /// `recompress-least=`: bytes that an object has at least to be recompressed.
    pub recompress_least: u64,
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
            swap_ram: SwapRam::Default,
            fail_frame: None,
            fail_disk: None,
            fail_object: None,
            checksum: false,
            recompress: None,
            recompress_after_ns: 1_000_000_000,
            recompress_least: 0,
            injection: None,
        }
    }
}

/// RAM that is a second tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwapRam {
    /// What the board has by itself.
    Default,
    /// None.
    Off,
    /// That much; a percentage is of RAM.
    Bytes(Amount),
}

/// Which calls of a function fail, so that a test can see that survived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailPoint {
    /// The first that does, counted from one.
    pub first: u64,
    /// All later ones do, too.
    pub lasting: bool,
}

impl FailPoint {
    /// Whether call `number` fails.
    #[must_use]
    pub const fn hits(self, number: u64) -> bool {
        number == self.first || (self.lasting && number > self.first)
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

//! The machine description, owned: nothing in it refers to the tree.

use core::ops::Range;

use heapless::{String, Vec};

use crate::tree::{Tree, chosen, console, interrupts, memory, processors, virtio};
use crate::{Board, Error, rpi5};

/// The most RAM ranges, after ranges that touch are merged.
pub const MAX_MEMORY_RANGES: usize = 16;
/// The most reserved ranges.
pub const MAX_RESERVED_RANGES: usize = 32;
/// The most processors that are described; more are counted.
pub const MAX_PROCESSORS: usize = 8;
/// The most regions of GICv3 redistributors.
pub const MAX_REDISTRIBUTORS: usize = 8;
/// The most virtio transports; more are left out.
pub const MAX_VIRTIO: usize = 32;
/// The longest boot arguments, in bytes.
pub const MAX_BOOT_ARGUMENTS: usize = 4096;

/// What a kernel has to know about the machine that it runs on.
///
/// All addresses are physical and as the processors see them: translated through every bus of
/// the tree. It has about 7 KiB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Which board this is, by the root's `compatible`.
    pub board: Board,
    /// The root's `model`, cut after 64 bytes; empty if it has none.
    pub model: String<64>,
    /// RAM: ascending, disjoint, none empty, ranges that touch merged.
    pub memory: Vec<Range<u64>, MAX_MEMORY_RANGES>,
    /// What of it is taken, in the order of the tree, possibly overlapping; may reach outside
    /// of RAM. Neither the tree itself nor the initial RAM disk nor the image are listed unless
    /// the tree does.
    pub reserved: Vec<Reserved, MAX_RESERVED_RANGES>,
    /// `/chosen/bootargs`; empty if there is none.
    pub boot_arguments: String<MAX_BOOT_ARGUMENTS>,
    /// Where the loader put the initial RAM disk.
    pub initrd: Option<Range<u64>>,
    /// The UART to talk through.
    pub console: Console,
    /// The interrupt controller.
    pub gic: Gic,
    /// The generic timer's interrupts.
    pub timer: Timer,
    /// How PSCI is called; `None` if the tree has no PSCI 0.2 or later.
    pub psci: Option<PsciMethod>,
    /// Affinity fields of the enabled processors' MPIDR_EL1 (bits 39..32 and 23..0), in the
    /// order of the tree; the first eight of them.
    pub processors: Vec<u64, MAX_PROCESSORS>,
    /// How many enabled processors the tree has; may exceed `processors.len()`.
    pub processor_count: usize,
    /// Registers of the Raspberry Pi 5's power management block, which has the watchdog.
    pub power_management: Option<Range<u64>>,
    /// Registers of memory-mapped virtio transports, most of which have no device behind them.
    pub virtio: Vec<Range<u64>, MAX_VIRTIO>,
}

/// A range of addresses that is not free to use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// Which.
    pub range: Range<u64>,
    /// Whether it must not even be mapped.
    pub no_map: bool,
}

/// A PL011 UART.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Console {
    /// Its registers.
    pub registers: Range<u64>,
    /// Its interrupt, if it is known.
    pub interrupt: Option<Interrupt>,
    /// The frequency of its clock in hertz, if it is known.
    pub clock_hz: Option<u32>,
    /// The rate to set up, in bits per second; `None` means to leave the divisors and the line
    /// control as the firmware has set them.
    pub baud: Option<u32>,
}

/// An interrupt as the GIC numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupt {
    /// The INTID: from 16 private to a processor, from 32 shared.
    pub intid: u32,
    /// What signals it.
    pub trigger: Trigger,
}

/// What signals an interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// A transition.
    Edge,
    /// A level, as long as it lasts.
    Level,
}

/// The interrupt controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gic {
    /// GICv2, such as the GIC-400.
    V2 {
        /// Registers of the distributor.
        distributor: Range<u64>,
        /// Registers of the CPU interface, at the same address for every processor.
        cpu_interface: Range<u64>,
    },
    /// GICv3 or later, CPU interface in system registers.
    V3 {
        /// Registers of the distributor.
        distributor: Range<u64>,
        /// Regions of redistributors, back to back in each.
        redistributors: Vec<Range<u64>, MAX_REDISTRIBUTORS>,
    },
}

/// The generic timer's interrupts that an operating system below EL2 uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timer {
    /// Of the non-secure EL1 physical timer.
    pub physical: Interrupt,
    /// Of the virtual timer.
    pub virtual_timer: Interrupt,
}

/// How the firmware's power state coordination interface is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PsciMethod {
    /// By the `hvc` instruction.
    Hvc,
    /// By the `smc` instruction.
    Smc,
}

impl Machine {
    /// Reads a flattened device tree.
    ///
    /// `data` begins with the tree and may be longer than it. Never panics and always ends,
    /// whatever the bytes are; the trees of real boards take some ten passes over them.
    /// Nodes that are not enabled (`status` other than `okay`) are skipped with all below them.
    ///
    /// # Errors
    ///
    /// Every [`Error`]: the tree is damaged, or has no memory, processor, timer, interrupt
    /// controller or console that is supported, or more of something than there is room for.
    pub fn from_tree(data: &[u8]) -> Result<Self, Error> {
        let tree = Tree::new(data)?;
        let board = tree.board();
        let mut reserved = memory::reserved(&tree)?;
        if board == Board::RaspberryPi5 {
            rpi5::reserve_firmware(&mut reserved)?;
        }
        let (processors, processor_count) = processors::processors(&tree)?;
        Ok(Self {
            board,
            model: tree.model(),
            memory: memory::memory(&tree)?,
            reserved,
            boot_arguments: chosen::boot_arguments(&tree)?,
            initrd: chosen::initrd(&tree)?,
            console: console::console(&tree, board)?,
            gic: interrupts::gic(&tree)?,
            timer: interrupts::timer(&tree)?,
            psci: processors::psci(&tree)?,
            processors,
            processor_count,
            power_management: processors::power_management(&tree, board),
            virtio: virtio::transports(&tree),
        })
    }
}

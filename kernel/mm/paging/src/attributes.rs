//! What a mapping allows, in the bits of a stage 1 descriptor (Arm ARM DDI 0487, D8.3).

use core::fmt;

/// A physical address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PhysicalAddress(pub u64);

impl fmt::Debug for PhysicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhysicalAddress({:#x})", self.0)
    }
}

impl fmt::LowerHex for PhysicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

bitflags::bitflags! {
    /// Attributes of a block or page of the EL1 translation regime, at their place in the
    /// descriptor. Everything is global (nG = 0) and out of reach of EL0 (AP\[1\] = 0).
    ///
    /// Memory without [`Attributes::DEVICE_MEMORY`] is normal memory, write-back cacheable.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct Attributes: u64 {
        /// AttrIndx = [`registers::MAIR_DEVICE`](crate::registers::MAIR_DEVICE): Device-nGnRE.
        const DEVICE_MEMORY = 1 << 2;
        /// AP\[2\]: writes fault.
        const READ_ONLY = 1 << 7;
        /// SH = 0b11. Without it normal memory is not coherent between cores; Device memory is
        /// outer shareable whatever this says.
        const INNER_SHAREABLE = 0b11 << 8;
        /// AF: used since this was last cleared. Hardware sets it where TCR_EL1.HA is on,
        /// otherwise an access through an entry without it faults.
        const ACCESSED = 1 << 10;
        /// PXN: EL1 does not execute from here.
        const PRIVILEGED_EXECUTE_NEVER = 1 << 53;
        /// UXN: EL0 does not execute from here.
        const UNPRIVILEGED_EXECUTE_NEVER = 1 << 54;

        /// Code: read and execute.
        const TEXT = Self::READ_ONLY.bits()
            | Self::INNER_SHAREABLE.bits()
            | Self::ACCESSED.bits()
            | Self::UNPRIVILEGED_EXECUTE_NEVER.bits();
        /// Constants: read.
        const RODATA = Self::TEXT.bits() | Self::PRIVILEGED_EXECUTE_NEVER.bits();
        /// Data: read and write.
        const DATA = Self::INNER_SHAREABLE.bits()
            | Self::ACCESSED.bits()
            | Self::PRIVILEGED_EXECUTE_NEVER.bits()
            | Self::UNPRIVILEGED_EXECUTE_NEVER.bits();
        /// Device registers: read and write, Device-nGnRE.
        const DEVICE = Self::DEVICE_MEMORY.bits()
            | Self::ACCESSED.bits()
            | Self::PRIVILEGED_EXECUTE_NEVER.bits()
            | Self::UNPRIVILEGED_EXECUTE_NEVER.bits();
    }
}

impl Attributes {
    /// Whether EL1 could write to what it executes.
    #[must_use]
    pub const fn writable_and_executable(self) -> bool {
        !self.intersects(Self::READ_ONLY.union(Self::PRIVILEGED_EXECUTE_NEVER))
    }
}

//! Values of the system registers that govern translation (Arm ARM DDI 0487, D24).

use crate::granule::{PHYSICAL_BITS, VIRTUAL_BITS};
use crate::{Error, TranslationGranule};

/// Index in MAIR_EL1 of normal memory, write-back cacheable, allocating on reads and writes.
pub const MAIR_NORMAL: u64 = 0;

/// Index in MAIR_EL1 of Device-nGnRE memory.
pub const MAIR_DEVICE: u64 = 1;

/// MAIR_EL1: 0xff (normal, inner and outer write-back non-transient, read- and write-allocate) at
/// [`MAIR_NORMAL`], 0x04 (Device-nGnRE) at [`MAIR_DEVICE`].
pub const MAIR_EL1: u64 = (0xff << (8 * MAIR_NORMAL)) | (0x04 << (8 * MAIR_DEVICE));

/// TCR_EL1 for tables of granule `G` in TTBR0_EL1, from the values of ID_AA64MMFR0_EL1 and
/// ID_AA64MMFR1_EL1.
///
/// 48-bit virtual addresses, walks inner shareable and write-back cacheable, nothing through
/// TTBR1_EL1, the physical address size of the processor up to 48 bits, and hardware that sets
/// the Access flag where there is any.
///
/// # Errors
/// [`Error::GranuleUnsupported`] when the processor has no such granule.
pub fn tcr_el1<G: TranslationGranule>(mmfr0: u64, mmfr1: u64) -> Result<u64, Error> {
    const TXSZ: u64 = (64 - VIRTUAL_BITS) as u64;
    const WRITE_BACK_ALLOCATE: u64 = 0b01;
    const INNER_SHAREABLE: u64 = 0b11;
    G::check(mmfr0)?;
    Ok(TXSZ // T0SZ
        | (WRITE_BACK_ALLOCATE << 8) // IRGN0
        | (WRITE_BACK_ALLOCATE << 10) // ORGN0
        | (INNER_SHAREABLE << 12) // SH0
        | (G::TG0 << 14)
        | (TXSZ << 16) // T1SZ, a legal value although unused
        | (1 << 23) // EPD1: no walks through TTBR1_EL1
        | (G::TG1 << 30)
        | (ips(mmfr0) << 32)
        | (u64::from(hardware_access_flag(mmfr1)) << 39)) // HA
}

/// Whether hardware sets the Access flag (ID_AA64MMFR1_EL1.HAFDBS). If not, the first access
/// through an entry without it faults and software sets it ([`PageEntry::fault`]).
///
/// [`PageEntry::fault`]: crate::PageEntry::fault
#[must_use]
pub const fn hardware_access_flag(mmfr1: u64) -> bool {
    mmfr1 & 0xf >= 1
}

/// Bits of a physical address that tables can output on this processor: those of
/// ID_AA64MMFR0_EL1.PARange, 48 at most.
#[must_use]
pub const fn physical_bits(mmfr0: u64) -> u32 {
    match ips(mmfr0) {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        _ => PHYSICAL_BITS,
    }
}

/// TCR_EL1.IPS: PARange, but no more than 48 bits (0b101).
const fn ips(mmfr0: u64) -> u64 {
    let range = mmfr0 & 0xf;
    if range < 0b101 { range } else { 0b101 }
}

//! What is particular to a Raspberry Pi 5 (BCM2712).
//!
//! Addresses are those of Linux' `bcm2712-rpi-5-b.dtb`; where firmware and tree disagree, the
//! source is named at the constant.

pub mod properties;

use core::ops::Range;

use heapless::Vec;

use crate::{Console, Error, MAX_RESERVED_RANGES, Reserved};

/// What the root node's `compatible` list has for the board.
pub const COMPATIBLE_BOARD: &str = "raspberrypi,5-model-b";

/// What the root node's `compatible` list has for the chip.
pub const COMPATIBLE_CHIP: &str = "brcm,bcm2712";

/// Address of UART10, the PL011 on the three-pin debug connector.
///
/// It is chosen by this address, not by `stdout-path`: with `enable_uart=1` firmware may point
/// that at a UART of the RP1, which is behind PCI Express and in reset when the image starts.
pub const CONSOLE_ADDRESS: u64 = 0x10_7d00_1000;

/// Size of UART10's window in bytes. The identification registers are not in it.
pub const CONSOLE_SIZE: u64 = 0x200;

/// Frequency of UART10's clock in hertz: 115200 * 16 * 24.
///
/// Source: the platform definitions of Raspberry Pi's fork of Trusted Firmware-A. The tree on
/// disk says 9 216 000, which would end in a wrong rate, so the tree is not asked.
pub const CONSOLE_CLOCK_HZ: u32 = 44_236_800;

/// Where the firmware's secure monitor lives: never to be written, mapped or handed out.
///
/// Without protection by hardware, secondary cores wait on words in it (Trusted Firmware-A,
/// `docs/plat/rpi5.rst`).
pub const FIRMWARE: Range<u64> = 0..0x8_0000;

/// Address of the power management block, which has the watchdog and resets the board.
pub const POWER_MANAGEMENT_ADDRESS: u64 = 0x10_7d20_0000;

/// Size of the power management block in bytes.
pub const POWER_MANAGEMENT_SIZE: u64 = 0x604;

/// Offset of the register that starts and stops the watchdog (`RSTC`), in bytes.
pub const WATCHDOG_CONTROL_OFFSET: u64 = 0x1c;

/// What to write there to stop a watchdog that firmware has left running, password included.
///
/// Some firmware of June and July 2025 does (raspberrypi/firmware, number 1980 of its tracker). The value is the
/// one that drivers for earlier Raspberry Pis write.
pub const WATCHDOG_STOP: u32 = 0x5a00_0102;

/// Address of the mailbox through which the VideoCore is asked (Linux' device tree).
pub const MAILBOX_ADDRESS: u64 = 0x10_7c01_3880;

/// Size of the mailbox in bytes.
pub const MAILBOX_SIZE: u64 = 0x40;

/// Address of the RP1's first UART (GPIO 14 and 15), as firmware since October 2024 maps it when
/// `config.txt` says `enable_rp1_uart=1` and `pciex4_reset=0`.
///
/// The boot loader prints it on a line with `RP1_UART`. Without those two lines the RP1 is in reset,
/// and an access ends in an abort.
pub const HEADER_CONSOLE_ADDRESS: u64 = 0x1c_0003_0000;

/// The UART on the 40-pin header, with the line as firmware has set it up.
#[must_use]
pub fn header_console() -> Console {
    Console {
        registers: HEADER_CONSOLE_ADDRESS..HEADER_CONSOLE_ADDRESS + 0x100,
        interrupt: None,
        clock_hz: None,
        baud: None,
    }
}

/// The console as it is without a device tree. Firmware has set the line up.
#[must_use]
pub fn fallback_console() -> Console {
    Console {
        registers: CONSOLE_ADDRESS..CONSOLE_ADDRESS + CONSOLE_SIZE,
        interrupt: None,
        clock_hz: Some(CONSOLE_CLOCK_HZ),
        baud: None,
    }
}

/// Adds [`FIRMWARE`] to what is reserved, unless the tree has it.
pub(crate) fn reserve_firmware(
    reserved: &mut Vec<Reserved, MAX_RESERVED_RANGES>,
) -> Result<(), Error> {
    let covers = |entry: &Reserved| {
        let Reserved { range, no_map } = entry;
        *no_map && range.contains(&FIRMWARE.start) && range.end >= FIRMWARE.end
    };
    if reserved.iter().any(covers) {
        return Ok(());
    }
    crate::tree::memory::reserve(reserved, Reserved { range: FIRMWARE, no_map: true })
}

//! What is particular to QEMU's `virt` machine.
//!
//! Source: QEMU's documentation of `virt` and the memory map that its trees have shown
//! unchanged since 2014.

use crate::Console;

/// What the root node's `compatible` list has.
pub const COMPATIBLE: &str = "linux,dummy-virt";

/// Address of the first byte of RAM.
pub const RAM_START: u64 = 0x4000_0000;

/// Address of the PL011.
pub const CONSOLE_ADDRESS: u64 = 0x0900_0000;

/// Size of the PL011's window in bytes.
pub const CONSOLE_SIZE: u64 = 0x1000;

/// Frequency of the PL011's clock in hertz.
pub const CONSOLE_CLOCK_HZ: u32 = 24_000_000;

/// No firmware sets the line up before the image runs, so it has to; QEMU ignores the rate.
pub const CONSOLE_BAUD: u32 = 115_200;

/// The console as it is without a device tree.
#[must_use]
pub fn fallback_console() -> Console {
    Console {
        registers: CONSOLE_ADDRESS..CONSOLE_ADDRESS + CONSOLE_SIZE,
        interrupt: None,
        clock_hz: Some(CONSOLE_CLOCK_HZ),
        baud: Some(CONSOLE_BAUD),
    }
}

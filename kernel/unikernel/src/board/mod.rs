//! What is particular to a board and not in its device tree's nodes.

mod mailbox;

use boards::{Board, Console, Machine, rpi5};
use core::ops::Range;
use core::ptr::NonNull;

use report::BoardState;
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::{ReadPureWrite, WriteOnly};

use crate::{console, println};

/// Device registers that are used besides those of [`Machine`]'s fields; to be mapped.
pub fn registers(machine: &Machine) -> impl Iterator<Item = Range<u64>> {
    let mailbox = rpi5::MAILBOX_ADDRESS..rpi5::MAILBOX_ADDRESS + rpi5::MAILBOX_SIZE;
    let mailbox = (machine.board == Board::RaspberryPi5).then_some(mailbox);
    let header = header_console(machine).map(|console| console.registers);
    [mailbox, header].into_iter().flatten()
}

/// The UART of the 40-pin header, if the boot arguments ask for it.
fn header_console(machine: &Machine) -> Option<Console> {
    let asked = machine.boot_arguments.split_ascii_whitespace().any(is_header_word);
    (asked && machine.board == Board::RaspberryPi5).then(rpi5::header_console)
}

/// Whether a boot argument moves the console to the 40-pin header.
pub fn is_header_word(word: &str) -> bool {
    word == "console=header"
}

/// Quiets what firmware may have left running, and moves the console where it was asked for. Once,
/// when the kernel's map is in use.
pub fn init(machine: &Machine) {
    if let Some(registers) = &machine.power_management {
        stop_watchdog(registers);
    }
    if let Some(header) = header_console(machine) {
        move_console(&header);
    }
}

/// Stops a watchdog that firmware has left running.
fn stop_watchdog(registers: &Range<u64>) {
    let address = (registers.start + rpi5::WATCHDOG_CONTROL_OFFSET) as usize;
    let control = core::ptr::with_exposed_provenance_mut::<WriteOnly<u32>>(address);
    if let Some(control) = NonNull::new(control) {
        // SAFETY: a register of the power management block, mapped as device memory; nobody else
        // uses it.
        unsafe { UniqueMmioPointer::new(control) }.write(rpi5::WATCHDOG_STOP);
    }
}

/// Moves the console to a UART behind PCI Express, if it answers.
///
/// Announced and tried while the console is still the old one, so that an abort is seen there.
fn move_console(header: &Console) {
    /// Offset of UARTCR (PL011 technical reference manual, 3.3.8).
    const CONTROL: u64 = 0x30;
    let address = header.registers.start;
    console::print(format_args!(
        "zlab: info:  [0] the console moves to the 40-pin header (UART at {address:#x})\n"
    ));
    let control = (address + CONTROL) as usize;
    let control = core::ptr::with_exposed_provenance_mut::<ReadPureWrite<u32>>(control);
    let Some(control) = NonNull::new(control) else { return };
    // SAFETY: mapped as device memory; reading this register has no effect.
    let control = unsafe { UniqueMmioPointer::new(control) }.read();
    // Reads that nothing answers are all ones on PCI Express.
    if control == u32::MAX || control & 1 == 0 {
        console::print(format_args!(
            "zlab: warning: it is not there (control register {control:#x}): the console stays; \
             config.txt needs enable_rp1_uart=1 and pciex4_reset=0\n"
        ));
        return;
    }
    console::init(header);
}

/// What a board says of its clock and its temperature, if it is one that does; printed as well.
pub fn state(machine: &Machine) -> Option<BoardState> {
    if machine.board != Board::RaspberryPi5 {
        return None;
    }
    let Some(properties) = mailbox::ask() else {
        println!(
            "zlab: info:  [0] board: clock, temperature and throttling are unknown (the VideoCore \
             does not answer)"
        );
        return None;
    };
    let state = BoardState {
        clock_hz: properties.clock_hz.map(u64::from),
        clock_measured_hz: properties.clock_measured_hz.map(u64::from),
        clock_max_hz: properties.clock_max_hz.map(u64::from),
        temperature_millicelsius: properties.temperature_millicelsius.map(u64::from),
        throttled: properties.throttled,
    };
    println!("zlab: info:  [0] board: {state}");
    Some(state)
}

//! The PL011 behind the console.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart};
use boards::Console;
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::ReadPureWrite;

/// Address of the registers; zero before the console is known.
static REGISTERS: AtomicUsize = AtomicUsize::new(0);

/// Rate of a line that firmware should have set up but has not.
const FALLBACK_BAUD: u32 = 115_200;

/// From now on the console is this UART. Where firmware has set up the line, its baud rate and
/// format stay as they are; where nobody has, or the UART is off, they are set.
pub fn init(console: &Console) {
    REGISTERS.store(console.registers.start as usize, Ordering::Release);
    let baud = console.baud.or((!is_on()).then_some(FALLBACK_BAUD));
    if let (Some(mut uart), Some(baud), Some(clock_hz)) = (uart(), baud, console.clock_hz) {
        let line = LineConfig {
            data_bits: DataBits::Bits8,
            parity: Parity::None,
            stop_bits: StopBits::One,
        };
        // A rate that the clock cannot give leaves the line as it was.
        let _ = uart.enable(line, baud, clock_hz);
    }
    receive();
}

/// The next byte that was received, if there is one. One that arrived damaged is dropped.
pub fn read() -> Option<u8> {
    uart()?.read_word().ok().flatten()
}

/// Whether the UART is on (UARTCR.UARTEN). The driver does not tell.
fn is_on() -> bool {
    control().is_some_and(|control| control.read() & 1 != 0)
}

/// Lets a UART that firmware has set up receive, too (UARTCR.RXE).
fn receive() {
    const RECEIVE: u32 = 1 << 9;
    if let Some(mut control) = control() {
        let before = control.read();
        if before & RECEIVE == 0 {
            control.write(before | RECEIVE);
        }
    }
}

/// UARTCR.
fn control() -> Option<UniqueMmioPointer<'static, ReadPureWrite<u32>>> {
    /// Offset of UARTCR (PL011 technical reference manual, 3.3.8).
    const CONTROL: usize = 0x30;
    let address = REGISTERS.load(Ordering::Acquire) + CONTROL;
    let control = core::ptr::with_exposed_provenance_mut::<ReadPureWrite<u32>>(address);
    // SAFETY: `init` stored the address of a PL011, mapped as device memory; only the boot CPU
    // runs yet.
    NonNull::new(control).map(|control| unsafe { UniqueMmioPointer::new(control) })
}

/// Sends bytes, waiting for room in the FIFO. Nothing before [`init`].
///
/// The console's lock keeps messages apart; on the way down bytes may mix, no more.
pub fn write(bytes: &[u8]) {
    let Some(mut uart) = uart() else { return };
    for &byte in bytes {
        while uart.is_tx_fifo_full() {
            zpool::relax();
        }
        uart.write_word(byte);
    }
}

fn uart() -> Option<Uart<'static>> {
    let address = REGISTERS.load(Ordering::Acquire);
    let registers = core::ptr::with_exposed_provenance_mut::<PL011Registers>(address);
    let registers = NonNull::new(registers)?;
    // SAFETY: `init` was given the address of a PL011, mapped as device memory from the first map
    // on. After `init` the only registers used are the flags (read) and the data register
    // (written by any CPU at any time, read by the one thread that runs the shell).
    Some(Uart::new(unsafe { UniqueMmioPointer::new(registers) }))
}

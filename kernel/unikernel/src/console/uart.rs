//! The PL011 behind the console.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart};
use boards::Console;
use safe_mmio::UniqueMmioPointer;

/// Address of the registers; zero before the console is known.
static REGISTERS: AtomicUsize = AtomicUsize::new(0);

/// From now on the console is this UART. Where firmware has set up the line, its baud rate and
/// format stay as they are; where nobody has, they are set.
pub fn init(console: &Console) {
    REGISTERS.store(console.registers.start as usize, Ordering::Release);
    if let (Some(mut uart), Some(baud), Some(clock_hz)) = (uart(), console.baud, console.clock_hz) {
        let line = LineConfig {
            data_bits: DataBits::Bits8,
            parity: Parity::None,
            stop_bits: StopBits::One,
        };
        // A rate that the clock cannot give leaves the line as it was.
        let _ = uart.enable(line, baud, clock_hz);
    }
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
    // (write), which any CPU may access at any time.
    Some(Uart::new(unsafe { UniqueMmioPointer::new(registers) }))
}

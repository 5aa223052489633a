//! One UART: plain text for people, log frames beside it.

pub mod log;
mod uart;

use core::fmt::{self, Write};

use log::Mode;
pub use uart::init;

use crate::sched::sleep_lock::SleepLock;

/// Held while a message goes out, so that messages of several threads do not mix.
static CONSOLE: SleepLock<()> = SleepLock::new(());

/// Writes to the UART.
struct Out;

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        send(text.as_bytes());
        Ok(())
    }
}

/// Sends text, or frames of defmt among it. Where there are none, a terminal may be at the other
/// end, and lines end as terminals want it: by carriage return and line feed.
fn send(bytes: &[u8]) {
    if log::mode() == Mode::Defmt {
        return uart::write(bytes);
    }
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if number != 0 {
            uart::write(b"\r\n");
        }
        uart::write(line);
    }
}

/// The next byte that was received. For the thread that runs the shell.
pub fn read() -> Option<u8> {
    uart::read()
}

/// Sends a byte as it is, in answer to one that was received.
pub fn echo(byte: u8) {
    let _console = CONSOLE.lock();
    uart::write(&[byte]);
}

/// Prints one message whole. For threads; log records that wait go out first, so that the order
/// on the wire is the order of events on this CPU.
pub fn print(arguments: fmt::Arguments<'_>) {
    let _console = CONSOLE.lock();
    log::drain(send);
    // Formatting cannot fail unless a Display implementation does; then the rest is lost.
    let _ = Out.write_fmt(arguments);
}

/// Prints without locks, for the way down.
pub fn print_dying(arguments: fmt::Arguments<'_>) {
    let _ = Out.write_fmt(arguments);
}

/// Sends waiting log records without locks, for the way down.
pub fn drain_logs_dying() {
    log::drain(send);
}

/// Sends waiting log records if nobody is printing.
pub fn drain_logs() {
    if log::waiting()
        && let Some(_console) = CONSOLE.try_lock()
    {
        log::drain(send);
    }
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    () => { $crate::console::print(format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::console::print(format_args!("{}\n", format_args!($($argument)*)))
    };
}

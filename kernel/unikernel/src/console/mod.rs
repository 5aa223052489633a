//! One UART: plain text for people, log frames beside it.

pub mod log;
mod uart;

use core::fmt::{self, Write};

pub use uart::init;

use crate::sched::sleep_lock::SleepLock;

/// Held while a message goes out, so that messages of several threads do not mix.
static CONSOLE: SleepLock<()> = SleepLock::new(());

/// Writes to the UART, with `\n` as it is.
struct Out;

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        uart::write(text.as_bytes());
        Ok(())
    }
}

/// Prints one message whole. For threads; log records that wait go out first, so that the order
/// on the wire is the order of events on this CPU.
pub fn print(arguments: fmt::Arguments<'_>) {
    let _console = CONSOLE.lock();
    log::drain(uart::write);
    // Formatting cannot fail unless a Display implementation does; then the rest is lost.
    let _ = Out.write_fmt(arguments);
}

/// Prints without locks, for the way down.
pub fn print_dying(arguments: fmt::Arguments<'_>) {
    let _ = Out.write_fmt(arguments);
}

/// Sends waiting log records without locks, for the way down.
pub fn drain_logs_dying() {
    log::drain(uart::write);
}

/// Sends waiting log records if nobody is printing.
pub fn drain_logs() {
    if log::waiting()
        && let Some(_console) = CONSOLE.try_lock()
    {
        log::drain(uart::write);
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

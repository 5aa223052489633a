//! Lines from the UART, with editing and history.

use alloc::boxed::Box;
use alloc::string::String;
use core::convert::Infallible;

use report::PROMPT;
use ushell::autocomplete::StaticAutocomplete;
use ushell::history::LRUHistory;
use ushell::{Input, ShellError, UShell, control};

use super::COMMANDS;
use crate::arch::clock;
use crate::console;
use crate::sched;

/// Longest line in bytes.
const LINE_BYTES: usize = 256;
/// Lines that are remembered.
const REMEMBERED: usize = 16;

/// Between two looks at the UART. Its FIFO holds 16 bytes at least, which take 1.4 ms to arrive at
/// 115200 baud.
const POLL_NS: u64 = 1_000_000;

/// The editor: arrow keys, backspace, history, tab completes a command's name.
pub struct Editor(Box<UShell<Serial, Completion, History, LINE_BYTES>>);

type Completion = StaticAutocomplete<{ COMMANDS.len() }>;
type History = LRUHistory<LINE_BYTES, REMEMBERED>;

/// What a key did.
enum Key {
    Nothing,
    Line(String),
    Abandon,
    Wait,
}

impl Editor {
    /// An editor that remembers nothing.
    pub fn new() -> Self {
        let names = StaticAutocomplete(COMMANDS.map(|command| command.name));
        Self(Box::new(UShell::new(Serial { last: 0 }, names, History::default())))
    }

    /// Prompts, and waits for a line.
    pub fn line(&mut self) -> String {
        console::print(format_args!("{PROMPT}"));
        loop {
            match self.key() {
                Key::Nothing => {}
                Key::Wait => sched::sleep_until_ns(clock::now_ns() + POLL_NS),
                Key::Line(line) => {
                    console::print(format_args!("\n"));
                    return line;
                }
                Key::Abandon => {
                    self.0.reset();
                    console::print(format_args!("^C\n{PROMPT}"));
                }
            }
        }
    }

    fn key(&mut self) -> Key {
        match self.0.poll() {
            Ok(Some(Input::Command((name, arguments)))) => {
                let separator = if arguments.is_empty() { "" } else { " " };
                Key::Line([name, separator, arguments].concat())
            }
            Ok(Some(Input::Control(control::CTRL_C))) => Key::Abandon,
            Ok(_) => Key::Nothing,
            Err(ShellError::WouldBlock) => Key::Wait,
            // Bytes that are no text do not get here, see `Serial`.
            Err(_) => Key::Abandon,
        }
    }
}

/// The console as the editor sees it: plain ASCII, lines end by a carriage return.
struct Serial {
    last: u8,
}

impl ushell::Read<u8> for Serial {
    type Error = Infallible;

    fn read(&mut self) -> nb::Result<u8, Infallible> {
        loop {
            let byte = console::read().ok_or(nb::Error::WouldBlock)?;
            let last = core::mem::replace(&mut self.last, byte);
            match byte {
                b'\n' if last == b'\r' => {}
                b'\n' => return Ok(b'\r'),
                0x80.. => {}
                byte => return Ok(byte),
            }
        }
    }
}

impl ushell::Write<u8> for Serial {
    type Error = Infallible;

    fn write(&mut self, byte: u8) -> nb::Result<(), Infallible> {
        console::echo(byte);
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), Infallible> {
        Ok(())
    }
}

//! What is typed: keys as they come, or lines when somebody waits for one.

use std::collections::VecDeque;
use std::io::{IsTerminal, Read, stdin, stdout};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use nix::sys::termios::{
    InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

use crate::console::Console;

/// Where typed bytes come from and when they go out.
pub struct Keyboard {
    typed: Option<Receiver<Vec<u8>>>,
    way: Way,
}

/// When what was typed goes out.
enum Way {
    /// At once, for the editor at the other end.
    Keys(RawTerminal),
    /// Line by line.
    Lines(Lines),
}

/// Lines that wait for the other end. It keeps few bytes that nobody reads, so the next line goes out
/// when the answer to the one before has come and the prompt stands there again.
#[derive(Default)]
struct Lines {
    waiting: VecDeque<u8>,
    /// Lines that the console had shown when a line was sent; `None` before the first.
    sent_at: Option<u64>,
    /// Whether the first line waits for the prompt, too.
    patient: bool,
    /// What to type when there is nothing more.
    last: Option<&'static str>,
}

impl Keyboard {
    /// Nobody types.
    pub fn none() -> Self {
        Self { typed: None, way: Way::Lines(Lines::default()) }
    }

    /// Standard input, for a machine that is about to boot: nothing goes out before its prompt, and
    /// `last` is typed when the input has ended. A terminal gives each key at once.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub fn for_boot(last: &'static str) -> Result<Self> {
        Self::standard_input(Lines { patient: true, last: Some(last), ..Lines::default() })
    }

    /// Standard input, for a board that may be waiting at its prompt: the first line goes out at
    /// once. A terminal gives each key at once.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub fn for_board() -> Result<Self> {
        Self::standard_input(Lines::default())
    }

    /// These lines, each at a prompt.
    pub fn lines(lines: &[&str]) -> Self {
        let waiting = lines.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect();
        Self { typed: None, way: Way::Lines(Lines { waiting, patient: true, ..Lines::default() }) }
    }

    fn standard_input(lines: Lines) -> Result<Self> {
        let terminal = stdin().is_terminal() && stdout().is_terminal();
        let way = if terminal { Way::Keys(RawTerminal::new()?) } else { Way::Lines(lines) };
        let (sender, typed) = sync_channel(16);
        // It waits for a key that may never come, and ends with the process.
        std::thread::spawn(move || {
            let mut buffer = [0; 256];
            while let Ok(length @ 1..) = stdin().read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { typed: Some(typed), way })
    }

    /// Whether keys go out as they are typed, and the other end shows them.
    pub fn is_live(&self) -> bool {
        matches!(self.way, Way::Keys(_))
    }

    /// What is to be sent now.
    pub fn due(&mut self, console: &Console) -> Vec<u8> {
        let mut keys = Vec::new();
        while let Some(typed) = &self.typed {
            match typed.try_recv() {
                Ok(bytes) => keys.extend(bytes),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.typed = None,
            }
        }
        match &mut self.way {
            Way::Keys(_) => keys,
            Way::Lines(lines) => {
                lines.waiting.extend(keys);
                lines.due(console, self.typed.is_none())
            }
        }
    }
}

impl Lines {
    /// The next line, if it is time for it.
    fn due(&mut self, console: &Console, complete: bool) -> Vec<u8> {
        let awaited = match self.sent_at {
            None => console.at_prompt() || !self.patient,
            Some(lines) => console.at_prompt() && console.lines() > lines,
        };
        if !awaited {
            return Vec::new();
        }
        let end = self.waiting.iter().position(|&byte| byte == b'\n');
        let mut line: Vec<u8> = match end {
            Some(end) => self.waiting.drain(..=end).take(end).collect(),
            None if complete && !self.waiting.is_empty() => self.waiting.drain(..).collect(),
            None if complete && console.at_prompt() => match self.last.take() {
                Some(last) => last.into(),
                None => return Vec::new(),
            },
            None => return Vec::new(),
        };
        self.sent_at = Some(console.lines());
        line.push(b'\r');
        line
    }
}

/// The terminal as it was, while it gives keys instead of lines.
static COOKED: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that gives keys as they are pressed and echoes nothing. Ctrl-C still interrupts.
struct RawTerminal;

impl RawTerminal {
    fn new() -> Result<Self> {
        let cooked = tcgetattr(stdin()).context("cannot set up the terminal")?;
        let mut raw = cooked.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN);
        // Enter is a carriage return, as on a serial line.
        raw.input_flags.remove(InputFlags::ICRNL | InputFlags::IXON);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        *COOKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(cooked);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw).context("cannot set up the terminal")?;
        Ok(Self)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Gives the terminal back as it was, if it was changed. For those who end the process at once.
pub fn restore_terminal() {
    if let Some(cooked) = COOKED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that went away needs nothing.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &cooked);
    }
}

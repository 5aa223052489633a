//! A running QEMU.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wait_timeout::ChildExt;

use super::{Ending, Machine};
use crate::console::{Console, Event, LogDecoder, Verdict};
use crate::symbols::Symbols;
use crate::{initrd, interrupt};

/// A running machine. Dropping it kills QEMU.
pub struct Vm {
    child: Child,
    output: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<String>>,
    console: Console,
    symbols: Option<Symbols>,
    semihosting: bool,
    verdict: Option<Verdict>,
    _initrd: Option<TemporaryFile>,
}

/// How often the machine looks whether it was interrupted.
const POLL: Duration = Duration::from_millis(50);
/// How long QEMU may take to end after the verdict.
const GRACE: Duration = Duration::from_secs(5);

impl Vm {
    pub(super) fn start(machine: &Machine) -> Result<Self> {
        let initrd = match machine.initrd.as_slice() {
            [] => None,
            entries => {
                let file = TemporaryFile::new();
                initrd::write(entries, &file.path)?;
                Some(file)
            }
        };
        let mut command = machine.command(initrd.as_ref().map(|file| file.path.as_path()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let output = read_pieces(child.stdout.take().context("QEMU has no standard output")?);
        let mut stderr = child.stderr.take().context("QEMU has no standard error")?;
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is still worth showing.
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let vm = Self {
            child,
            output,
            stderr: Some(stderr),
            console: Console::new(None),
            symbols: None,
            semihosting: machine.semihosting,
            verdict: None,
            _initrd: initrd,
        };
        // QEMU is booting meanwhile.
        match &machine.image.elf {
            None => Ok(vm),
            Some(elf) => vm.with_elf(elf),
        }
    }

    fn with_elf(self, elf: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", elf.display());
        let bytes = fs::read(elf).with_context(context)?;
        let decoder = LogDecoder::new(&bytes).with_context(context)?;
        let symbols = Symbols::new(&bytes).with_context(context)?;
        Ok(self.decoding(decoder, symbols))
    }

    fn decoding(mut self, decoder: Option<LogDecoder>, symbols: Symbols) -> Self {
        self.console = Console::new(decoder);
        self.symbols = Some(symbols);
        self
    }

    /// Runs the machine to its end or to the deadline, giving events as they come.
    ///
    /// # Errors
    /// QEMU's exit status cannot be had.
    pub fn run(
        mut self,
        deadline: Option<Instant>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Ending> {
        let mut deadline = deadline;
        loop {
            if interrupt::requested() {
                return Ok(Ending::Interrupted);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.end_of_output(on_event);
                if self.verdict.is_none() {
                    return Ok(Ending::Timeout);
                }
                // The guest is done, only QEMU is not.
                break;
            }
            match self.output.recv_timeout(POLL) {
                Ok(bytes) => {
                    let events = self.console.push(&bytes);
                    self.pass_on(events, on_event);
                    if self.verdict.is_some() {
                        let grace = Instant::now() + GRACE;
                        deadline = Some(deadline.map_or(grace, |deadline| deadline.min(grace)));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.end_of_output(on_event);
                    break;
                }
            }
        }
        let status = self.child.wait_timeout(GRACE).context("cannot wait for QEMU")?;
        if status.is_none() {
            self.child.kill().context("cannot stop QEMU")?;
        }
        if interrupt::requested() && self.verdict.is_none() {
            // Ctrl-C in a terminal reaches QEMU, too, which may be faster.
            return Ok(Ending::Interrupted);
        }
        let code = status.and_then(|status| status.code());
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Ending::judge(self.verdict.take(), code, stderr, self.semihosting))
    }

    fn end_of_output(&mut self, on_event: &mut dyn FnMut(Event)) {
        let events = self.console.finish();
        self.pass_on(events, on_event);
    }

    fn pass_on(&mut self, events: Vec<Event>, on_event: &mut dyn FnMut(Event)) {
        for event in events {
            on_event(match (event, &self.symbols) {
                (Event::Line(line), Some(symbols)) => Event::Line(symbols.annotate(line)),
                (Event::Verdict(verdict), _) => {
                    self.verdict = Some(verdict.clone());
                    Event::Verdict(verdict)
                }
                (event, _) => event,
            });
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the output as it comes on a thread of its own. The channel is bounded, so that a guest that
/// prints faster than anyone reads waits.
fn read_pieces(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = stdout.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A file of this process that goes with its owner.
struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("zlab-{}-{count}.cpio", std::process::id());
        Self { path: std::env::temp_dir().join(name) }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;

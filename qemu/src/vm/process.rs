//! A running QEMU.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wait_timeout::ChildExt;

use super::guarded::Guarded;
use super::machine::SwapDisk;
use super::{Ending, Machine};
use crate::console::Event;
use crate::session::{self, Keyboard, Limits, Session, Stream};
use crate::{initrd, interrupt};

/// A running machine. Dropping it kills QEMU.
pub struct Vm {
    process: Guarded,
    stream: Stream,
    stderr: JoinHandle<String>,
    session: Session,
    semihosting: bool,
    _initrd: Option<TemporaryFile>,
    _disk: Option<TemporaryFile>,
}

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
        let path = |file: &Option<TemporaryFile>| file.as_ref().map(|file| file.path.clone());
        let (disk, disk_path) = match &machine.swap_disk {
            None => (None, None),
            Some(SwapDisk::File(path)) => (None, Some(path.clone())),
            Some(SwapDisk::Bytes(bytes)) => {
                let file = TemporaryFile::new();
                std::fs::File::create(&file.path)
                    .and_then(|disk| disk.set_len(*bytes))
                    .with_context(|| format!("cannot make a disk at {}", file.path.display()))?;
                let file = Some(file);
                let path = path(&file);
                (file, path)
            }
        };
        let mut command = machine.command_with(path(&initrd).as_deref(), disk_path.as_deref());
        let stdin = if machine.interactive { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut process = Guarded::new(child);
        let child = &mut process.child;
        let output = child.stdout.take().context("QEMU has no standard output")?;
        let input = child.stdin.take().map(|stdin| Box::new(stdin) as Box<dyn Write + Send>);
        let mut stderr = child.stderr.take().context("QEMU has no standard error")?;
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is still worth showing.
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut vm = Self {
            process,
            stream: Stream::new(output, input),
            stderr,
            session: Session::new(None)?,
            semihosting: machine.semihosting,
            _initrd: initrd,
            _disk: disk,
        };
        // QEMU is booting meanwhile.
        vm.session = Session::new(machine.image.elf.as_deref())?;
        Ok(vm)
    }

    /// Runs the machine to its end or to the deadline, giving events as they come.
    ///
    /// # Errors
    /// QEMU's exit status cannot be had.
    pub fn run(self, deadline: Option<Instant>, on_event: &mut dyn FnMut(Event)) -> Result<Ending> {
        self.converse(Keyboard::none(), deadline, on_event)
    }

    /// As [`Vm::run`], with what is typed going to an [interactive](Machine::interactive) machine.
    ///
    /// # Errors
    /// QEMU's exit status cannot be had.
    pub fn converse(
        self,
        keyboard: Keyboard,
        deadline: Option<Instant>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Ending> {
        let limits = Limits { deadline, after_verdict: Some(GRACE), answers: false };
        let Self { mut process, stream, stderr, mut session, semihosting, _initrd, _disk } = self;
        match session.run(stream, keyboard, limits, on_event) {
            session::Ending::Interrupted => return Ok(Ending::Interrupted),
            session::Ending::Timeout => return Ok(Ending::Timeout),
            // A pipe that fails is one whose process has ended.
            session::Ending::Closed | session::Ending::Failed(_) => {}
        }
        let status = process.child.wait_timeout(GRACE).context("cannot wait for QEMU")?;
        if status.is_none() {
            process.child.kill().context("cannot stop QEMU")?;
        }
        if interrupt::requested() && session.verdict.is_none() {
            // Ctrl-C in a terminal reaches QEMU, too, which may be faster.
            return Ok(Ending::Interrupted);
        }
        let code = status.and_then(|status| status.code());
        let stderr = stderr.join().unwrap_or_default();
        Ok(Ending::judge(session.verdict, code, stderr, semihosting))
    }
}

/// A file of this process that goes with its owner.
struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("zlab-{}-{count}", std::process::id());
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

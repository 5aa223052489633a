//! What QEMU is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Outcome, Vm};
use crate::image::Image;
use crate::initrd;
use crate::qemu_install::Qemu;

/// How the kernel sends its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KernelLog {
    /// As defmt frames, formatted by the launcher.
    #[default]
    Defmt,
    /// As text lines, formatted by the kernel.
    Text,
    /// Not at all.
    Off,
}

/// A disk to swap to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapDisk {
    /// That many bytes, for one run.
    Bytes(u64),
    /// This file, which is written to.
    File(PathBuf),
}

/// A machine to be started: QEMU's `virt` board with Cortex-A76 cores, four of them and 512 MiB of
/// RAM unless said otherwise.
#[derive(Clone, Debug)]
pub struct Machine {
    qemu: Qemu,
    pub(super) image: Image,
    machine: String,
    smp: u8,
    memory_bytes: u64,
    log: KernelLog,
    icount: bool,
    gdb: bool,
    pub(super) semihosting: bool,
    pub(super) interactive: bool,
    words: Vec<String>,
    pub(super) initrd: Vec<initrd::Entry>,
    pub(super) swap_disk: Option<SwapDisk>,
    qemu_arguments: Vec<String>,
}

impl Machine {
    /// The default machine with `image`.
    pub fn new(qemu: Qemu, image: Image) -> Self {
        Self {
            qemu,
            // Frames cannot be decoded without the strings in the ELF file.
            log: if image.elf.is_some() { KernelLog::Defmt } else { KernelLog::Text },
            image,
            machine: "virt".into(),
            smp: 4,
            memory_bytes: 512 << 20,
            icount: false,
            gdb: false,
            semihosting: true,
            interactive: false,
            words: Vec::new(),
            initrd: Vec::new(),
            swap_disk: None,
            qemu_arguments: Vec::new(),
        }
    }

    /// QEMU's `-M`, such as `virt,gic-version=3,virtualization=on`.
    #[must_use]
    pub fn machine(self, machine: impl Into<String>) -> Self {
        Self { machine: machine.into(), ..self }
    }

    /// Number of cores.
    #[must_use]
    pub fn smp(self, smp: u8) -> Self {
        Self { smp, ..self }
    }

    /// RAM in bytes; QEMU wants whole MiB.
    #[must_use]
    pub fn memory(self, memory_bytes: u64) -> Self {
        Self { memory_bytes, ..self }
    }

    /// How the kernel sends its log.
    #[must_use]
    pub fn log(self, log: KernelLog) -> Self {
        Self { log, ..self }
    }

    /// Guest time is instructions executed, one nanosecond each, and nothing depends on the host.
    #[must_use]
    pub fn icount(self, icount: bool) -> Self {
        Self { icount, ..self }
    }

    /// Stop before the first instruction and wait for a debugger on TCP port 1234.
    #[must_use]
    pub fn gdb(self, gdb: bool) -> Self {
        Self { gdb, ..self }
    }

    /// Whether the guest leaves QEMU with its exit status (the default), or by switching the
    /// machine off as on a board.
    #[must_use]
    pub fn semihosting(self, semihosting: bool) -> Self {
        Self { semihosting, ..self }
    }

    /// Whether somebody types at its console; it may then restart, too.
    #[must_use]
    pub fn interactive(self, interactive: bool) -> Self {
        Self { interactive, ..self }
    }

    /// Adds boot arguments; each becomes one word.
    #[must_use]
    pub fn words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Adds a file to the initial RAM disk under `name`.
    #[must_use]
    pub fn file(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.initrd.push(initrd::Entry { name: name.into(), path: path.into() });
        self
    }

    /// Attaches a disk, the kernel's second tier.
    #[must_use]
    pub fn swap_disk(self, disk: SwapDisk) -> Self {
        Self { swap_disk: Some(disk), ..self }
    }

    /// Adds an argument for QEMU.
    #[must_use]
    pub fn qemu_argument(mut self, argument: impl Into<String>) -> Self {
        self.qemu_arguments.push(argument.into());
        self
    }

    /// Whether somebody types at its console.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// The ELF file of the image, if it has one.
    pub fn elf(&self) -> Option<&Path> {
        self.image.elf.as_deref()
    }

    /// Writes the initial RAM disk to a file that stays, beside the image; `None` if there are no
    /// files to hand over.
    ///
    /// # Errors
    /// As [`initrd::write`].
    pub fn write_files_beside_image(&self) -> Result<Option<PathBuf>> {
        if self.initrd.is_empty() {
            return Ok(None);
        }
        let path = self.image.flat.with_extension("initrd");
        initrd::write(&self.initrd, &path)?;
        Ok(Some(path))
    }

    /// The boot arguments: what the launcher tells the kernel, then what was given.
    pub fn boot_arguments(&self) -> String {
        let log = match self.log {
            KernelLog::Defmt => "log=defmt",
            KernelLog::Text => "log=text",
            KernelLog::Off => "log=off",
        };
        let own = [
            Some(log),
            self.semihosting.then_some("exit=semihosting"),
            self.icount.then_some("icount=1"),
        ];
        let given = self.words.iter().map(String::as_str);
        own.into_iter().flatten().chain(given).collect::<Vec<_>>().join(" ")
    }

    /// The QEMU command, with `initrd` as the initial RAM disk.
    pub fn command(&self, initrd: Option<&Path>) -> Command {
        let disk = match &self.swap_disk {
            Some(SwapDisk::File(path)) => Some(path.as_path()),
            _ => None,
        };
        self.command_with(initrd, disk)
    }

    /// [`Machine::command`] with `disk` as the disk to swap to.
    pub(super) fn command_with(&self, initrd: Option<&Path>, disk: Option<&Path>) -> Command {
        let mut command = Command::new(&self.qemu.path);
        // `dtb-randomness` (QEMU 7.1) is the seed for the guest's random numbers.
        let fixed = if self.icount { ",dtb-randomness=off" } else { "" };
        command.args(["-M", &format!("{}{fixed}", self.machine), "-cpu", "cortex-a76"]);
        command.args(["-smp", &self.smp.to_string()]);
        command.args(["-m", &format!("{}M", self.memory_bytes >> 20)]);
        // Without a network card QEMU needs no firmware file for it, which Debian packages apart.
        command.args(["-nic", "none", "-display", "none", "-monitor", "none"]);
        command.args(["-serial", "stdio"]);
        if !self.interactive {
            command.arg("-no-reboot");
        }
        if self.semihosting {
            command.args(["-semihosting-config", "enable=on,target=native"]);
        }
        if self.icount {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        if self.gdb {
            command.args(["-gdb", "tcp::1234", "-S"]);
        }
        command.arg("-kernel").arg(&self.image.flat);
        if let Some(initrd) = initrd {
            command.arg("-initrd").arg(initrd);
        }
        if let Some(disk) = disk {
            // A comma in a name is doubled. Errors are the guest's to handle, and what a run
            // leaves on the disk nobody reads.
            let file = disk.to_string_lossy().replace(',', ",,");
            let errors = "rerror=report,werror=report";
            command.args([
                "-drive",
                &format!("file={file},if=none,id=swap,format=raw,cache=unsafe,{errors}"),
            ]);
            command.args(["-device", "virtio-blk-device,drive=swap"]);
        }
        command.args(["-append", &self.boot_arguments()]);
        command.args(&self.qemu_arguments);
        command
    }

    /// Starts the machine.
    ///
    /// # Errors
    /// A file to hand over cannot be read (a usage error), or QEMU cannot be started.
    pub fn start(&self) -> Result<Vm> {
        Vm::start(self)
    }

    /// Runs the machine to its end, at most `limit`, and collects what it says.
    ///
    /// # Errors
    /// As [`Machine::start`].
    pub fn run(&self, limit: Duration) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let ending =
            self.start()?.run(Some(Instant::now() + limit), &mut |event| outcome.add(event))?;
        Ok(Outcome { ending, ..outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let qemu = Qemu { path: "/usr/bin/qemu-system-aarch64".into(), version: (10, 0) };
        let elf = Some("/t/unikernel".into());
        Machine::new(qemu, Image { flat: "/t/unikernel.image".into(), elf })
    }

    fn arguments(machine: &Machine, initrd: Option<&Path>) -> String {
        let command = machine.command(initrd);
        command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn default_machine() {
        let expected = "-M virt -cpu cortex-a76 -smp 4 -m 512M -nic none -display none \
            -monitor none -serial stdio -no-reboot -semihosting-config enable=on,target=native \
            -kernel /t/unikernel.image -append log=defmt exit=semihosting";
        assert_eq!(arguments(&machine(), None), expected);
    }

    #[test]
    fn everything_said_arrives() {
        let machine = machine()
            .machine("virt,gic-version=3")
            .smp(1)
            .memory(1 << 30)
            .icount(true)
            .gdb(true)
            .semihosting(false)
            .log(KernelLog::Text)
            .words(["--vm", "2"])
            .qemu_argument("-d")
            .qemu_argument("unimp");
        let arguments = arguments(&machine, Some(Path::new("/t/initrd")));
        for expected in [
            "-M virt,gic-version=3,dtb-randomness=off ",
            "-smp 1 -m 1024M ",
            "-icount shift=0,sleep=off -gdb tcp::1234 -S ",
            "-initrd /t/initrd -append log=text icount=1 --vm 2 -d unimp",
        ] {
            assert!(arguments.contains(expected), "{arguments}");
        }
        assert!(!arguments.contains("semihosting"));
    }

    #[test]
    fn a_disk_is_attached() {
        let with = |disk| arguments(&machine().swap_disk(disk), None);
        let file = with(SwapDisk::File("/t/a,b.img".into()));
        assert!(file.contains("-drive file=/t/a,,b.img,if=none,id=swap,format=raw,"), "{file}");
        assert!(file.contains("-device virtio-blk-device,drive=swap "), "{file}");
        // One that is made for the run has no name before it.
        assert!(!with(SwapDisk::Bytes(1 << 20)).contains("-drive"));
    }

    #[test]
    fn without_an_elf_file_the_kernel_formats_its_log() {
        let flat = Image { elf: None, ..machine().image };
        assert!(Machine::new(machine().qemu, flat).boot_arguments().starts_with("log=text"));
    }
}

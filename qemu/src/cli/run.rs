//! `zlab run`: the launcher's own options are taken out, everything else goes to the kernel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::{Args, Command, FromArgMatches};

use crate::image::Image;
use crate::outputs::Outputs;
use crate::screen::Screen;
use crate::session::Keyboard;
use crate::status::{self, usage};
use crate::vm::{Ending, KernelLog, Machine, SwapDisk};
use crate::{interrupt, job, qemu_install, units};

/// The launcher's options.
#[derive(Args, Debug)]
struct Options {
    /// QEMU's machine: `virt`, with its properties if you like, such as `virt,gic-version=3`
    #[arg(long, value_name = "MACHINE", default_value = "virt", value_parser = parse_machine)]
    machine: String,

    /// Number of cores, 1 to 8
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u8).range(1..=8))]
    smp: u8,

    /// RAM, at least 128M
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = parse_memory)]
    memory: u64,

    /// Page size
    #[arg(long, value_name = "SIZE", value_parser = ["4k", "16k"])]
    granule: Option<String>,

    /// Allocator for compressed pages; a number instead of a name: workers of the stressor zpool
    #[arg(long, value_name = "NAME", value_parser = parse_word)]
    zpool: Option<String>,

    /// Compressor: lz4, none, zstd[:LEVEL], deflate[:LEVEL] or lz4rip; the image is built with it if
    /// need be
    #[arg(long, value_name = "NAME[:LEVEL]", value_parser = parse_word)]
    compressor: Option<String>,

    /// Count instructions instead of time: one is one nanosecond, whatever the host does; with
    /// `--smp 1` two runs are identical to the digit
    #[arg(long)]
    icount: bool,

    /// A disk behind the compressed store: a size for one of this run, or a file that is written to
    #[arg(long, value_name = "FILE|SIZE", value_parser = parse_disk)]
    swap_disk: Option<SwapDisk>,

    /// The bytes that workloads put into memory, instead of the kernel's own mix
    #[arg(long, value_name = "FILE", value_parser = parse_input)]
    corpus: Option<PathBuf>,

    /// What to run, one option a line, as in stress-ng: several runs in one boot
    #[arg(long, value_name = "FILE", value_parser = parse_input)]
    job: Option<PathBuf>,

    #[command(flatten)]
    outputs: Outputs,

    /// Wait for a debugger before the first instruction
    #[arg(long)]
    gdb: bool,

    /// Stop QEMU after this long (90, 5m, 1h) with status 124
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    host_timeout: Option<Duration>,

    /// One more argument for QEMU; may be repeated
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    qemu_arg: Vec<String>,

    /// How the kernel's log comes: formatted here, formatted by the kernel, or not at all
    #[arg(long, value_name = "FORM", default_value = "defmt")]
    log: KernelLog,

    /// Build everything, print the QEMU command, start nothing
    #[arg(long)]
    dry_run: bool,

    /// Start this image (ELF or raw) instead of building one
    #[arg(long, value_name = "FILE", value_parser = parse_input)]
    kernel: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Every other option goes to the kernel unchanged:
";

const EXAMPLES: &str = "
Examples:
  cargo run -- run --vm 2 --vm-bytes 256M --resident 64M --timeout 5 --verify --metrics
  cargo run -- run --granule 16k --zpool zsmalloc --vm 2 --timeout 5 --yaml out.yaml
  cargo run -- run --job nightly.job --html nightly.html
  cargo run -- run shell
  cargo run -- run --icount --smp 1 --vm 1 --vm-bytes 64M --timeout 1 --metrics
  cargo run -- run --machine virt,gic-version=3,virtualization=on --timeout 1 --vm 1
  cargo run -p unikernel --target aarch64-unknown-none -- --vm 1 --timeout 1";

/// The parser of the launcher's options.
pub fn command() -> Command {
    Options::augment_args(Command::new("run"))
        .about("Run workloads under QEMU")
        .override_usage("zlab run [LAUNCHER OPTIONS] [KERNEL OPTIONS]")
        .after_help(format!("{AFTER_HELP}{}{EXAMPLES}", stress::help()))
}

/// Runs `zlab run` with `arguments`; gives the exit status.
///
/// # Errors
/// Usage errors of the launcher's own options, and everything that keeps QEMU from running.
pub fn main(arguments: &[String]) -> Result<u8> {
    let mut command = command();
    command.build();
    let split = Split::of(&command, arguments);
    let words = std::iter::once("zlab run").chain(split.launcher.iter().map(String::as_str));
    let options = match command.try_get_matches_from(words) {
        Ok(matches) => Options::from_arg_matches(&matches)?,
        Err(error) => return super::refused(&error),
    };
    options.outputs.check()?;
    let machine = options.machine(split.kernel)?;
    if options.dry_run {
        return dry_run(&machine);
    }
    if options.icount && options.smp > 1 {
        eprintln!("zlab: note: with several cores an --icount run need not be repeatable");
    }
    if options.gdb {
        print_debugger_hint(&machine);
    }
    start(&machine, &options)
}

impl Options {
    fn machine(&self, words: Vec<String>) -> Result<Machine> {
        check_words(&words)?;
        // Boot arguments that are wrong are the kernel's to explain.
        if let (Some(path), Ok(boot)) = (&self.job, stress::Options::parse(&words.join(" "))) {
            job::check(path, &boot)?;
        }
        let interactive = words.iter().any(|word| word == "shell");
        let qemu = qemu_install::ensure()?;
        let named = |key: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{key}={value}"))
        };
        let chosen = [
            named("granule", &self.granule),
            named("zpool", &self.zpool),
            named("compressor", &self.compressor),
        ];
        let words: Vec<String> = chosen.into_iter().flatten().chain(words).collect();
        let image = match &self.kernel {
            None => Image::build_for(words.iter().map(String::as_str))?,
            Some(path) => Image::from_file(path)?,
        };
        if image.elf.is_none() && self.log == KernelLog::Defmt {
            eprintln!("zlab: note: the log comes as text, because a raw image has no log strings");
        }
        let mut machine = Machine::new(qemu, image)
            .machine(self.machine.clone())
            .smp(self.smp)
            .memory(self.memory)
            .icount(self.icount)
            .gdb(self.gdb)
            .interactive(interactive)
            .words(words);
        if self.log != KernelLog::Defmt {
            machine = machine.log(self.log);
        }
        for (name, path) in [("corpus", &self.corpus), ("job", &self.job)] {
            if let Some(path) = path {
                machine = machine.file(name, path);
            }
        }
        if let Some(disk) = &self.swap_disk {
            machine = machine.swap_disk(disk.clone());
        }
        for argument in &self.qemu_arg {
            machine = machine.qemu_argument(argument);
        }
        Ok(machine)
    }
}

fn start(machine: &Machine, options: &Options) -> Result<u8> {
    interrupt::install()?;
    let mut screen = Screen::new();
    let deadline = options.host_timeout.map(|limit| Instant::now() + limit);
    let keyboard =
        if machine.is_interactive() { Keyboard::for_boot("off")? } else { Keyboard::none() };
    let ending = machine.start()?.converse(keyboard, deadline, &mut |event| screen.show(event))?;
    screen.finish();
    if !matches!(ending, Ending::Verdict(_)) {
        eprintln!("zlab: error: {ending}");
    }
    let written = options.outputs.write(screen.report.as_deref(), options.icount);
    match written {
        Ok(()) => Ok(ending.status()),
        // A guest that failed says more than a document that is missing for that reason.
        Err(error) if ending.status() != status::SUCCESS => {
            eprintln!("zlab: {error:#}");
            Ok(ending.status())
        }
        Err(error) => match screen.damaged_report.take() {
            Some(reason) => bail!("the report document arrived damaged: {reason}"),
            None => Err(error),
        },
    }
}

fn dry_run(machine: &Machine) -> Result<u8> {
    let initrd = machine.write_files_beside_image()?;
    let command = machine.command(initrd.as_deref());
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<_> = words.map(|word| quote(&word.to_string_lossy())).collect();
    println!("{}", quoted.join(" "));
    Ok(status::SUCCESS)
}

/// Where QEMU puts the image: 2 MiB above the start of RAM.
const LOAD_ADDRESS: u64 = 0x4020_0000;

fn print_debugger_hint(machine: &Machine) {
    eprintln!("zlab: waiting for a debugger. In another terminal:");
    match machine.elf() {
        Some(elf) => eprintln!(
            "  gdb-multiarch -ex 'target remote :1234' -ex 'add-symbol-file {} -o {LOAD_ADDRESS:#x}'",
            elf.display()
        ),
        None => eprintln!("  gdb-multiarch -ex 'target remote :1234'"),
    }
}

/// The command line of `run`, separated.
#[derive(Debug, PartialEq)]
struct Split {
    launcher: Vec<String>,
    kernel: Vec<String>,
}

impl Split {
    /// Takes the options that `command` knows, with their values, out of `arguments`. `--zpool` with
    /// a number is the kernel's stressor of that name. `-h` is help except after `--cyclictest`,
    /// where it is cyclictest's; after `--` everything is the kernel's.
    fn of(command: &Command, arguments: &[String]) -> Self {
        let mut split = Self { launcher: Vec::new(), kernel: Vec::new() };
        let mut arguments = arguments.iter().peekable();
        let mut cyclictest = false;
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                split.kernel.extend(arguments.by_ref().cloned());
                break;
            }
            cyclictest |= argument == "--cyclictest" || argument.starts_with("--cyclictest=");
            let name = argument.strip_prefix("--").unwrap_or_default();
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, arguments.peek().map(|next| next.as_str())),
            };
            // The allocator has a name; a number is of the stressor's instances.
            if name == "zpool" && value.is_some_and(|value| value.parse::<u32>().is_ok()) {
                split.kernel.push(argument.clone());
                continue;
            }
            let known = command.get_arguments().find(|known| {
                known.get_long().is_some_and(|long| !name.is_empty() && long == name)
            });
            match known {
                None if argument == "-h" && !cyclictest => split.launcher.push(argument.clone()),
                None => split.kernel.push(argument.clone()),
                Some(known) => {
                    split.launcher.push(argument.clone());
                    if known.get_action().takes_values() && !argument.contains('=') {
                        split.launcher.extend(arguments.next().cloned());
                    }
                }
            }
        }
        split
    }
}

/// Boot arguments are one line that the kernel takes apart at spaces.
fn check_words(words: &[String]) -> Result<()> {
    match words.iter().find(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        None => Ok(()),
        Some(word) => Err(usage(format!("`{word}`: boot arguments are words without spaces"))),
    }
}

/// `word` for a shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn parse_machine(text: &str) -> Result<String> {
    if text == "virt" || text.starts_with("virt,") {
        Ok(text.to_owned())
    } else {
        Err(anyhow!("the image boots on QEMU's `virt` (and `virt,PROPERTY=VALUE`)"))
    }
}

fn parse_memory(text: &str) -> Result<u64> {
    let bytes = units::parse_size(text)?;
    if bytes < 128 << 20 {
        return Err(anyhow!("at least 128M are needed (a plain number means bytes)"));
    }
    if bytes % (1 << 20) != 0 {
        return Err(anyhow!("RAM comes in whole MiB"));
    }
    Ok(bytes)
}

fn parse_word(text: &str) -> Result<String> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(anyhow!("expected one word"));
    }
    Ok(text.to_owned())
}

fn parse_disk(text: &str) -> Result<SwapDisk> {
    match units::parse_size(text) {
        Ok(bytes) if bytes < 1 << 20 => Err(anyhow!("a disk has at least 1M")),
        Ok(bytes) => Ok(SwapDisk::Bytes(bytes.next_multiple_of(512))),
        Err(_) => match parse_input(text) {
            Ok(path) => Ok(SwapDisk::File(path)),
            Err(error) => {
                Err(anyhow!("neither a size such as 256M nor a file that can be used: {error}"))
            }
        },
    }
}

fn parse_input(text: &str) -> Result<PathBuf> {
    let path = Path::new(text);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(path.to_owned()),
        Ok(_) => Err(anyhow!("not a file")),
        Err(error) => Err(anyhow!("{error}")),
    }
}

#[cfg(test)]
mod tests;

//! An SD card for a board: its files, and the whole card as an image.
//!
//! Everything is deterministic: the same inputs give the same bytes, whoever makes them and when.

mod disk;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use boards::{Board, Machine};

use crate::status::usage;
use crate::{initrd, job};

/// The kernel's name on the card; the same bytes as QEMU boots.
const KERNEL: &str = "kernel_2712.img";
/// Name of the archive with corpus and job file.
const INITRD: &str = "initramfs";
/// Names under which the firmware looks for a device tree: stepping C1, stepping D0.
const TREES: [&str; 2] = ["bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"];
/// Our trees, in the order of [`TREES`].
const OWN_TREES: [&[u8]; 2] = [
    include_bytes!("../../../boards/rpi5/bcm2712-rpi-5-b.dtb"),
    include_bytes!("../../../boards/rpi5/bcm2712-d-rpi-5-b.dtb"),
];
const CONFIG: &str = include_str!("../../../boards/rpi5/config.txt");
/// What is added to `config.txt` when there is an archive.
const CONFIG_INITRD: &str = "
# Files for the kernel (the corpus, the job file), right behind it.
initramfs initramfs followkernel
";
/// What is added to `config.txt` when the console is the 40-pin header's.
const CONFIG_HEADER: &str = "
# The console is on the 40-pin header.
enable_rp1_uart=1
pciex4_reset=0
";

/// What goes onto the card, besides the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contents<'a> {
    /// Boot arguments for the kernel; none for its prompt.
    pub arguments: &'a str,
    /// The pages that workloads put into memory.
    pub corpus: Option<&'a Path>,
    /// A job file with what to run.
    pub job: Option<&'a Path>,
    /// A device tree instead of ours, for both steppings.
    pub tree: Option<&'a Path>,
    /// The console is the UART on the 40-pin header instead of the debug connector.
    pub header_console: bool,
}

/// The files of a card, all in its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Name and bytes.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

impl Card {
    /// The files for a Raspberry Pi 5 that boots `kernel`, a flat image.
    ///
    /// # Errors
    /// A usage error if the kernel would refuse the boot arguments, if the device tree is none of a
    /// Raspberry Pi 5, or if a file cannot be read.
    pub fn raspberry_pi_5(kernel: Vec<u8>, contents: &Contents<'_>) -> Result<Self> {
        let mut config = CONFIG.to_owned();
        let mut files = Vec::new();
        if contents.header_console {
            config.push_str(CONFIG_HEADER);
        }
        let mut archive = Vec::new();
        for (name, path) in [("corpus", contents.corpus), ("job", contents.job)] {
            if let Some(path) = path {
                archive.push((name, read(path)?));
            }
        }
        if !archive.is_empty() {
            config.push_str(CONFIG_INITRD);
            files.push((INITRD, initrd::bytes(&archive)?));
        }
        let trees = match contents.tree {
            None => OWN_TREES.map(<[u8]>::to_vec),
            Some(path) => {
                let tree = read(path)?;
                check_tree(&tree).map_err(|error| usage(format!("{}: {error}", path.display())))?;
                [tree.clone(), tree]
            }
        };
        files.extend(TREES.into_iter().zip(trees));
        files.push(("cmdline.txt", command_line(contents)?.into_bytes()));
        files.push(("config.txt", config.into_bytes()));
        files.push((KERNEL, kernel));
        files.sort_by_key(|(name, _)| *name);
        Ok(Self { files })
    }

    /// The whole card: a partition table and one FAT32 partition.
    ///
    /// # Errors
    /// The files do not fit what FAT32 can address (each below 4 GiB).
    pub fn image(&self) -> Result<Vec<u8>> {
        disk::image(&self.files)
    }

    /// Writes the files into a folder, which is made if it does not exist. Other files in it stay.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_into(&self, folder: &Path) -> Result<()> {
        let context = |path: &Path| format!("cannot write {}", path.display());
        fs::create_dir_all(folder).with_context(|| context(folder))?;
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            fs::write(&path, bytes).with_context(|| context(&path))?;
        }
        Ok(())
    }
}

/// The line of boot arguments. It is checked here, because on the board a mistake costs a round of
/// writing the card.
fn command_line(contents: &Contents<'_>) -> Result<String> {
    let words: Vec<&str> = contents.arguments.split_ascii_whitespace().collect();
    let options =
        stress::Options::parse(&words.join(" ")).map_err(|error| usage(error.to_string()))?;
    if let Some(path) = contents.job {
        job::check(path, &options)?;
    }
    let idle = contents.job.is_none()
        && options.requests.is_empty()
        && options.action == stress::options::Action::Run;
    let wants_shell = idle && !words.contains(&"shell");
    let mut line: Vec<&str> = vec!["log=text"];
    if contents.header_console {
        line.push("console=header");
    }
    line.extend(words);
    if wants_shell {
        line.push("shell");
    }
    Ok(line.join(" ") + "\n")
}

fn check_tree(tree: &[u8]) -> Result<(), String> {
    let machine = Machine::from_tree(tree).map_err(|error| error.to_string())?;
    match machine.board {
        Board::RaspberryPi5 => Ok(()),
        _ => Err(format!("a device tree for `{}`, not for a Raspberry Pi 5", machine.model)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| usage(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests;

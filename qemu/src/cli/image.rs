//! `zlab image`: the kernel image as a file, or a whole SD card for a board.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::card::{Card, Contents};
use crate::image::Image;
use crate::status::usage;
use crate::{status, units};

const AFTER_HELP: &str = "\
Without `--board` this writes the flat kernel image, the bytes that QEMU boots and that are
kernel_2712.img on a card. With it, a card image to be written with Raspberry Pi Imager or dd.

Examples:
  cargo run -- image --out kernel_2712.img
  cargo run -- image --board rpi5
  cargo run -- image --board rpi5 --stress \"--vm 4 --vm-bytes 2G --timeout 60 --verify --metrics\"
  cargo run -- image --board rpi5 --files /media/me/bootfs";

/// Options of `image`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Where to write it; for a card zlab-rpi5.img unless only `--files` is given
    #[arg(long, value_name = "FILE", required_unless_present = "board")]
    out: Option<PathBuf>,

    /// Write a whole SD card for this board
    #[arg(long, value_name = "BOARD")]
    board: Option<BoardName>,

    /// Boot arguments of the card: what to run; without any the board offers a prompt
    #[arg(long, value_name = "OPTIONS", requires = "board", allow_hyphen_values = true)]
    stress: Option<String>,

    /// The bytes that workloads put into memory, instead of the kernel's own mix
    #[arg(long, value_name = "FILE", requires = "board")]
    corpus: Option<PathBuf>,

    /// What to run, one option a line, as with `run --job`
    #[arg(long, value_name = "FILE", requires = "board")]
    job: Option<PathBuf>,

    /// Device tree for the card, instead of zlab's own
    #[arg(long, value_name = "FILE", requires = "board")]
    dtb: Option<PathBuf>,

    /// Console of the board: the debug connector, or GPIO 14 and 15 of the 40-pin header
    #[arg(long, value_enum, requires = "board", default_value_t = ConsoleName::Debug)]
    console: ConsoleName,

    /// Write the files of the card into this folder, such as a mounted card's
    #[arg(long, value_name = "DIR", requires = "board")]
    files: Option<PathBuf>,

    /// Use this image (ELF or raw) instead of building one
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum BoardName {
    /// Raspberry Pi 5
    Rpi5,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ConsoleName {
    /// The three-pin connector between the HDMI sockets
    Debug,
    /// GPIO 14 and 15, a UART of the RP1
    Header,
}

/// Where a card goes if nothing is said.
const DEFAULT_CARD: &str = "zlab-rpi5.img";

pub fn main(arguments: &Arguments) -> Result<u8> {
    // Mistakes are told before a build.
    let contents = arguments.contents();
    if arguments.board.is_some() {
        Card::raspberry_pi_5(Vec::new(), &contents)?;
    }
    let image = match &arguments.kernel {
        None => {
            let words = arguments.stress.as_deref().unwrap_or_default().split_ascii_whitespace();
            Image::build_for(words)?
        }
        Some(path) if path.is_file() => Image::from_file(path)?,
        Some(path) => return Err(usage(format!("{} is not a file", path.display()))),
    };
    let kernel =
        fs::read(&image.flat).with_context(|| format!("cannot read {}", image.flat.display()))?;
    match arguments.board {
        Some(BoardName::Rpi5) => write_card(arguments, &contents, kernel)?,
        // The parser wants one of the two.
        None => {
            if let Some(out) = &arguments.out {
                write(out, &kernel)?;
            }
        }
    }
    Ok(status::SUCCESS)
}

impl Arguments {
    /// What goes onto a card besides the kernel.
    fn contents(&self) -> Contents<'_> {
        Contents {
            arguments: self.stress.as_deref().unwrap_or_default(),
            corpus: self.corpus.as_deref(),
            job: self.job.as_deref(),
            tree: self.dtb.as_deref(),
            header_console: self.console == ConsoleName::Header,
        }
    }
}

fn write_card(arguments: &Arguments, contents: &Contents<'_>, kernel: Vec<u8>) -> Result<()> {
    let card = Card::raspberry_pi_5(kernel, contents)?;
    if let Some(folder) = &arguments.files {
        card.write_into(folder)?;
        println!("{}: {} files", folder.display(), card.files.len());
    }
    let default = arguments.files.is_none().then(|| Path::new(DEFAULT_CARD));
    if let Some(out) = arguments.out.as_deref().or(default) {
        write(out, &card.image()?)?;
        println!(
            "Write it to a card with Raspberry Pi Imager (\"Use custom\") or dd; docs/rpi5.md says how."
        );
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: {}", path.display(), units::display_size(bytes.len() as u64));
    Ok(())
}

//! `zlab image`: the raw kernel image as a file.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::image::Image;
use crate::{status, units};

/// Options of `image`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo run -- image --out kernel_2712.img")]
pub struct Arguments {
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn main(arguments: &Arguments) -> Result<u8> {
    let image = Image::build()?;
    let bytes = fs::copy(&image.flat, &arguments.out)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    println!("{}: {}", arguments.out.display(), units::display_size(bytes));
    Ok(status::SUCCESS)
}

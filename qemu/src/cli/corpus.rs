//! `zlab corpus`: the pages that workloads put into memory, as a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use stress::Corpus;

use crate::image::Image;
use crate::replay::PageSize;
use crate::{status, units};

const AFTER_HELP: &str = "\
The pages are drawn from a fixed mix (objects, pointers, counters, text, sparse, the kernel's own
image, incompressible, same-filled) by the seed. The file can be given back with `run --corpus`, or
to a compressor on the host.

Example:
  cargo run -- corpus --out corpus.bin --size 64M --seed 1";

/// Options of `corpus`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How much, rounded up to whole pages
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = units::parse_size)]
    size: u64,
    /// Seed of the generators
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Page size
    #[arg(long, value_enum, default_value_t = PageSize::Small)]
    granule: PageSize,
}

pub fn main(arguments: &Arguments) -> Result<u8> {
    let image = Image::build()?;
    let image = std::fs::read(&image.flat)
        .with_context(|| format!("cannot read {}", image.flat.display()))?;
    let corpus = Corpus::generated(&image, arguments.seed);
    let page_size: u64 = match arguments.granule {
        PageSize::Small => 4096,
        PageSize::Large => 16384,
    };
    let pages = arguments.size.div_ceil(page_size);
    let context = || format!("cannot write {}", arguments.out.display());
    let mut out = BufWriter::new(File::create(&arguments.out).with_context(context)?);
    let mut page = vec![0_u64; page_size as usize / 8];
    let mut bytes = Vec::with_capacity(page_size as usize);
    for index in 0..pages {
        corpus.page(index, &mut page);
        bytes.clear();
        bytes.extend(page.iter().flat_map(|word| word.to_le_bytes()));
        out.write_all(&bytes).with_context(context)?;
    }
    out.flush().with_context(context)?;
    let size = units::display_size(pages * page_size);
    println!("{}: {size}, {pages} pages of {page_size} bytes", arguments.out.display());
    Ok(status::SUCCESS)
}

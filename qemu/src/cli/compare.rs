//! `zlab compare`: every allocator on the same pages and operations.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::compare::{self, Plan};
use crate::image::Image;
use crate::results::{self, Source};
use crate::{html, interrupt, units};

const AFTER_HELP: &str = "\
One boot for each page size, on one core, with time counted in instructions: the same commands on
another machine give the same digits. Then another one for each, traced, for the longest times with
interrupts masked and without preemption. The tables go to standard output; the best figure of a column has an asterisk.

On a board the same run is `compare` among the boot arguments, in cycles; its saved console or JSON
goes to `report`.

Examples:
  cargo run -- compare --quick --zpool zblock,zsmalloc --compressor lz4
  cargo run -- compare --html compare.html --json compare.json
  cargo run -- compare --granule 16k --markdown compare.md
  cargo run -- compare --json compare.json --traces traces";

/// Options of `compare`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// A short sequence, to try things: its figures compare only with each other
    #[arg(long)]
    quick: bool,
    /// Page size; both unless given
    #[arg(long, value_name = "SIZE", value_parser = ["4k", "16k"])]
    granule: Option<String>,
    /// Allocators to compare; all unless given
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = zpools())]
    zpool: Vec<String>,
    /// Compressors, which the image is built with
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = ["lz4", "zstd"],
        value_parser = ["lz4", "zstd"])]
    compressor: Vec<String>,
    /// Write the results to this file as JSON, for `report`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables to this file as Markdown; `-` for standard output instead of text
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write a page with the tables and plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the operations into this folder, as traces for `replay`
    #[arg(long, value_name = "FOLDER")]
    traces: Option<PathBuf>,
    /// Start this image (ELF or raw), with its compressors, instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "compressor")]
    kernel: Option<PathBuf>,
    /// Stop QEMU after this long (90, 5m, 1h)
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    host_timeout: Option<Duration>,
}

/// The names of all allocators.
fn zpools() -> Vec<&'static str> {
    let all = backends::all::<&zpool::testing::HostEnv<zpool::Granule4K>>();
    all.iter().map(|backend| backend.name).collect()
}

pub fn main(arguments: &Arguments) -> Result<u8> {
    interrupt::install()?;
    for path in [&arguments.json, &arguments.markdown, &arguments.html].into_iter().flatten() {
        results::check(path)?;
    }
    let image = match &arguments.kernel {
        // lz4 is in every image.
        None if arguments.compressor.iter().all(|name| name == "lz4") => {
            Image::build_with(&["compare"])?
        }
        None => Image::build_for(["--compare"].into_iter())?,
        Some(path) => Image::from_file(path)?,
    };
    let plan = Plan {
        granules: match &arguments.granule {
            Some(granule) => vec![granule.clone()],
            None => vec!["4k".into(), "16k".into()],
        },
        quick: arguments.quick,
        zpools: arguments.zpool.clone(),
        limit: arguments.host_timeout,
    };
    let found = compare::run(&image, &plan, &|line| eprintln!("zlab: {line}"))?;
    if let Some(path) = &arguments.json {
        results::save(path, &results::write(&found.documents)?)?;
    }
    if let Some(folder) = &arguments.traces {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, trace) in found.documents.iter().flat_map(compare::traces) {
            results::save(&folder.join(name), &trace)?;
        }
    }
    let sources = [Source::of_all("this comparison", found.documents)];
    if let Some(path) = &arguments.html {
        results::save(path, &html::page(&sources)?)?;
    }
    match &arguments.markdown {
        Some(path) => results::save(path, &results::markdown(&sources))?,
        None => results::save("-".as_ref(), &results::text(&sources))?,
    }
    Ok(found.status)
}

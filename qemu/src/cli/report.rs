//! `zlab report`: pages and tables from saved results.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::results::{self, Source};
use crate::{html, status};

const AFTER_HELP: &str = "\
A FILE is what `run --json`, `monitor --json` or `compare --json` wrote, from QEMU or from a board,
or a recorded console. Of several files those after the first say how they differ from it.

Examples:
  cargo run -- report compare.json
  cargo run -- report before.json after.json --html difference.html
  cargo run -- report qemu.json board.json --markdown -";

/// Options of `report`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Saved results
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where to write the page [default: the first FILE's name, ending in .html]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the tables as Markdown, instead of a page; `-` for standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

pub fn main(arguments: &Arguments) -> Result<u8> {
    let sources: Result<Vec<Source>> =
        arguments.files.iter().map(|path| Source::read(path)).collect();
    let mut sources = sources?;
    tell_apart(&mut sources, &arguments.files);
    for doubt in sources.iter().flat_map(|source| &source.doubts) {
        eprintln!("zlab: warning: {doubt}");
    }
    if let Some(path) = &arguments.markdown {
        results::save(path, &results::markdown(&sources))?;
    }
    let page = arguments.html.clone().or_else(|| {
        let name = arguments.files.first()?.file_name()?;
        arguments.markdown.is_none().then(|| PathBuf::from(name).with_extension("html"))
    });
    if let Some(path) = page {
        results::save(&path, &html::page(&sources).context("cannot make the page")?)?;
        eprintln!("zlab: the page is {}", path.display());
    }
    Ok(status::SUCCESS)
}

/// Files of the same name go by their paths.
fn tell_apart(sources: &mut [Source], files: &[PathBuf]) {
    let mut labels: Vec<String> = sources.iter().map(|source| source.label.clone()).collect();
    labels.sort();
    labels.dedup();
    if labels.len() < sources.len() {
        for (source, path) in sources.iter_mut().zip(files) {
            source.label = path.display().to_string();
        }
    }
}

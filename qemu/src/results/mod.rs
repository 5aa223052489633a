//! What documents say: the tables that terminal, Markdown and HTML have in common.

pub mod comparison;
mod doubts;
mod merge;
mod run;
mod saved;
pub mod table;

use std::fs;
use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use report::Document;

use crate::status::usage;

pub use saved::{Source, write};
pub use table::Table;

/// The tables of some sources, one beside the other. Of several, those after the first say how
/// they differ from it.
pub fn tables(sources: &[Source]) -> Vec<Table> {
    let each = sources.iter().map(|source| (source.label.as_str(), tables_of(source)));
    merge::side_by_side(each.collect())
}

/// The tables of one source.
fn tables_of(source: &Source) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for document in &source.documents {
        let found = match document.comparison {
            Some(_) => comparison::tables(document),
            None => run::tables(document),
        };
        for table in found {
            match tables.iter_mut().find(|known| known.title == table.title) {
                Some(known) => known.groups.extend(table.groups),
                None => tables.push(table),
            }
        }
    }
    tables.iter_mut().for_each(Table::mark_best);
    tables.retain(|table| !table.is_empty());
    tables
}

/// What the figures of a document can and cannot show.
fn caveat(document: &Document) -> &'static str {
    if document.settings.icount {
        "Emulated, under -icount: figures are counts of instructions, not of time (1 ns = 1 \
         instruction); there are no caches, no memory latency and no parallel cores in them. Equal \
         runs give equal figures."
    } else if document.machine.board.contains("virt") {
        "Emulated: times are those of the emulator on its host, which has no caches, pipelines or \
         memory latency of the target. Compare with other runs on the same host only, or use \
         --icount."
    } else {
        "Measured on a board: times and cycles are those of the machine, its caches and its clock \
         included."
    }
}

/// All tables as Markdown, with what the figures can show.
pub fn markdown(sources: &[Source]) -> String {
    let tables = tables(sources).iter().map(Table::markdown).collect::<Vec<_>>().join("\n");
    format!("{}\n\n{tables}", caveats(sources).join("\n\n"))
}

/// All tables as text, with what the figures can show.
pub fn text(sources: &[Source]) -> String {
    let tables = tables(sources).iter().map(Table::text).collect::<Vec<_>>().join("\n");
    let caveats: Vec<String> =
        caveats(sources).into_iter().map(|caveat| table::wrapped(caveat, 100)).collect();
    format!("{tables}\n{}", caveats.join("\n"))
}

/// What the figures can and cannot show, each said once.
pub fn caveats(sources: &[Source]) -> Vec<&'static str> {
    caveats_of(sources.iter().flat_map(|source| &source.documents))
}

/// The same of documents.
fn caveats_of<'a>(documents: impl Iterator<Item = &'a Document>) -> Vec<&'static str> {
    let mut caveats: Vec<&str> = documents.map(caveat).collect();
    caveats.sort_unstable();
    caveats.dedup();
    caveats
}

/// Checks before a run that a file can be written after it.
///
/// # Errors
/// A usage error if it is a folder, or in a folder that does not exist.
pub fn check(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let problem = match folder {
        _ if path.is_dir() => "it is a folder",
        Some(folder) if !folder.is_dir() => "its folder does not exist",
        _ => return Ok(()),
    };
    Err(usage(format!("{} cannot be written: {problem}", path.display())))
}

/// Writes `text` to a file, or to standard output if that is `-`.
///
/// # Errors
/// A file that cannot be written.
pub fn save(path: &Path, text: &str) -> Result<()> {
    if path == Path::new("-") {
        // A reader that went away (`| head`) is no reason to fail.
        let _ = stdout().lock().write_all(text.as_bytes());
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

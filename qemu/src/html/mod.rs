//! Documents as one self-contained HTML page: no scripts, nothing from the network.

mod compare;
mod plot;

use std::fmt::Write as _;

use anyhow::Result;
use report::{Document, LatencyHistogram};

use crate::results::table::{Best, Cell, Row};
use crate::results::{self, Source, Table};
use plot::{Curve, Plot, tail_of};

const STYLE: &str = include_str!("style.css");

/// The page for the document of one run.
///
/// # Errors
/// A plot that cannot be drawn.
pub fn page_of(document: &Document) -> Result<String> {
    page(&[Source::of("this run", document.clone())])
}

/// The page for several sources, side by side; those after the first say how they differ from it.
///
/// # Errors
/// A plot that cannot be drawn.
pub fn page(sources: &[Source]) -> Result<String> {
    let title = title(sources);
    let mut body = format!("<header><h1>{}</h1>\n", escaped(&title));
    for source in sources {
        describe(source, sources.len() > 1, &mut body);
    }
    for caveat in results::caveats(sources) {
        body += &format!("<p class=\"caveat\">{}</p>\n", escaped(caveat));
    }
    body += "</header>\n<main>\n";
    for table in results::tables(sources) {
        body += &section(&table);
        body += &plots(&table.title, sources)?;
    }
    body += "</main>\n";
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}\
         <footer>Made by zlab {}.</footer>\n</body>\n</html>\n",
        escaped(&title),
        env!("CARGO_PKG_VERSION")
    ))
}

/// The plots that belong to the table of that title.
fn plots(title: &str, sources: &[Source]) -> Result<String> {
    if title == "Latency" {
        return latency_plots(sources);
    }
    if let Some(pool) = title.strip_prefix("Pool bytes per stored byte, ") {
        return compare::courses(sources, pool.trim_end_matches(" pool"));
    }
    match title.split_once(" per ") {
        Some((_, operation)) => compare::tails(sources, operation),
        None => Ok(String::new()),
    }
}

fn title(sources: &[Source]) -> String {
    let mut documents = sources.iter().flat_map(|source| &source.documents);
    let comparison = documents.any(|document| document.comparison.is_some());
    if comparison {
        "Which allocator for compressed pages?".into()
    } else {
        "zlab: results of a run".into()
    }
}

/// Where a source comes from, and what its figures can show.
fn describe(source: &Source, named: bool, out: &mut String) {
    // Writing to a string does not fail.
    if named {
        let _ = writeln!(out, "<h2 class=\"source\">{}</h2>", escaped(&source.label));
    }
    for doubt in &source.doubts {
        let _ = writeln!(out, "<p class=\"doubt\">Do not trust this: {}</p>", escaped(doubt));
    }
    for document in &source.documents {
        let (machine, settings) = (&document.machine, &document.settings);
        let board = if machine.board.is_empty() { "unnamed machine" } else { &machine.board };
        let facts = [
            (
                "machine",
                format!("{board}, {} CPU, {} MiB", machine.cpus, machine.memory_bytes >> 20),
            ),
            ("page", format!("{} KiB", machine.page_size >> 10)),
            ("allocator", settings.zpool.clone()),
            ("compressor", settings.compressor.clone()),
            ("took", format!("{:.2} s of guest time", document.elapsed_seconds())),
            ("verdict", document.verdict.to_string()),
        ];
        let list = facts.iter().filter(|(name, _)| {
            document.comparison.is_none() || !matches!(*name, "allocator" | "compressor")
        });
        let _ =
            writeln!(out, "<p class=\"command\"><code>{}</code></p>", escaped(&settings.command));
        *out += "<dl>";
        for (name, value) in list {
            let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value));
        }
        *out += "</dl>\n";
    }
}

/// A table with its heading and note.
fn section(table: &Table) -> String {
    let mut html = format!(
        "<section>\n<h2>{}</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th></th>",
        escaped(&table.title)
    );
    // Writing to a string does not fail.
    for column in &table.columns {
        let _ = write!(html, "<th>{}</th>", escaped(&column.heading));
    }
    html += "</tr></thead>\n";
    for group in &table.groups {
        html += "<tbody>\n";
        if !group.title.is_empty() {
            let width = table.columns.len() + 1;
            let title = escaped(&group.title);
            let _ = writeln!(html, "<tr class=\"group\"><th colspan=\"{width}\">{title}</th></tr>");
        }
        group.rows.iter().for_each(|each| row(each, &mut html));
        html += "</tbody>\n";
    }
    html += "</table></div>\n";
    if !table.note.is_empty() {
        let marked = table.columns.iter().any(|column| column.best != Best::None);
        let mark =
            if marked { " The best of a column is <b class=\"best\">marked</b>." } else { "" };
        let _ = writeln!(html, "<p class=\"note\">{}{mark}</p>", escaped(&table.note));
    }
    html + "</section>\n"
}

fn row(row: &Row, html: &mut String) {
    let class = if row.continues { " class=\"continues\"" } else { "" };
    // Writing to a string does not fail.
    let _ = write!(html, "<tr{class}><th>{}</th>", escaped(&row.label));
    for Cell { text, aside, best, .. } in &row.cells {
        let text = escaped(text);
        let text = if *best { format!("<b class=\"best\">{text}</b>") } else { text };
        let aside = if aside.is_empty() {
            String::new()
        } else {
            format!("<small>{}</small>", escaped(aside))
        };
        let _ = write!(html, "<td>{text}{aside}</td>");
    }
    *html += "</tr>\n";
}

/// The distributions of all documents, one plot for each kind of latency.
fn latency_plots(sources: &[Source]) -> Result<String> {
    let mut names: Vec<&str> = Vec::new();
    for histogram in sources.iter().flat_map(histograms) {
        if !names.contains(&histogram.name.as_str()) {
            names.push(&histogram.name);
        }
    }
    let mut html = String::from("<div class=\"plots\">\n");
    for name in names {
        let mut curves = Vec::new();
        let mut legend = Vec::new();
        for (colour, source) in sources.iter().enumerate() {
            for histogram in histograms(source).filter(|one| one.name == name) {
                let buckets = histogram
                    .buckets
                    .iter()
                    .map(|bucket| (bucket.low_ns, bucket.high_ns, bucket.count));
                curves.push(Curve {
                    colour,
                    dashed: false,
                    points: tail_of(buckets, histogram.max_ns),
                });
                legend.push((colour, false, source.label.as_str()));
            }
        }
        let legend = if sources.len() > 1 { self::legend(&legend) } else { String::new() };
        let plot = Plot {
            description: format!("Share of samples of {name} above each duration"),
            across: "nanoseconds",
            up: "samples above",
            curves,
        };
        html += &figure(&format!("{name}: how rare long ones are"), &legend, &plot.tail()?);
    }
    Ok(html + "</div>\n")
}

fn histograms(source: &Source) -> impl Iterator<Item = &LatencyHistogram> {
    let all = source.documents.iter().flat_map(|document| &document.latencies);
    all.filter(|histogram| histogram.count > 0)
}

fn figure(title: &str, legend: &str, plot: &str) -> String {
    format!("<figure><figcaption>{}</figcaption>{legend}{plot}</figure>\n", escaped(title))
}

/// Which colour is what.
fn legend(entries: &[(usize, bool, &str)]) -> String {
    let mut html = String::from("<ul class=\"legend\">");
    for (colour, dashed, label) in entries {
        let style = if *dashed { "dashed" } else { "solid" };
        let colour = colour % plot::COLOURS;
        // Writing to a string does not fail.
        let _ = write!(
            html,
            "<li><i style=\"border-top:3px {style} var(--c{colour})\"></i>{}</li>",
            escaped(label)
        );
    }
    html + "</ul>"
}

/// `text` for HTML: what would be markup is not.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;

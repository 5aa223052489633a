//! The plots of a comparison.

use anyhow::Result;
use report::{Comparison, Contestant, Document, PoolRun, Step};

use super::plot::{Curve, Plot, tail_of};
use super::{figure, legend};
use crate::results::Source;
use crate::results::comparison::{group_of, name_of};

/// A contestant, and how its curve is drawn.
struct Entry<'a> {
    contestant: &'a Contestant,
    comparison: &'a Comparison,
    page_size: u64,
    colour: usize,
    dashed: bool,
    label: String,
}

/// How the waste of the pools called `pool` goes with time: a plot for each page size and
/// compressor.
pub fn courses(sources: &[Source], pool: &str) -> Result<String> {
    let has = |contestant: &Contestant| contestant.pools.iter().any(|run| run.name == pool);
    plots(sources, has, |title, entries| {
        let mut curves = Vec::new();
        for entry in entries {
            let Some(run) = entry.contestant.pools.iter().find(|run| run.name == pool) else {
                continue;
            };
            curves.push(Curve {
                colour: entry.colour,
                dashed: entry.dashed,
                points: course_of(run, entry.page_size),
            });
        }
        if curves.is_empty() {
            return Ok(None);
        }
        let plot = Plot {
            description: format!("Share of the {pool} pool that is waste, step by step, {title}"),
            across: "steps of the sequence",
            up: "waste (1 - density)",
            curves,
        };
        let title = format!("Density over time, {pool} pool, {title}");
        Ok(Some((title, plot.course(&Step::ALL.map(Step::text))?)))
    })
}

/// The waste of a pool in the course of the steps, each of which is one wide.
fn course_of(run: &PoolRun, page_size: u64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut begin = 0;
    for (number, step) in (0..).map(f64::from).zip(Step::ALL) {
        let Some(end) = run.end_of(step) else { continue };
        for point in run.points.iter().filter(|point| point.step == step) {
            let waste = (1.0 - point.density(page_size)).max(0.001);
            let whole = end.operations.saturating_sub(begin) as f64;
            let part = point.operations.saturating_sub(begin) as f64;
            // Compaction is no operation.
            points.push((number + if whole > 0.0 { part / whole } else { 0.5 }, waste));
        }
        begin = end.operations;
    }
    if let Some(&(at, waste)) = points.last() {
        points.push((at.ceil(), waste));
    }
    points
}

/// How rare long operations are: a plot for each page size and compressor.
pub fn tails(sources: &[Source], operation: &str) -> Result<String> {
    let has = |contestant: &Contestant| {
        contestant.operations.iter().any(|times| times.name == operation && times.count > 0)
    };
    plots(sources, has, |title, entries| {
        let mut curves = Vec::new();
        let mut unit = "";
        for entry in entries {
            let times = entry.contestant.operations.iter().find(|one| one.name == operation);
            let Some(times) = times.filter(|times| times.count > 0) else { continue };
            unit = times.unit.unwrap_or(entry.comparison.unit).text();
            let overhead = if times.unit.is_some() { 0 } else { entry.comparison.overhead };
            let net = |value: u64| value.saturating_sub(overhead);
            let buckets = times.buckets.iter().map(|&(low, high, n)| (net(low), net(high), n));
            curves.push(Curve {
                colour: entry.colour,
                dashed: entry.dashed,
                points: tail_of(buckets, net(times.max)),
            });
        }
        if curves.is_empty() {
            return Ok(None);
        }
        let plot = Plot {
            description: format!("Share of samples of {operation} above each duration, {title}"),
            across: unit,
            up: "samples above",
            curves,
        };
        Ok(Some((format!("{operation}, {title}: how rare long ones are"), plot.tail()?)))
    })
}

/// What `draw` makes of each group of contestants that `has` something to draw, with a legend.
fn plots(
    sources: &[Source],
    has: impl Fn(&Contestant) -> bool,
    mut draw: impl FnMut(&str, &[Entry<'_>]) -> Result<Option<(String, String)>>,
) -> Result<String> {
    let mut colours: Vec<&str> = Vec::new();
    let mut groups: Vec<(String, Vec<Entry<'_>>)> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let compared = source.documents.iter().filter_map(comparison_of);
        for (document, comparison) in compared {
            for contestant in &comparison.contestants {
                let page_size = document.machine.page_size;
                let known = colours.iter().position(|zpool| *zpool == contestant.zpool);
                let colour = known.unwrap_or_else(|| {
                    colours.push(&contestant.zpool);
                    colours.len() - 1
                });
                let from =
                    if sources.len() > 1 { format!(" ({})", source.label) } else { String::new() };
                let entry = Entry {
                    contestant,
                    comparison,
                    page_size,
                    colour,
                    dashed: contestant.compacted || number > 0,
                    label: name_of(contestant) + &from,
                };
                let title = group_of(page_size, &contestant.compressor);
                if !has(contestant) {
                    continue;
                }
                match groups.iter_mut().find(|(known, _)| *known == title) {
                    Some((_, entries)) => entries.push(entry),
                    None => groups.push((title, vec![entry])),
                }
            }
        }
    }
    let mut html = String::from("<div class=\"plots\">\n");
    for (title, entries) in &groups {
        if let Some((title, plot)) = draw(title, entries)? {
            let labels: Vec<(usize, bool, &str)> = entries
                .iter()
                .map(|entry| (entry.colour, entry.dashed, entry.label.as_str()))
                .collect();
            html += &figure(&title, &legend(&labels), &plot);
        }
    }
    Ok(html + "</div>\n")
}

fn comparison_of(document: &Document) -> Option<(&Document, &Comparison)> {
    document.comparison.as_ref().map(|comparison| (document, comparison))
}

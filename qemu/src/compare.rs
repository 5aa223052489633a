//! Comparisons: for each page size, at the same time, a boot under `-icount` on one core, and a short
//! one with the tracer.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use compare::Course;
use report::Document;

use crate::console::Event;
use crate::image::Image;
use crate::qemu_install;
use crate::vm::{Ending, KernelLog, Machine};

/// RAM of the machine, in bytes: room for the large pools of every allocator.
const MEMORY: u64 = 512 << 20;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Page sizes, as `granule=` has them.
    pub granules: Vec<String>,
    /// A short sequence.
    pub quick: bool,
    /// Names of the allocators; all if empty.
    pub zpools: Vec<String>,
    /// How long it may take.
    pub limit: Option<Duration>,
}

/// The documents of a comparison, one for each page size, and the gravest exit status.
pub struct Found {
    /// The documents, in the order of the page sizes.
    pub documents: Vec<Document>,
    /// The gravest exit status of the boots.
    pub status: u8,
}

/// Boots `image` for each page size. Progress goes to `note`, line by line.
///
/// # Errors
/// QEMU cannot be had or started; a boot that ends without its document.
pub fn run(image: &Image, plan: &Plan, note: &(dyn Fn(&str) + Sync)) -> Result<Found> {
    let qemu = qemu_install::ensure()?;
    let deadline = plan.limit.map(|limit| Instant::now() + limit);
    let boots: Vec<Result<(Document, u8)>> = thread::scope(|scope| {
        let threads: Vec<_> = plan
            .granules
            .iter()
            .map(|granule| {
                let machine = machine(Machine::new(qemu.clone(), image.clone()), plan, granule);
                scope.spawn(move || {
                    let (mut document, status) = boot(&machine, granule, deadline, note)?;
                    let traced = machine.words(["--irqsoff"]);
                    let (found, traced_status) = boot(&traced, granule, deadline, note)?;
                    add_sections(&mut document, &found);
                    Ok((document, status.max(traced_status)))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("boots do not panic")).collect()
    });
    let mut found = Found { documents: Vec::new(), status: 0 };
    for boot in boots {
        let (document, status) = boot?;
        found.documents.push(document);
        found.status = found.status.max(status);
    }
    Ok(found)
}

fn machine(machine: Machine, plan: &Plan, granule: &str) -> Machine {
    machine
        .smp(1)
        .memory(MEMORY)
        .icount(true)
        .log(KernelLog::Off)
        .words([format!("granule={granule}"), "--compare".into()])
        .words(plan.quick.then_some("--quick"))
        .words((!plan.zpools.is_empty()).then(|| format!("--only={}", plan.zpools.join(","))))
}

/// Takes the longest sections from the document of a traced boot.
fn add_sections(document: &mut Document, traced: &Document) {
    let (Some(comparison), Some(traced)) = (&mut document.comparison, &traced.comparison) else {
        return;
    };
    for contestant in &mut comparison.contestants {
        let same = traced.contestants.iter().find(|one| {
            (&one.zpool, &one.compressor) == (&contestant.zpool, &contestant.compressor)
        });
        let traced = same.and_then(|one| one.response);
        if let (Some(response), Some(traced)) = (&mut contestant.response, traced) {
            response.masked_section = traced.masked_section;
            response.preemption_section = traced.preemption_section;
        }
    }
}

/// One boot: its document and exit status.
fn boot(
    machine: &Machine,
    granule: &str,
    deadline: Option<Instant>,
    note: &(dyn Fn(&str) + Sync),
) -> Result<(Document, u8)> {
    let report = Mutex::new(None);
    let ending = machine.start()?.run(deadline, &mut |event| match event {
        Event::Report(json) => *report.lock().expect("nobody panics with it") = Some(json),
        Event::Progress(text) => note(&format!("{granule}: {text}")),
        Event::DamagedReport(reason) => note(&format!("{granule}: damaged document: {reason}")),
        Event::Line(line) if line.contains("error") || line.contains("panic") => note(&line),
        _ => {}
    })?;
    if !matches!(ending, Ending::Verdict(_)) {
        bail!("with pages of {granule}: {ending}");
    }
    let report = report.into_inner().expect("nobody panics with it");
    let report = report.with_context(|| format!("with pages of {granule}: {ending}"))?;
    let document = Document::from_json(&report)?;
    if document.comparison.is_none() {
        bail!("the image did not compare: it is older than this launcher");
    }
    Ok((document, ending.status()))
}

/// The courses of a document as traces for `replay`: file names and contents.
pub fn traces(document: &Document) -> Vec<(String, String)> {
    let Some(comparison) = &document.comparison else { return Vec::new() };
    let mut traces = Vec::new();
    for sizes in &comparison.sizes {
        let same = |one: &&report::Contestant| one.compressor == sizes.compressor;
        let Some(contestant) = comparison.contestants.iter().find(same) else { continue };
        for pool in &contestant.pools {
            let course = Course {
                objects: pool.objects as usize,
                replacements: pool.replacements as usize,
                sizes: &sizes.bytes,
                seed: comparison.seed,
            };
            let granule = document.machine.page_size >> 10;
            let name = format!("{}-{}.{granule}k.txt", sizes.compressor, pool.name);
            traces.push((name, course.trace()));
        }
    }
    traces
}

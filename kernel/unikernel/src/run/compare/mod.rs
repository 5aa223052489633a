//! Every allocator with every compressor, taken through the same pages and operations.
//!
//! Probes that are armed (`--irqsoff`) add to what is counted. So a boot with them only runs the load
//! that the longest masked section is looked for in.

mod contestant;
mod loads;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use compare::{Stopwatch, sizes_of};
use report::{Comparison, CompressedSizes, Contestant, Snapshot, Status, Unit, text};
use stress::{Corpus, Options, RunReport};
use zpool::{Granule4K, find};
use zswap::{Choice, Context};

use super::{Boot, results};
use crate::arch::{clock, pmu};
use crate::memory::frames::Frames;
use crate::memory::swap::CpuContexts;
use crate::{console, println};

/// Compressors that are compared where the image has them.
const COMPRESSORS: [&str; 2] = ["lz4", "zstd"];

/// How much is done.
struct Plan {
    page_size: usize,
    /// Objects and replacements of the large and of the small pool.
    pools: [(&'static str, usize, usize); 2],
    /// Pages that are compressed for their sizes, and that go through a store.
    pages: usize,
    /// How long each load of stressors lasts.
    load_ms: u64,
}

impl Plan {
    fn of(page_size: usize, memory_bytes: u64, quick: bool) -> Self {
        let small_pages = page_size == 4096;
        let (large, small, pages) = match (quick, small_pages) {
            (false, true) => (60_000, 2_000, 2_048),
            (false, false) => (16_000, 1_000, 512),
            (true, true) => (4_000, 500, 128),
            (true, false) => (1_000, 250, 32),
        };
        // Half of RAM is more than the worst allocator needs for them.
        let large = large.min(memory_bytes as usize / page_size / 2);
        let pools = [("large", large, large), ("small", small, 4 * small)];
        Self { page_size, pools, pages, load_ms: if quick { 10 } else { 100 } }
    }
}

/// What all contestants have in common.
struct Common<'a> {
    boot: &'static Boot,
    corpus: &'a Corpus<'a>,
    plan: &'a Plan,
    stopwatch: Stopwatch,
    options: &'a Options,
    traced: bool,
    cpus: usize,
    codec: Choice,
    contexts: &'static CpuContexts,
    sizes: &'a [u16],
}

/// Compares, and prints the document.
pub fn run(
    boot: &'static Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    corpus: &Corpus<'_>,
) -> Status {
    let start_ns = clock::now_ns();
    let page_size = boot.options.boot.page_size;
    let memory = boot.machine.memory.iter().map(|ram| ram.end - ram.start).sum();
    let plan = Plan::of(page_size, memory, options.quick);
    let stopwatch = Stopwatch::new(if pmu::available() { pmu::cycles } else { clock::now_ns });
    let mut comparison = Comparison {
        quick: options.quick,
        unit: match (boot.options.boot.icount, pmu::available()) {
            (true, _) => Unit::Instructions,
            (false, true) => Unit::Cycles,
            (false, false) => Unit::Nanoseconds,
        },
        overhead: stopwatch.overhead(),
        seed: contestant::SEED,
        sizes: Vec::new(),
        contestants: Vec::new(),
        ablation: Vec::new(),
    };
    let chosen = match chosen(&options.only) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            println!("zlab: error: no allocator is called {unknown}");
            return Status::Usage;
        }
    };
    let mut status = Status::Success;
    for codec in COMPRESSORS.iter().filter_map(|name| Choice::parse(name).ok()) {
        let algorithm = codec.algorithm;
        let sizes = sizes_of(corpus, plan.pages, page_size, codec);
        let common = Common {
            boot,
            corpus,
            plan: &plan,
            stopwatch,
            options,
            traced: options.latency.traces_sections(),
            cpus,
            codec,
            // Kept for ever: a store that uses them may still be looked at.
            contexts: Box::leak(Box::new(CpuContexts::new(
                cpus,
                || Context::new(codec, page_size),
                None,
            ))),
            sizes: &sizes,
        };
        for &zpool in &chosen {
            progress(zpool, algorithm.name, start_ns);
            match contestant::compete(&common, zpool) {
                Ok(found) => comparison.contestants.extend(found),
                Err(problem) => {
                    println!("zlab: error: {zpool} with {}: {problem}", algorithm.name);
                    status = Status::Failed;
                }
            }
        }
        if options.only.is_empty() && !common.traced {
            progress("parts of zblock", algorithm.name, start_ns);
            match contestant::ablation(&common) {
                Ok(found) => comparison.ablation.extend(found),
                Err(problem) => {
                    println!("zlab: error: parts of zblock with {}: {problem}", algorithm.name);
                    status = Status::Failed;
                }
            }
        }
        let compressor = algorithm.name.to_string();
        comparison.sizes.push(CompressedSizes { compressor, bytes: sizes });
    }
    if !comparison.contestants.iter().all(is_sound) {
        status = Status::Failed;
    }
    let run = RunReport {
        stressors: Vec::new(),
        memory: Snapshot::default(),
        elapsed_ns: clock::now_ns() - start_ns,
        status,
    };
    let mut document = results::document(boot, options, command, cpus, run, Vec::new());
    document.comparison = Some(comparison);
    // Straight to the console: the document is large beside the heap.
    let _ = text::summary(&document, &mut Console);
    let _ = document.emit(&mut Console);
    document.verdict.status
}

/// The names of the allocators to compare, in the usual order: those in `only`, a list with commas,
/// or all.
fn chosen(only: &str) -> Result<Vec<&'static str>, &str> {
    let all = backends::all::<&'static Frames<Granule4K>>();
    let names = || only.split(',').filter(|name| !name.is_empty());
    if let Some(unknown) = names().find(|name| find(&all, name).is_none()) {
        return Err(unknown);
    }
    let wanted = |name: &&str| only.is_empty() || names().any(|one| one == *name);
    Ok(all.iter().map(|backend| backend.name).filter(wanted).collect())
}

/// Writes to the console.
struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        console::print(format_args!("{text}"));
        Ok(())
    }
}

/// Whether everything was read as it was written and came back.
fn is_sound(contestant: &Contestant) -> bool {
    let balance = &contestant.balance;
    balance.verify_errors == 0 && balance.frames_missing == 0 && balance.heap_missing == 0
}

fn progress(zpool: &str, compressor: &str, start_ns: u64) {
    let seconds = (clock::now_ns() - start_ns) / clock::NS_PER_S;
    println!("@progress comparing: {zpool} with {compressor}, after {seconds} s");
}

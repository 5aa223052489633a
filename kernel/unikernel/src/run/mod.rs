//! The boot arguments' workload, its report and verdict.

mod arena;
mod booked;
pub mod bounds;
#[cfg_attr(not(feature = "compare"), path = "without_compare.rs")]
pub mod compare;
mod corpus;
mod initrd;
mod invariants;
mod job;
mod kernel;
mod primitives;
mod results;
mod self_test;
mod store_counters;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use boards::Machine;
use paging::TranslationGranule;
use report::{BoardStates, Document, Status, Verdict, text};
use stress::options::{Action, Injection};
use stress::{Corpus, Options};
use zpool::{AllocError, ZPool, find};
use zswap::{Keyed, Store};

use crate::arch::mmu::Translation;
use crate::arch::{clock, pmu};
use crate::console::log;
use crate::memory::failing;
use crate::memory::frames::Frames;
use crate::memory::swap::CpuContexts;
use crate::sync::Once;
use crate::trace::{self, Measurement};
use crate::{board, cpu, dying, info, println, shell, start};

/// What boot found out, for the main thread.
pub struct Boot {
    /// The machine.
    pub machine: Machine,
    /// The boot arguments, understood.
    pub options: Options,
    /// The kernel's tables, for the other CPUs.
    pub translation: Translation,
    /// Code and constants of the image.
    pub constants: &'static [u8],
    /// Makes pools of the back end that the options name.
    pub pools: Pools,
    /// Makes keyed front ends.
    pub keyed: KeyedFronts,
    /// Holds page frames back.
    pub shortages: bounds::Shortages,
}

/// Makes an empty pool of the named back end.
pub type Pools = Box<dyn Fn(&str) -> Option<Result<Box<dyn ZPool>, AllocError>> + Sync>;

/// Makes a front end with keys for so many pages above a store; `None` without memory for it.
pub type KeyedFronts =
    Box<dyn Fn(&'static Store<'static>, usize) -> Option<Box<dyn kernel::Front>> + Sync>;

static CONTEXTS: Once<CpuContexts> = Once::new();

/// The codec contexts that boot made.
pub fn set_contexts(contexts: &'static CpuContexts) {
    CONTEXTS.set(contexts);
}

/// How pools are made from these frames.
pub fn pools_for<G: TranslationGranule>(frames: &'static Frames<G>) -> Pools {
    Box::new(move |name| {
        let all = backends::all::<&'static Frames<G>>();
        #[cfg(feature = "compare")]
        let all = all.into_iter().chain(zblock::ablations()).collect::<Vec<_>>();
        Some((find(&all, name)?.create)(frames))
    })
}

/// How keyed front ends are made; the frames stand for the masking of interrupts.
pub fn keyed_for<G: TranslationGranule>(frames: &'static Frames<G>) -> KeyedFronts {
    Box::new(move |store, pages| {
        Some(Box::new(kernel::KeyedFront(Keyed::new(store, frames, pages)?)))
    })
}

/// The main thread: brings up the other CPUs, runs what was asked for, reports, leaves or prompts.
pub fn main(boot: &'static Boot) -> ! {
    let cpus = start::start_cpus(boot);
    greet(boot, cpus);
    let options = &boot.options;
    if let Some(text) = options.text() {
        println!("{text}");
        finish(Status::Success)
    }
    match options.boot.injection {
        Some(Injection::Panic) => panic!("a panic on purpose (inject=panic)"),
        Some(Injection::WildPointer) => read_wildly(),
        Some(Injection::StackOverflow) => {
            println!("{}", exhaust_stack(1));
        }
        Some(Injection::Verify) | None => {}
    }
    if options.boot.self_test && !self_test::run() {
        finish(Status::Failed);
    }
    let sections = match initrd::Sections::of(&boot.machine) {
        Ok(sections) => sections,
        Err(problem) => {
            println!("zlab: error: initial RAM disk: {problem}");
            finish(Status::Usage)
        }
    };
    let corpus = corpus::choose(boot, &sections);
    let prompt = shell::is_wanted(options, sections.job.is_some());
    if !prompt || options.has_work() || sections.job.is_some() {
        if !options.has_work() && sections.job.is_none() {
            println!("zlab: info:  [0] no stressor was asked for, such as --vm 1; see --help");
        }
        let status = match sections.job {
            Some(text) => job::run(boot, text, cpus, &corpus),
            None => act(boot, options, &boot.machine.boot_arguments, cpus, &corpus),
        };
        let boot = &options.boot;
        let fails = [boot.fail_frame, boot.fail_disk, boot.fail_object].iter().any(Option::is_some);
        if fails && failing::failures() == 0 {
            println!("zlab: warning: nothing was made to fail: there were fewer calls than that");
        }
        if !prompt {
            finish(status);
        }
    }
    shell::run(boot, cpus, &corpus)
}

/// Does what `command` asks for and prints the results.
pub fn act(
    boot: &'static Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    corpus: &Corpus<'_>,
) -> Status {
    match options.action {
        Action::Compare => compare::run(boot, options, command, cpus, corpus),
        Action::Bounds(operations) => bounds::run(boot, options, command, cpus, operations),
        _ => workload(boot, options, command, cpus, corpus),
    }
}

/// Runs the stressors that `command` asks for and prints the results.
fn workload(
    boot: &'static Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    corpus: &Corpus<'_>,
) -> Status {
    match measure(boot, options, command, cpus, corpus) {
        Ok(document) => {
            print_results(options, &document);
            document.verdict.status
        }
        Err(status) => status,
    }
}

/// Runs the stressors that `command` asks for.
///
/// # Errors
/// The status of a run that could not begin; why has been printed.
pub fn measure(
    boot: &'static Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    corpus: &Corpus<'_>,
) -> Result<Document, Status> {
    let kernel = match kernel::Kernel::new(boot, options) {
        Ok(kernel) => kernel,
        Err(problem) => {
            println!("zlab: error: {problem}");
            return Err(Status::NoResource);
        }
    };
    let before = board::state(&boot.machine);
    info!("workload starts");
    if trace::lacks_cpus(&options.latency) {
        println!("zlab: error: no CPU of --cyclictest -a is online");
        return Err(Status::Usage);
    }
    let measurement = match Measurement::start(options) {
        Ok(measurement) => measurement,
        Err(problem) => {
            println!("zlab: error: {problem}");
            return Err(Status::NoResource);
        }
    };
    let start_ns = clock::now_ns();
    let mut run = stress::run(&kernel, options, corpus);
    let alone = options.requests.is_empty();
    let latency = measurement.finish(options);
    run.elapsed_ns = clock::now_ns() - start_ns;
    if alone && latency.as_ref().is_some_and(trace::has_data) {
        run.status = Status::Success;
    }
    if latency.as_ref().is_some_and(trace::missed_delay) {
        run.status = Status::Failed;
    }
    if let Err(problem) = kernel.check() {
        println!("zlab: fail:  [0] the books do not balance: {problem}");
        run.status = Status::Failed;
    }
    let after = board::state(&boot.machine);
    let mut document = results::document(boot, options, command, cpus, run, kernel.latencies());
    document.latency = latency;
    document.board = before.zip(after).map(|(before, after)| BoardStates { before, after });
    Ok(document)
}

fn greet(boot: &Boot, cpus: usize) {
    let machine = &boot.machine;
    let options = &boot.options;
    let ram: u64 = machine.memory.iter().map(|ram| ram.end - ram.start).sum();
    println!(
        "zlab: info:  [0] {} on {}: {cpus} CPU{}, {} MiB, {} pages, {} Hz counter",
        env!("CARGO_PKG_VERSION"),
        if machine.model.is_empty() { "an unnamed machine" } else { machine.model.as_str() },
        if cpus == 1 { "" } else { "s" },
        ram >> 20,
        if options.boot.page_size == 4096 { "4K" } else { "16K" },
        clock::frequency(),
    );
    println!(
        "zlab: info:  [0] zpool {}, compressor {}, {} KiB heap",
        options.boot.zpool,
        options.boot.compressor,
        crate::memory::heap::bytes() >> 10
    );
    if machine.processor_count > cpus {
        println!(
            "zlab: warning: {} of {} CPUs are used, {} at most",
            cpus,
            machine.processor_count,
            cpu::MAX_CPUS
        );
    }
    if options.verbose {
        println!(
            "zlab: debug: [0] PMU: {}, a read takes {} cycles, {} instructions",
            match (pmu::available(), pmu::counts_instructions()) {
                (false, _) => "no counters",
                (true, false) => "cycles, no instructions",
                (true, true) => "cycles and instructions",
            },
            pmu::cycles_cost(),
            pmu::instructions_cost()
        );
        for ram in &machine.memory {
            println!("zlab: debug: [0] RAM {:#012x}-{:#012x}", ram.start, ram.end);
        }
        for taken in &machine.reserved {
            let range = &taken.range;
            let kind = if taken.no_map { "not mapped" } else { "reserved" };
            println!("zlab: debug: [0] {kind} {:#012x}-{:#012x}", range.start, range.end);
        }
        println!("zlab: debug: [0] boot arguments: {}", machine.boot_arguments);
    }
    let known = |word: &&String| shell::is_word(word) || board::is_header_word(word);
    let ignored: Vec<&str> =
        options.ignored.iter().filter(|word| !known(word)).map(String::as_str).collect();
    if !ignored.is_empty() {
        println!("zlab: info:  [0] ignored boot arguments: {}", ignored.join(" "));
    }
}

/// The tables for people and the document for programs, both from the same data.
fn print_results(options: &Options, document: &Document) {
    print_tables(options, document);
    emit(document);
}

/// The tables for people.
fn print_tables(options: &Options, document: &Document) {
    let mut out = String::new();
    // Writing to a string cannot fail.
    if options.times {
        let _ = text::times(document, &mut out);
    }
    let _ = text::results(document, options.metrics, &mut out);
    print_lines(&out);
}

/// The document for programs.
fn emit(document: &Document) {
    let mut out = String::new();
    let _ = document.emit(&mut out);
    print_lines(&out);
}

fn print_lines(text: &str) {
    for line in text.lines() {
        println!("{line}");
    }
}

/// The verdict line, and out.
pub fn finish(status: Status) -> ! {
    let dropped = log::dropped();
    if dropped != 0 {
        println!("zlab: warning: {dropped} log records found no room and were dropped");
    }
    dying::leave(status, &Verdict::of(status).text)
}

/// Reads where nothing is.
fn read_wildly() -> ! {
    let nowhere = core::ptr::without_provenance::<u64>(0x0000_7fff_dead_0000);
    // SAFETY: none: this is the fault that the boot argument asks for, to see it reported.
    let value = unsafe { nowhere.read_volatile() };
    panic!("a wild pointer could be read: {value}");
}

/// Calls itself until the stack is used up.
#[expect(unconditional_recursion, reason = "this is the overflow that the boot argument asks for")]
fn exhaust_stack(depth: u64) -> u64 {
    let page = core::hint::black_box([depth; 64]);
    exhaust_stack(depth + 1) + page[(depth % 64) as usize]
}

//! From Rust's first line to the thread that runs the workload.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::sync::atomic::Ordering;

use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, MPIDR_EL1, Readable};
use boards::{Board, HEADER_PREFIX, Machine, PsciMethod, tree_size};
use buddy::{Buddy, FrameInfo, find_unreserved};
use heapless::Vec;
use paging::{Granule4K, Granule16K, TranslationGranule, registers};
use report::Status;
use stress::Options;
use stress::options::Log;
use zswap::{Choice, ChoiceError, Context, Settings, Store, SwapArea};

use crate::arch::mmu::{self, Translation};
use crate::arch::{clock, firmware, gic, icount, interrupts, memory_functions, pmu, vectors};
use crate::board;
use crate::boot::entry::{self, SecondaryStart};
use crate::console::log::Mode;
use crate::console::{self, log};
use crate::cpu::{self, MAX_CPUS};
use crate::dying;
use crate::memory::frames::{Frames, TableFrames};
use crate::memory::map::{self, Image};
use crate::memory::pager::{self, Instance, Pager, Paging};
use crate::memory::swap::{self, CpuContexts};
use crate::memory::{damage, heap, recompress, stacks, upkeep, writeback};
use crate::run::{self, Boot};
use crate::sched::thread::Thread;
use crate::sched::{PRIORITY_IDLE, PRIORITY_MAIN};
use crate::sync::Once;
use crate::{device, info, sched, trace, warning};

/// How long a CPU may take to come up.
const CPU_START_NS: u64 = 1_000_000_000;

/// Stacks that were mapped for CPUs other than the first.
static STACKS: [Once<Range<usize>>; MAX_CPUS] = [const { Once::new() }; MAX_CPUS];

/// The first Rust code of the boot CPU: on the boot stack, early map, everything masked.
pub extern "C" fn boot_cpu(tree: usize) -> ! {
    let image = Image::running();
    let cpu = cpu::prepare(0, affinity());
    cpu.stack_limit.store(image.stack.start as u64, Ordering::Relaxed);
    cpu::install(cpu);
    vectors::install();
    let described = tree_bytes(tree).and_then(|bytes| Ok((Machine::from_tree(bytes)?, bytes)));
    let (machine, bytes) = match described {
        Ok(described) => described,
        Err(error) => {
            let board = Board::from_image_address(image.text.start as u64);
            if let Some(console) = board.fallback_console() {
                console::init(&console);
            }
            refuse(Status::NotImplemented, format_args!("{error}"))
        }
    };
    console::init(&machine.console);
    dying::set_firmware(machine.psci);
    if machine.board == Board::Virt {
        mmu::invalidate_once();
        zpool::serve_any_waiter();
    }
    let exit = word(&machine.boot_arguments, "exit").unwrap_or_default();
    if exit.eq_ignore_ascii_case("semihosting") {
        dying::set_semihosting();
    }
    let tree = tree as u64..(tree + bytes.len()) as u64;
    match word(&machine.boot_arguments, "granule") {
        Some(value) if value.eq_ignore_ascii_case("16k") => {
            boot::<Granule16K>(machine, &image, tree)
        }
        _ => boot::<Granule4K>(machine, &image, tree),
    }
}

/// The first Rust code of the other CPUs: on a thread's stack, the kernel's map, all masked.
pub extern "C" fn secondary_cpu(cpu: &'static cpu::Cpu) -> ! {
    vectors::install();
    let limit = cpu.stack_limit.load(Ordering::Relaxed);
    gic::init_cpu();
    pmu::init_cpu();
    if Thread::adopt(cpu, PRIORITY_IDLE, limit).is_none() {
        cpu::halt();
    }
    cpu::set_online();
    interrupts::unmask();
    idle()
}

/// Boots with granule `G`.
fn boot<G: TranslationGranule>(machine: Machine, image: &Image, tree: Range<u64>) -> ! {
    let mmfr0 = ID_AA64MMFR0_EL1.get();
    let tcr = match registers::tcr_el1::<G>(mmfr0, ID_AA64MMFR1_EL1.get()) {
        Ok(tcr) => tcr,
        Err(error) => refuse(Status::NotImplemented, format_args!("{error}")),
    };
    if !memory_functions::can_zero_lines() {
        refuse(
            Status::NotImplemented,
            format_args!("this CPU does not clear memory by lines of 64 bytes (DC ZVA)"),
        );
    }
    let buddy = match buddy_for::<G>(&machine, image, tree) {
        Ok(buddy) => buddy,
        Err(problem) => refuse(Status::NoResource, format_args!("{problem}")),
    };
    let frames = start_heap(buddy, &machine);
    let options = match Options::parse(&machine.boot_arguments) {
        Ok(options) => options,
        Err(error) => refuse(Status::Usage, format_args!("{error}")),
    };
    if let Some(point) = options.boot.fail_frame {
        frames.fail_at(point);
    }
    if options.boot.fragmented {
        frames.fragment();
    }
    log::set_mode(match options.boot.log {
        Log::Defmt => Mode::Defmt,
        Log::Text => Mode::Text,
        Log::Off => Mode::Off,
    });

    pmu::init_cpu();
    if options.boot.icount {
        icount::init();
    }
    if let Err(problem) = trace::init(&options.latency, machine.processors.len().max(1)) {
        refuse(Status::NoResource, format_args!("{problem}"));
    }
    let physical_bits = registers::physical_bits(mmfr0);
    let tables = match map::build(TableFrames(frames), &machine, image, physical_bits) {
        Ok(tables) => tables,
        Err(error) => refuse(Status::NoResource, format_args!("the kernel's map: {error}")),
    };
    let translation = Translation { mair: registers::MAIR_EL1, tcr, ttbr0: tables.root().0 };
    // SAFETY: the new tables map the image, this stack, the heap and the console where they are.
    unsafe { mmu::change_over(&translation) };
    board::init(&machine);

    sched::slice::init(options.boot.preempt_seed, options.boot.icount);
    gic::init(&machine);
    gic::init_cpu();
    let limit = image.stack.start as u64;
    if Thread::adopt(cpu::current(), PRIORITY_IDLE, limit).is_none() {
        refuse(Status::NoResource, format_args!("no room for the first thread"));
    }
    cpu::set_online();

    let cpus = machine.processors.len().max(1);
    let pager = match pager_for(frames, tables, &machine, &options, cpus) {
        Ok(pager) => pager,
        Err((status, problem)) => refuse(status, format_args!("{problem}")),
    };
    let tier = pager.store().area().is_some();
    pager::set(Box::leak(Box::new(Instance(pager))));
    if tier && !writeback::start() {
        refuse(Status::NoResource, format_args!("no memory for the stack of write-back"));
    }
    if options.boot.recompress.is_some() && !recompress::start(&options.boot) {
        refuse(Status::NoResource, format_args!("no memory for the stack of recompression"));
    }
    let run: &'static Boot = Box::leak(Box::new(Boot {
        machine,
        options,
        translation,
        constants: image.constant_bytes(),
        pools: run::pools_for(frames),
        keyed: run::keyed_for(frames),
        shortages: run::bounds::shortages_for(frames),
    }));
    let argument = core::ptr::from_ref(run).expose_provenance() as u64;
    match Thread::spawn(0, PRIORITY_MAIN, main_thread, argument) {
        Some(main) => sched::start(main),
        None => refuse(Status::NoResource, format_args!("no memory for the main thread's stack")),
    }
    interrupts::unmask();
    idle()
}

fn main_thread(argument: u64) {
    let boot = core::ptr::with_exposed_provenance::<Boot>(argument as usize);
    // SAFETY: `boot` passes the address of a leaked `Boot`.
    run::main(unsafe { &*boot })
}

/// What runs when nothing else does: background work of the pool, waiting log records, sleep.
fn idle() -> ! {
    loop {
        console::drain_logs();
        if !upkeep::from_idle() {
            sched::wait_for_work();
        }
    }
}

/// Starts the other CPUs; returns how many take part.
pub fn start_cpus(boot: &'static Boot) -> usize {
    let machine = &boot.machine;
    let Some(method) = machine.psci else {
        warning!("no PSCI in the device tree: one CPU only");
        return cpu::online();
    };
    let mine = affinity();
    for &affinity in machine.processors.iter().filter(|&&affinity| affinity != mine) {
        let id = cpu::online();
        if id == MAX_CPUS {
            break;
        }
        match start_cpu(boot, method, id, affinity) {
            Ok(()) => {}
            Err(problem) => {
                crate::println!("zlab: warning: CPU {affinity:#x} is left out: {problem}");
                if problem == LATE {
                    // It may still come up with this number; give it to nobody else.
                    break;
                }
            }
        }
    }
    cpu::online()
}

/// MPIDR_EL1.MT.
const MPIDR_MT: u64 = 1 << 24;

const LATE: &str = "it did not come up within a second";

fn start_cpu(
    boot: &'static Boot,
    method: PsciMethod,
    id: usize,
    affinity: u64,
) -> Result<(), &'static str> {
    let cpu = cpu::prepare(id, affinity);
    // The idle thread of the CPU is adopted, not spawned, so it has a stack of its own number:
    // those from the end of the table.
    let stack = match STACKS[id].get() {
        // Mapped for a CPU of the same number that firmware refused.
        Some(stack) => stack.clone(),
        None => {
            let stack = stacks::map(stacks::of_cpu(id)).ok_or("no memory for its stack")?;
            STACKS[id].set(Box::leak(Box::new(stack.clone())));
            stack
        }
    };
    cpu.stack_limit.store(stack.start as u64, Ordering::Relaxed);
    let start: &'static SecondaryStart = Box::leak(Box::new(SecondaryStart {
        translation: boot.translation,
        stack_top: stack.end as u64,
        cpu: core::ptr::from_ref(cpu).expose_provenance() as u64,
    }));
    let address = core::ptr::from_ref(start).expose_provenance();
    mmu::clean_to_memory(address..address + size_of::<SecondaryStart>());
    let entry = entry::secondary as *const () as usize as u64;
    let start = |target| firmware::cpu_on(method, target, entry, address as u64);
    // Firmware is asked by affinity fields alone (PSCI 5.6.2); some compares with the whole
    // MPIDR_EL1, whose MT bit is set where threads are the lowest affinity level.
    start(affinity)
        .or_else(|_| start(affinity | MPIDR_EL1.get() & MPIDR_MT))
        .map_err(|_| "firmware refused to start it")?;
    let deadline = clock::now_ns() + CPU_START_NS;
    while !cpu.online.load(Ordering::Acquire) {
        if clock::now_ns() > deadline {
            return Err(LATE);
        }
        zpool::relax();
    }
    info!("CPU {} is up, affinity {:#x}", id, affinity);
    Ok(())
}

/// The page frames of the machine: all of RAM but what is reserved, the image, the tree and the
/// initial RAM disk, and what describes the frames.
fn buddy_for<G: TranslationGranule>(
    machine: &Machine,
    image: &Image,
    tree: Range<u64>,
) -> Result<Buddy<'static, G>, &'static str> {
    /// Reserved ranges of the tree, and five of ours.
    const MOST: usize = boards::MAX_RESERVED_RANGES + 5;
    let mut reserved: Vec<Range<u64>, MOST> = Vec::new();
    let image = image.range();
    let ours = [Some(0..1), Some(image.start as u64..image.end as u64), Some(tree), {
        machine.initrd.clone()
    }];
    let theirs = machine.reserved.iter().map(|reserved| reserved.range.clone());
    for range in ours.into_iter().flatten().chain(theirs) {
        let _ = reserved.push(range);
    }
    let entries = Buddy::<G>::metadata_entries(&machine.memory);
    let bytes = Buddy::<G>::metadata_bytes(&machine.memory) as u64;
    let array = find_unreserved(&machine.memory, &reserved, bytes, G::SIZE as u64)
        .ok_or("not enough RAM to describe its page frames")?;
    let _ = reserved.push(array.clone());
    let first =
        core::ptr::with_exposed_provenance_mut::<MaybeUninit<FrameInfo>>(array.start as usize);
    // SAFETY: the place is RAM that nobody uses and that is reserved for good; the first map has
    // the first GiB of RAM.
    let infos = unsafe { core::slice::from_raw_parts_mut(first, entries) };
    for info in infos.iter_mut() {
        info.write(FrameInfo::default());
    }
    // SAFETY: every element was just written.
    let infos = unsafe { core::slice::from_raw_parts_mut(first.cast::<FrameInfo>(), entries) };
    Buddy::new(&machine.memory, &reserved, infos).map_err(|_| "the RAM ranges are unusable")
}

/// Gives the heap its share of RAM, a 32nd as far as one block goes, and puts the frames on it.
fn start_heap<G: TranslationGranule>(
    mut buddy: Buddy<'static, G>,
    machine: &Machine,
) -> &'static Frames<G> {
    let frames = buddy.statistics().total_frames;
    let order = (frames / 32).max(1).ilog2().min(buddy::MAX_ORDER);
    let Ok(address) = buddy.alloc(order) else {
        refuse(Status::NoResource, format_args!("not enough RAM for the kernel's heap"))
    };
    let kind = match word(&machine.boot_arguments, "heap") {
        Some(kind) if kind.eq_ignore_ascii_case("llff") => heap::Kind::Llff,
        _ => heap::Kind::Tlsf,
    };
    // SAFETY: nothing was allocated yet; the block is the heap's for good.
    unsafe { heap::init(kind, address as usize, G::SIZE << order) };
    Box::leak(Box::new(Frames::new(buddy)))
}

#[cold]
fn pager_for<G: TranslationGranule>(
    frames: &'static Frames<G>,
    tables: paging::Tables<TableFrames<G>>,
    machine: &Machine,
    options: &Options,
    cpus: usize,
) -> Result<&'static Pager<G>, (Status, alloc::string::String)> {
    let boot = &options.boot;
    let choice = compressor("compressor", &boot.compressor)?;
    let all = backends::all::<&'static Frames<G>>();
    let Some(backend) = zpool::find(&all, &boot.zpool) else {
        let names: alloc::vec::Vec<&str> = all.iter().map(|backend| backend.name).collect();
        return Err((Status::Usage, unknown("zpool", &boot.zpool, &names.join(", "))));
    };
    let pool = (backend.create)(frames)
        .map_err(|error| (Status::NoResource, alloc::format!("the pool: {error}")))?;
    let context = |choice: Choice| {
        let compressor = (choice.algorithm.create)(G::SIZE, choice.level);
        Context::with_compressor(trace::timed_compressor(compressor), G::SIZE)
    };
    let second =
        boot.recompress.as_deref().map(|name| compressor("recompress", name)).transpose()?;
    let second = second.map(context);
    let contexts = CpuContexts::new(cpus, || context(choice), second);
    let contexts: &'static CpuContexts = Box::leak(Box::new(contexts));
    let ram_pages = machine.memory.iter().map(|ram| ram.end - ram.start).sum::<u64>() >> G::SHIFT;
    let settings =
        Settings { word_fits: swap::word_fits, ..swap::settings(options, ram_pages as usize) };
    let pool = damage::damaged_pool(pool, boot.fail_object);
    let mut store = Store::new(Box::leak(trace::timed_pool(pool)), contexts, settings);
    if let Some(tier) = device::second_tier(machine, boot, frames)? {
        let Some(area) = SwapArea::new(tier) else {
            return Err((Status::NoResource, "no memory for the second tier's map".into()));
        };
        store = store.with_area(Box::leak(Box::new(area)));
    }
    run::set_contexts(contexts);
    Ok(Box::leak(Box::new(Pager::new(frames, tables, store, cpus))))
}

/// The compressor that is asked for by `word=name`, with a level or without.
fn compressor(word: &str, name: &str) -> Result<Choice, (Status, alloc::string::String)> {
    Choice::parse(name).map_err(|error| match error {
        ChoiceError::Unknown => (Status::Usage, unknown(word, name, zswap::ACCEPTED)),
        ChoiceError::NotBuilt => (
            Status::NotImplemented,
            alloc::format!(
                "this image is built without compressor {name}; `cargo run -- run {word}={name}` \
                 builds one that has it, when no --kernel is given"
            ),
        ),
        ChoiceError::NoLevels | ChoiceError::Level(_) => {
            (Status::Usage, alloc::format!("{word}={name}: {error}"))
        }
    })
}

fn unknown(what: &str, name: &str, accepted: &str) -> alloc::string::String {
    alloc::format!("{what}={name} is not known, accepted are {accepted}")
}

/// Says why there will be no run, and leaves.
fn refuse(status: Status, problem: core::fmt::Arguments<'_>) -> ! {
    console::print(format_args!("zlab: error: {problem}\n"));
    dying::leave(status, status.text())
}

/// The device tree at this address, as its header has its size.
fn tree_bytes(address: usize) -> Result<&'static [u8], boards::Error> {
    if address == 0 || !address.is_multiple_of(4) || address >> 39 != 0 {
        return Err(boards::Error::NotATree(0));
    }
    let start = core::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the first map has the GiB of the address that the loader passed; what is there is
    // never written.
    let header = unsafe { &*start.cast::<[u8; HEADER_PREFIX]>() };
    let size = tree_size(header)?;
    // SAFETY: as before; a tree of at most 2 MiB that crosses a GiB would fault, which is
    // reported as such.
    Ok(unsafe { core::slice::from_raw_parts(start, size) })
}

/// The value of the last `key=value` among the boot arguments, before there is a heap for the
/// parser of all of them.
fn word<'a>(arguments: &'a str, key: &str) -> Option<&'a str> {
    let mut values = arguments.split_ascii_whitespace().rev();
    values.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Affinity of this CPU, the fields of MPIDR_EL1.
fn affinity() -> u64 {
    MPIDR_EL1.get() & 0xff_00ff_ffff
}

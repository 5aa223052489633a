//! Checks of the kernel's own parts, on the machine it runs on.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch::clock;
use crate::memory::map::Image;
use crate::memory::pager::{self, Paging};
use crate::sched::sleep_lock::SleepLock;
use crate::sched::thread::{Outcome, Thread};
use crate::sched::{self, PRIORITY_MAIN, PRIORITY_WORKER};
use crate::{cpu, println};

/// One check: its name, and what is wrong if something is.
type Check = (&'static str, fn() -> Result<(), &'static str>);

const CHECKS: &[Check] = &[
    ("permissions of the map", permissions),
    ("clock and sleep", sleep),
    ("threads on every CPU", threads),
    ("lent priorities", lent_priorities),
    ("heap", heap),
    ("paging and frames", paging),
];

/// Runs all checks and says how they went; whether all passed.
#[cold]
pub fn run() -> bool {
    let mut failed = 0;
    for (name, check) in CHECKS {
        if let Err(problem) = check() {
            println!("zlab: fail:  [0] self-test: {name}: {problem}");
            failed += 1;
        }
    }
    println!("zlab: info:  [0] self-test: {} passed, {failed} failed", CHECKS.len() - failed);
    failed == 0
}

/// What the MMU says to an access of EL1 (address translation instructions, PAR_EL1.F).
fn readable(address: usize) -> bool {
    let result: u64;
    // SAFETY: asks the MMU; nothing is accessed.
    unsafe {
        asm!("at s1e1r, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack));
    }
    result & 1 == 0
}

/// As [`readable`], for writing.
fn writable(address: usize) -> bool {
    let result: u64;
    // SAFETY: as above.
    unsafe {
        asm!("at s1e1w, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack));
    }
    result & 1 == 0
}

fn permissions() -> Result<(), &'static str> {
    let image = Image::running();
    let expectations = [
        (image.text.start, true, false, "code"),
        (image.rodata.start, true, false, "constants"),
        (image.data.start, true, true, "data"),
        (image.data.end, false, false, "the guard of the boot stack"),
        (0, false, false, "address zero"),
    ];
    for (address, read, write, what) in expectations {
        // Address zero is RAM on some boards; what firmware keeps there is not mapped.
        if readable(address) != read || writable(address) != write {
            return Err(what);
        }
    }
    Ok(())
}

fn sleep() -> Result<(), &'static str> {
    const NAP_NS: u64 = 200_000;
    for _ in 0..4 {
        let deadline = clock::now_ns() + NAP_NS;
        sched::sleep_until_ns(deadline);
        if clock::now_ns() < deadline {
            return Err("a sleeper woke early");
        }
    }
    Ok(())
}

/// Sums that workers of every CPU add up, two on each so that they take turns.
static SUM: AtomicU64 = AtomicU64::new(0);

/// What each worker adds up, in floating point and across yields: the sum 1 + 2 + ... + 1000.
const EACH: u64 = 500_500;

fn threads() -> Result<(), &'static str> {
    SUM.store(0, Ordering::Relaxed);
    let workers: Vec<_> = (0..2 * cpu::online())
        .map(|number| {
            let thread = Thread::spawn(number % cpu::online(), PRIORITY_WORKER, add_up, 1000);
            thread.inspect(|thread| sched::start(thread))
        })
        .collect();
    let count = workers.len() as u64;
    for worker in workers {
        let worker = worker.ok_or("a thread could not be made")?;
        if worker.join().0 != Outcome::Returned {
            return Err("a thread did not return");
        }
    }
    if SUM.load(Ordering::Relaxed) == count * EACH { Ok(()) } else { Err("registers were lost") }
}

fn add_up(last: u64) {
    let mut sum = 0.0_f64;
    for number in 1..=last {
        sum += number as f64;
        if number % 100 == 0 {
            sched::yield_now();
        }
    }
    SUM.fetch_add(sum as u64, Ordering::Relaxed);
}

/// Locks that [`lent_priorities`] holds while more important threads want them.
static WANTED: [SleepLock<()>; 2] = [const { SleepLock::new(()) }; 2];

/// Runs at the priority of the most important thread that waits for a lock it holds, also after it
/// let another one go.
fn lent_priorities() -> Result<(), &'static str> {
    let own = sched::current().priority();
    let mut held = WANTED.each_ref().map(|lock| Some(lock.lock()));
    let priority = |number: usize| PRIORITY_MAIN + 4 * (number as u8 + 1);
    let mut waiters = Vec::new();
    for number in 0..WANTED.len() {
        let cpu = cpu::current().id;
        let thread = Thread::spawn(
            cpu,
            priority(number),
            |number| drop(WANTED[number as usize].lock()),
            number as u64,
        );
        let thread = thread.ok_or("a thread could not be made")?;
        // It runs at once, until it waits for its lock.
        sched::start(thread);
        waiters.push(thread);
        if sched::current().priority() != priority(number) {
            return Err("a waiter's priority was not lent");
        }
    }
    held[1] = None;
    let kept = sched::current().priority();
    held[0] = None;
    let last = sched::current().priority();
    for waiter in waiters {
        waiter.join();
    }
    match (kept == priority(0), last == own) {
        (true, true) => Ok(()),
        (false, _) => Err("with one lock went what a waiter for another had lent"),
        (_, false) => Err("what was lent was not taken back"),
    }
}

fn heap() -> Result<(), &'static str> {
    let mut blocks: Vec<Box<[u8]>> = Vec::new();
    for round in 0..64_usize {
        let mut block = alloc::vec![0_u8; 17 * round + 1].into_boxed_slice();
        block.fill(round as u8);
        blocks.push(block);
        if round % 3 == 0 {
            blocks.swap_remove(round / 3);
        }
    }
    let intact = blocks.iter().all(|block| block.iter().all(|&byte| byte == block[0]));
    if intact { Ok(()) } else { Err("a block was overwritten") }
}

/// Writes more pages than the allowance, reads them back, gives all back, and counts frames.
fn paging() -> Result<(), &'static str> {
    let paging = pager::get().ok_or("paging was not set up")?;
    // The first time leaves behind what is kept: tables above the leaves, a pool's reserves.
    more_than_allowed(paging)?;
    let before = frames_held(paging);
    more_than_allowed(paging)?;
    if frames_held(paging) == before { Ok(()) } else { Err("page frames were lost") }
}

/// Frames that are neither free nor the pool's.
fn frames_held(paging: &dyn Paging) -> usize {
    let frames = paging.frames();
    frames.allocated_frames() - paging.store().pool().total_pages()
}

fn more_than_allowed(paging: &dyn Paging) -> Result<(), &'static str> {
    const PAGES: usize = 64;
    const ALLOWED: usize = 16;
    let (allowance, _) = paging.allowance();
    paging.set_allowance(ALLOWED);
    let evictions = || paging.counters().evictions.load(Ordering::Relaxed);
    let before = evictions();
    let bytes = PAGES * paging.page_size();
    let (slot, range) = paging.map_arena(bytes).ok_or("no arena")?;
    let start = core::ptr::with_exposed_provenance_mut::<u64>(range.start);
    // SAFETY: the arena is this function's until it is unmapped below.
    let words = unsafe { core::slice::from_raw_parts_mut(start, bytes / size_of::<u64>()) };
    let page_words = paging.page_size() / size_of::<u64>();
    let value = |page: usize, index: usize| (page * (index / 8)) as u64;
    for (page, chunk) in words.chunks_mut(page_words).enumerate() {
        chunk.iter_mut().enumerate().for_each(|(index, word)| *word = value(page, index));
    }
    let intact = words.chunks(page_words).enumerate().all(|(page, chunk)| {
        chunk.iter().enumerate().all(|(index, &word)| word == value(page, index))
    });
    let evicted = evictions() - before;
    paging.unmap_arena(slot);
    paging.set_allowance(allowance);
    if !intact {
        return Err("a page came back changed");
    }
    if evicted < (PAGES - ALLOWED) as u64 {
        return Err("pages were not evicted");
    }
    Ok(())
}

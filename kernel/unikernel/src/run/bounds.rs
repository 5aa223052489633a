//! What operations of the allocator take at most, on this machine.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use bounds::{Machine, Supply};
use paging::{PhysicalAddress, TranslationGranule};
use report::{Snapshot, Status, Unit};
use stress::{Options, RunReport};
use zpool::ZPool;

use super::{Boot, print_results, results};
use crate::arch::{clock, interrupts, pmu};
use crate::memory::frames::{Frame, Frames};
use crate::println;

/// Searches with so many random operations, prints both tables and the document.
#[cold]
pub fn run(
    boot: &'static Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    operations: u64,
) -> Status {
    if !pmu::available() {
        println!("zlab: error: --bounds needs a cycle counter, this CPU has none");
        return Status::NotImplemented;
    }
    let start_ns = clock::now_ns();
    let icount = boot.options.boot.icount;
    let unit = if icount { Unit::Instructions } else { Unit::Cycles };
    let hoard = Hoard((boot.shortages)());
    let machine = Here { boot, hoard: &hoard };
    let found = match bounds::search(&machine, unit, operations, options.seed) {
        Ok(found) => found,
        Err(problem) => {
            println!("zlab: error: {problem}");
            return Status::NoResource;
        }
    };
    let mut table = String::new();
    // Writing to a string cannot fail.
    let _ = found.write("zlab: bound: [0] ", &mut table);
    table.lines().for_each(|line| println!("{line}"));
    let run = RunReport {
        stressors: Vec::new(),
        memory: Snapshot::default(),
        elapsed_ns: clock::now_ns() - start_ns,
        status: Status::Success,
    };
    let mut document = results::document(boot, options, command, cpus, run, Vec::new());
    document.bounds = Some(found);
    print_results(options, &document);
    document.verdict.status
}

struct Here<'a> {
    boot: &'static Boot,
    hoard: &'a Hoard,
}

impl Machine for Here<'_> {
    fn page_size(&self) -> usize {
        self.boot.options.boot.page_size
    }

    fn pool(&self) -> Option<Box<dyn ZPool + '_>> {
        (self.boot.pools)(&self.boot.options.boot.zpool)?.ok().map(|pool| pool as Box<dyn ZPool>)
    }

    fn checks_handles(&self) -> bool {
        matches!(self.boot.options.boot.zpool.as_str(), "zblock" | "zblock-fixed")
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        pmu::cycles()
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        interrupts::mask() as usize
    }

    #[inline(always)]
    fn unmask(&self, saved: usize) {
        interrupts::restore(saved as u64);
    }

    fn supply(&self, supply: Supply) {
        self.hoard.0.hold(supply);
    }
}

/// Makes a [`Shortage`] that holds nothing back yet.
pub type Shortages = Box<dyn Fn() -> Box<dyn Shortage> + Sync>;

/// Page frames that are held back.
pub trait Shortage {
    /// Holds back what leaves this supply.
    fn hold(&self, supply: Supply);
}

/// Gives everything back when it goes.
struct Hoard(Box<dyn Shortage>);

impl Drop for Hoard {
    fn drop(&mut self) {
        self.0.hold(Supply::Plenty);
    }
}

/// How shortages of these frames are made.
pub fn shortages_for<G: TranslationGranule>(frames: &'static Frames<G>) -> Shortages {
    Box::new(move || Box::new(Held { frames, first: Cell::new(None) }))
}

/// Frames that are held back, each with the address of the next in its first bytes.
struct Held<G: 'static> {
    frames: &'static Frames<G>,
    first: Cell<Option<PhysicalAddress>>,
}

impl<G: TranslationGranule> Shortage for Held<G> {
    fn hold(&self, supply: Supply) {
        self.give(|_| true);
        if supply != Supply::Plenty {
            while let Some(frame) = self.frames.take() {
                self.push(frame);
            }
        }
        if supply == Supply::Fragmented {
            self.give(|address| (address.0 as usize / G::SIZE).is_multiple_of(2));
        }
    }
}

impl<G: TranslationGranule> Held<G> {
    fn push(&self, mut frame: Frame<G>) {
        let next = self.first.get().map_or(0, |next| next.0);
        frame.bytes()[..8].copy_from_slice(&next.to_le_bytes());
        self.first.set(Some(frame.into_address()));
    }

    /// Gives those back that `chosen` chooses.
    fn give(&self, chosen: impl Fn(PhysicalAddress) -> bool) {
        let mut next = self.first.take();
        while let Some(address) = next {
            // SAFETY: `push` made the address of a frame, and it left the chain just now.
            let mut frame = unsafe { Frame::from_address(address) };
            let mut link = [0; 8];
            link.copy_from_slice(&frame.bytes()[..8]);
            let link = u64::from_le_bytes(link);
            next = (link != 0).then_some(PhysicalAddress(link));
            if chosen(address) {
                self.frames.give(frame);
            } else {
                self.push(frame);
            }
        }
    }
}

//! What the tracer found, for the report.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use report::{LatencyTrace, LockTimes, Section, SectionKind, TraceEvent, TracerReport};
use stress::options::LatencySettings;
use zpool::probe;

use super::cyclictest::{self, Spike};
use super::hook::{self, Place};
use super::operations::{self, OPERATIONS};
use super::ring::{self, Event};
use super::sections::{Longest, Section as Kept};
use super::{locks, probes};
use crate::arch::{interrupts, pmu};
use crate::cpu;
use crate::memory::map::Image;

/// Sections of a kind, and locks, that are reported.
const REPORTED: usize = 12;

/// Starts from nothing. While nothing is traced: what is under way may be lost.
pub fn reset() {
    if !probes::armed() {
        return;
    }
    operations::reset();
    locks::reset();
    cyclictest::forget_spike();
    let saved = interrupts::mask();
    for id in 0..cpu::online() {
        let state = hook::state(id);
        // SAFETY: interrupts are masked here; another CPU's figures may mix with those before.
        unsafe {
            (*state.sections.get()).reset();
            (*state.ring.get()).clear();
        }
    }
    interrupts::restore(saved);
    ring::start();
}

/// What was found; `None` when these settings ask for nothing of it.
pub fn tracer(settings: &LatencySettings, zpool: &str) -> Option<TracerReport> {
    if !settings.traces_sections() && !settings.operations {
        return None;
    }
    let mut report = TracerReport {
        unit: String::from(if pmu::available() { "cycles" } else { "ticks" }),
        probe_cost: probes::cost(),
        operations: if settings.operations { operations::results() } else { Vec::new() },
        ..TracerReport::default()
    };
    if settings.traces_sections() {
        add_sections(&mut report);
        report.locks = lock_times();
        report.trace = cyclictest::spike().map(|spike| trace(&spike, settings, zpool));
    }
    Some(report)
}

fn add_sections(report: &mut TracerReport) {
    for (index, kind) in
        [SectionKind::InterruptsOff, SectionKind::PreemptionOff].into_iter().enumerate()
    {
        let mut sections = Vec::new();
        for cpu in 0..cpu::online() {
            // SAFETY: figures of a CPU that goes on may be of two moments; addresses and lengths
            // are whole words.
            let found = unsafe { &*hook::state(cpu).sections.get() };
            let longest: &Longest = if index == 0 { &found.masked } else { &found.unpreempted };
            report.section_counts[index] += longest.count;
            sections.extend(longest.kept().map(|kept| section(kind, cpu, kept)));
        }
        super::sort(&mut sections, |one: &Section, other| one.net > other.net);
        sections.truncate(REPORTED);
        report.sections.append(&mut sections);
    }
}

fn section(kind: SectionKind, cpu: usize, kept: &Kept) -> Section {
    Section {
        kind,
        cpu: cpu as u32,
        thread: u32::from(kept.thread),
        net: kept.net,
        raw: kept.raw,
        tick: kept.tick,
        opened: in_image(&kept.opened),
        closed: in_image(&kept.closed),
    }
}

/// The locks, those that were held longest from the same place on as one.
fn lock_times() -> Vec<LockTimes> {
    let place = |place: &[core::sync::atomic::AtomicUsize; 3]| {
        in_image(&core::array::from_fn(|index| place[index].load(Relaxed)))
    };
    let mut times: Vec<LockTimes> = locks::all()
        .map(|facts| {
            let address = facts.address.load(Relaxed);
            LockTimes {
                name: locks::name(address),
                locks: 1,
                sleeping: locks::is_sleeping(address),
                taken: facts.taken.load(Relaxed),
                contended: facts.contended.load(Relaxed),
                moved: facts.moved.load(Relaxed),
                wait_max: facts.wait_max.load(Relaxed),
                waited_at: place(&facts.wait_place),
                hold_max: facts.hold_max.load(Relaxed),
                taken_at: place(&facts.hold_place),
                released_at: offset(facts.release_place.load(Relaxed)),
            }
        })
        .collect();
    // Longest first: the first of each place stands for those that follow.
    super::sort(&mut times, |one, other| {
        (other.sleeping, one.hold_max) > (one.sleeping, other.hold_max)
    });
    let mut kept: Vec<LockTimes> = Vec::new();
    for lock in times {
        let same = |other: &&mut LockTimes| {
            other.taken_at[0] == lock.taken_at[0] && other.sleeping == lock.sleeping
        };
        let Some(other) = kept.iter_mut().find(same) else {
            kept.push(lock);
            continue;
        };
        other.locks += 1;
        other.taken += lock.taken;
        other.contended += lock.contended;
        other.moved += lock.moved;
        if lock.wait_max > other.wait_max {
            (other.wait_max, other.waited_at) = (lock.wait_max, lock.waited_at);
        }
    }
    kept
}

fn trace(spike: &Spike, settings: &LatencySettings, zpool: &str) -> LatencyTrace {
    // SAFETY: the ring was frozen.
    let ring = unsafe { &*hook::state(spike.cpu).ring.get() };
    let event = |event: &Event| {
        let net = (spike.time - event.time).saturating_sub(spike.stolen - event.stolen);
        TraceEvent { before: net, what: describe(event), at: offset(event.site) }
    };
    LatencyTrace {
        threshold_us: settings.trace_us.unwrap_or(0),
        cpu: spike.cpu as u32,
        sample: spike.sample,
        ticks: spike.ticks,
        deadline: spike.deadline,
        zpool: String::from(zpool),
        events: ring.events().filter(|event| event.time <= spike.time).map(event).collect(),
    }
}

/// An event in words.
fn describe(event: &Event) -> String {
    let (first, second) = (event.first, event.second);
    match event.kind {
        probe::RESTORING | probe::UNMASKING => {
            alloc::format!(
                "interrupts on after {second}, off since image+{:#x}, on at",
                offset(first)
            )
        }
        probe::PREEMPTION_ON => {
            alloc::format!(
                "preemption on after {second}, off since image+{:#x}, on at",
                offset(first)
            )
        }
        probe::RETURNING => alloc::format!("return after {second} with interrupts off, at"),
        probe::INTERRUPT_ENTRY => {
            alloc::format!("interrupt of image+{:#x}, pending {second:#x}, at", offset(first))
        }
        probe::INTERRUPT => alloc::format!("interrupt {first} handled at"),
        probe::SWITCH => alloc::format!("thread {first} runs, from thread {second}, at"),
        probe::LOCK_WAIT => {
            alloc::format!("  meanwhile held or wanted: {}, at", locks::name(first))
        }
        probe::LOCK_TAKEN => alloc::format!("{} taken at", locks::name(first)),
        probe::LOCK_RELEASE => alloc::format!("{} let go at", locks::name(first)),
        probe::SLEEP_WAIT => alloc::format!("{} wanted at", locks::name(first)),
        probe::SLEEP_TAKEN => alloc::format!("{} taken at", locks::name(first)),
        probe::SLEEP_RELEASE => alloc::format!("{} let go at", locks::name(first)),
        kind => {
            let name = OPERATIONS.get(second).unwrap_or(&"operation");
            let end = if kind & probe::OPERATION_END != 0 { "ends" } else { "begins" };
            alloc::format!("{name} {end} at")
        }
    }
}

/// Addresses relative to the start of the image; zero for others.
fn in_image(place: &Place) -> report::Place {
    place.map(offset)
}

fn offset(address: usize) -> u64 {
    let text = Image::running().text;
    if text.contains(&address) { (address - text.start) as u64 } else { 0 }
}

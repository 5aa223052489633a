//! Sections with interrupts masked, and with preemption off: the longest of them.

use zpool::probe;

use super::hook::{Hit, Place, thread_index};
use super::ring::{self, Event};
use crate::arch::frame::TrapFrame;
use crate::arch::{clock, gic, vectors};

/// Kinds of sections kept apart: pairs of where one began and where it ended.
const KEPT: usize = 12;

/// Bit 7 of DAIF: interrupts are masked.
const MASKED_BIT: usize = 1 << 7;

/// A section that was the longest of its kind.
#[derive(Clone, Copy)]
pub struct Section {
    /// Cycles without those of the tracer, and all of them.
    pub net: u64,
    pub raw: u64,
    /// Tick at its end.
    pub tick: u64,
    pub opened: Place,
    pub closed: Place,
    /// Index of the thread that ended it.
    pub thread: u16,
}

/// A section that has begun.
#[derive(Clone, Copy)]
struct Open {
    since: u64,
    stolen: u64,
    place: Place,
}

/// The sections of one kind on one CPU.
pub struct Longest {
    open: Option<Open>,
    /// How many ended.
    pub count: u64,
    kept: [Option<Section>; KEPT],
    /// Shorter ones are not looked up.
    shortest: u64,
}

/// Both kinds on one CPU.
pub struct Sections {
    pub masked: Longest,
    pub unpreempted: Longest,
}

impl Sections {
    /// None yet.
    pub const fn new() -> Self {
        Self { masked: Longest::new(), unpreempted: Longest::new() }
    }

    pub(super) fn hit(&mut self, hit: &Hit<'_>) {
        match hit.kind {
            probe::MASKED if hit.operand & MASKED_BIT == 0 => self.masked.begin(hit, 0),
            probe::RESTORING if hit.operand & MASKED_BIT == 0 => self.masked.end(hit, 0),
            probe::UNMASKING => self.masked.end(hit, 0),
            // Asleep nothing was kept waiting.
            probe::AWAKE if self.masked.open.take().is_some() => self.masked.begin(hit, 0),
            probe::INTERRUPT_ENTRY => {
                note_entry(hit);
                self.masked.begin(hit, vectors::save_instructions());
            }
            probe::EXCEPTION_ENTRY => self.masked.begin(hit, vectors::save_instructions()),
            probe::RETURNING => self.masked.end(hit, vectors::restore_instructions()),
            probe::PREEMPTION_OFF if hit.operand == 1 => self.unpreempted.begin(hit, 0),
            probe::PREEMPTION_ON if hit.operand == 0 => self.unpreempted.end(hit, 0),
            _ => {}
        }
    }

    /// Forgets what was found.
    pub fn reset(&mut self) {
        self.masked.reset();
        self.unpreempted.reset();
    }
}

impl Longest {
    const fn new() -> Self {
        Self { open: None, count: 0, kept: [None; KEPT], shortest: 0 }
    }

    /// Those that were kept.
    pub fn kept(&self) -> impl Iterator<Item = &Section> {
        self.kept.iter().flatten()
    }

    fn reset(&mut self) {
        self.count = 0;
        self.kept = [None; KEPT];
        self.shortest = 0;
    }

    /// It began `before` cycles ago, unless it had before.
    fn begin(&mut self, hit: &Hit<'_>, before: u64) {
        if self.open.is_none() {
            self.open =
                Some(Open { since: hit.now - before, stolen: hit.stolen, place: hit.place });
        }
    }

    /// It ends in `after` cycles, if it had begun.
    fn end(&mut self, hit: &Hit<'_>, after: u64) {
        let Some(open) = self.open.take() else { return };
        let raw = hit.now - open.since + after;
        // What registers cost to save at the begin is in, and at the end out: they are the same.
        let net = raw.saturating_sub(hit.stolen - open.stolen);
        self.count += 1;
        let first = open.place[0];
        ring::note(hit, Event { first, second: net as usize, ..Event::at(hit) });
        if net > self.shortest {
            let tick = clock::ticks();
            let thread = thread_index();
            self.keep(Section { net, raw, tick, opened: open.place, closed: hit.place, thread });
        }
    }

    /// Keeps the longest section of each pair of begin and end, and of all pairs the longest.
    fn keep(&mut self, section: Section) {
        let same = |kept: &Section| {
            kept.opened[0] == section.opened[0] && kept.closed[0] == section.closed[0]
        };
        let length = |kept: &Option<Section>| kept.map_or(0, |kept| kept.net);
        let known = self.kept.iter().position(|kept| kept.as_ref().is_some_and(same));
        let shortest = (0..KEPT).min_by_key(|&index| length(&self.kept[index])).unwrap_or(0);
        let place = &mut self.kept[known.unwrap_or(shortest)];
        if section.net > length(place) {
            *place = Some(section);
        }
        self.shortest = self.kept.iter().map(length).min().unwrap_or(0);
    }
}

/// Notes what an interrupt interrupted, and what is pending.
fn note_entry(hit: &Hit<'_>) {
    let frame = core::ptr::with_exposed_provenance::<TrapFrame>(hit.operand);
    // SAFETY: the vectors pass the address of the frame they saved.
    let elr = unsafe { (*frame).elr };
    let pending = gic::pending() as usize;
    ring::note(hit, Event { first: elr as usize, second: pending, ..Event::at(hit) });
    // SAFETY: this CPU's, interrupts are masked, and hooks do not nest.
    let held = unsafe { &*hit.state.held.get() };
    for lock in held.locks() {
        ring::note(hit, Event { kind: probe::LOCK_WAIT, first: lock, ..Event::at(hit) });
    }
}

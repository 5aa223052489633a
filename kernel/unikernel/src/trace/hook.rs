//! What armed probes call.

use core::arch::asm;
use core::cell::{Cell, UnsafeCell};

use zpool::probe;

use super::operations::{self, OPERATIONS};
use super::ring::{self, Event};
use super::sections::Sections;
use super::{locks, probes};
use crate::arch::{clock, pmu};
use crate::cpu::{self, MAX_CPUS};
use crate::sched::thread;

/// Registers of a probed place: x0 to x30.
pub type Registers = [u64; 31];

/// Where a probe is, and who called it: the probe and two return addresses, zero where unknown.
pub type Place = [usize; 3];

/// What the tracer has for each CPU.
pub struct State {
    /// The hook runs.
    inside: Cell<bool>,
    /// Cycles that hooks took on this CPU, and instructions.
    pub stolen: Cell<u64>,
    stolen_instructions: Cell<u32>,
    pub sections: UnsafeCell<Sections>,
    pub held: UnsafeCell<locks::Held>,
    pub ring: UnsafeCell<ring::Ring>,
}

// SAFETY: a CPU uses its own state alone, with interrupts masked and not nested (`inside`); what is
// read from elsewhere is read when probes of that CPU are quiet, or taken as it comes: figures.
unsafe impl Sync for State {}

static STATES: [State; MAX_CPUS] = [const {
    State {
        inside: Cell::new(false),
        stolen: Cell::new(0),
        stolen_instructions: Cell::new(0),
        sections: UnsafeCell::new(Sections::new()),
        held: UnsafeCell::new(locks::Held::new()),
        ring: UnsafeCell::new(ring::Ring::new()),
    }
}; MAX_CPUS];

/// The state of CPU `id`.
pub fn state(id: usize) -> &'static State {
    &STATES[id]
}

/// The tracer's clock: cycles, or ticks of the virtual counter on a CPU without a cycle counter.
#[inline]
pub fn now() -> u64 {
    if pmu::available() { pmu::cycles() } else { clock::ticks() }
}

/// Instructions executed, modulo 2^32, where they are counted.
#[inline]
pub fn instructions() -> u32 {
    if pmu::counts_instructions() { pmu::instructions() } else { 0 }
}

/// Instructions of this CPU that hooks took so far.
pub fn stolen_instructions() -> u32 {
    state(cpu::current().id).stolen_instructions.get()
}

/// Index of the running thread; [`thread::NONE`] before threads run.
pub fn thread_index() -> u16 {
    let cpu = cpu::current();
    if thread::scheduling(cpu.id) { thread::current_of(cpu).index() } else { thread::NONE }
}

/// Time of this CPU that hooks took so far.
pub fn stolen() -> u64 {
    state(cpu::current().id).stolen.get()
}

/// What happened at a probe.
pub struct Hit<'a> {
    pub kind: u32,
    pub operand: usize,
    pub place: Place,
    /// What the probe is about.
    pub name: fn() -> &'static str,
    /// When the hook began, and the CPU's stolen time then; instructions likewise, where counted.
    pub now: u64,
    pub stolen: u64,
    pub instructions: u32,
    pub stolen_instructions: u32,
    pub state: &'a State,
}

/// Called by every armed probe, with the registers at it.
pub extern "C" fn hook(registers: &Registers) {
    let saved: u64;
    // Not by `interrupts::mask`, which is probed.
    // SAFETY: masks interrupts until the end of the hook.
    unsafe { asm!("mrs {}, daif", "msr daifset, #2", out(reg) saved, options(nostack)) };
    let (now, instructions) = (now(), instructions());
    let state = state(cpu::current().id);
    if !state.inside.replace(true) {
        if let Some(site) = probes::find(registers[30] as usize - 4) {
            let operand = registers.get(usize::from(site.register)).copied().unwrap_or(0) as usize;
            dispatch(&Hit {
                kind: site.kind,
                operand,
                place: place(registers, site.address),
                name: site.name,
                now,
                stolen: state.stolen.get(),
                instructions,
                stolen_instructions: state.stolen_instructions.get(),
                state,
            });
        }
        let spent = self::instructions().wrapping_sub(instructions) + probes::instructions_cost();
        state.stolen_instructions.set(state.stolen_instructions.get().wrapping_add(spent));
        let spent = self::now() - now + probes::cost();
        state.stolen.set(state.stolen.get() + spent);
        state.inside.set(false);
    }
    // SAFETY: as it was at the probe.
    unsafe { asm!("msr daif, {}", in(reg) saved, options(nostack)) };
}

fn dispatch(hit: &Hit<'_>) {
    match hit.kind {
        probe::MASKED..=probe::PREEMPTION_ON => {
            // SAFETY: this CPU's, interrupts are masked, and hooks do not nest.
            unsafe { &mut *hit.state.sections.get() }.hit(hit);
        }
        probe::LOCK_WAIT..=probe::LOCK_SHARED | probe::LOCK_CONTENDED => locks::hit(hit),
        probe::SLEEP_WAIT..=probe::SLEEP_RELEASE => locks::sleep_hit(hit),
        probe::SWITCH | probe::INTERRUPT => {
            ring::note(hit, Event { second: usize::from(thread_index()), ..Event::at(hit) });
        }
        kind => {
            let number = (kind & 0xff) as usize;
            if number < OPERATIONS.len() {
                operations::hit(hit, number, kind & probe::OPERATION_END != 0);
            }
        }
    }
}

/// The probe and its callers, along the frame pointers as far as they stay near the stack pointer.
fn place(registers: &Registers, site: usize) -> Place {
    /// Bytes of a stack.
    const STACK: usize = 64 * 1024;
    let stack = core::ptr::from_ref(registers).addr();
    let mut place = [site, 0, 0];
    let mut frame = registers[29] as usize;
    for caller in &mut place[1..] {
        if frame <= stack || frame - stack > STACK || !frame.is_multiple_of(16) {
            break;
        }
        let record = core::ptr::with_exposed_provenance::<[usize; 2]>(frame);
        // SAFETY: a frame record above the stack pointer, in the same stack.
        let [next, address] = unsafe { record.read() };
        *caller = address;
        frame = next;
    }
    place
}

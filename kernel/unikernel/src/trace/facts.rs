//! The clocks, measured.

use report::ClockFacts;

use crate::arch::{clock, pmu};

/// How long cycles are compared with ticks, in nanoseconds.
const SPAN_NS: u64 = 1_000_000;

/// Frequencies and costs of the clocks of this CPU. Takes about a millisecond.
pub fn measure() -> ClockFacts {
    let counted = pmu::available();
    ClockFacts {
        counter_hz: clock::frequency(),
        counter_read_ticks_per_1000: counter_cost(),
        cycle_hz: if counted { cycle_hz() } else { 0 },
        cycle_read_cycles: pmu::cycles_cost(),
        instructions: pmu::counts_instructions(),
        instruction_read_instructions: pmu::instructions_cost(),
    }
}

/// Ticks that 1000 reads of the virtual counter take, their barriers included.
fn counter_cost() -> u64 {
    let start = clock::ticks();
    for _ in 0..999 {
        core::hint::black_box(clock::ticks());
    }
    clock::ticks() - start
}

/// Cycles a second, by the virtual counter.
pub fn cycle_hz() -> u64 {
    let span = clock::ns_to_ticks(SPAN_NS);
    let (start, cycles) = (clock::ticks(), pmu::cycles());
    let mut now = start;
    while now - start < span {
        zpool::relax();
        now = clock::ticks();
    }
    let cycles = u128::from(pmu::cycles() - cycles);
    (cycles * u128::from(clock::frequency()) / u128::from(now - start)) as u64
}

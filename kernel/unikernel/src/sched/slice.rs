//! How long a thread runs before another of its priority has a turn.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch::clock;

/// Length of a turn.
const NS: u64 = 10_000_000;

/// Shortest turn under a seed where time is instructions executed: more than it takes to change
/// threads, or none would get on.
const SHORTEST_NS: u64 = 512;

/// Shortest turn under a seed elsewhere: on a busy host an emulator takes long for an instruction.
const SHORTEST_HOST_NS: u64 = 50_000;

/// [`NS`] in ticks.
static TICKS: AtomicU64 = AtomicU64::new(0);

/// Shortest turn under a seed in ticks.
static SHORTEST: AtomicU64 = AtomicU64::new(0);

/// State of the generator that turns under a seed come from; zero without one.
static RANDOM: AtomicU64 = AtomicU64::new(0);

/// Sets the length of turns: [`NS`], or with a seed that is not zero, other lengths each time. Where
/// time is instructions executed, threads are then preempted at any of them, and in the same places
/// whenever the seed is the same.
pub fn init(seed: u64, icount: bool) {
    let shortest = if icount { SHORTEST_NS } else { SHORTEST_HOST_NS };
    SHORTEST.store(clock::ns_to_ticks(shortest), Ordering::Relaxed);
    TICKS.store(clock::ns_to_ticks(NS), Ordering::Relaxed);
    RANDOM.store(seed, Ordering::Relaxed);
}

/// The next turn, in ticks.
#[inline]
pub fn ticks() -> u64 {
    if RANDOM.load(Ordering::Relaxed) == 0 { TICKS.load(Ordering::Relaxed) } else { random() }
}

/// Between the shortest and some 4000 ticks more, short ones as often as long ones.
#[cold]
fn random() -> u64 {
    // xorshift64 (Marsaglia 2003), which never gets to zero. CPUs that draw at once draw the same.
    let mut state = RANDOM.load(Ordering::Relaxed);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    RANDOM.store(state, Ordering::Relaxed);
    let scale = 1 << ((state >> 32) % 12);
    SHORTEST.load(Ordering::Relaxed) + scale + state % scale
}

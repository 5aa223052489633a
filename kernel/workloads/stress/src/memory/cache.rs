//! The stressor `cache`: random accesses to a buffer about as large as a cache.
//!
//! One bogo operation is 1024 accesses: amounts are taken from one word and added to another, so the
//! sum over the buffer stays zero. It is checked now and then: a store that is lost shows.

use crate::options::{Kind, Setting};
use crate::random::Random;
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "cache",
    about: "random reads and writes, with lines flushed to memory under --cache-flush",
    classes: class::CPU_CACHE | class::MEMORY,
    settings: &[
        Setting { name: "size", kind: Kind::Size(1 << 20), about: "bytes of each buffer" },
        Setting { name: "flush", kind: Kind::Flag, about: "flush a line each 1024 accesses" },
        Setting { name: "fence", kind: Kind::Flag, about: "order each access by a barrier" },
    ],
    tick_shift: 0,
    memory: Memory::Each(|options| options.bytes("cache", "size", 0).max(64 << 10)),
    checks: under_verify,
    run,
    measures: &[],
};

const ACCESSES: usize = 1024;

/// Operations between two looks at the sum.
const INTERVAL: usize = 512;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let mut random = worker.random(0);
    let (flush, fence) = (worker.flag("flush"), worker.flag("fence"));
    for number in 1.. {
        access(arena.words(), &mut random, fence);
        if flush {
            let at = random.below(arena.words().len());
            worker.machine.flush(&arena.words()[at..=at]);
        }
        worker.note_resident(&*arena);
        let go_on = worker.step(1);
        if worker.verifies() && (!go_on || number % INTERVAL == 0) {
            let sum = arena.words().iter().fold(0_u64, |sum, word| sum.wrapping_add(*word));
            worker.expect(sum ^ worker.injection(), 0, "the sum of the buffer");
        }
        if !go_on {
            break;
        }
    }
    worker.finish();
}

fn access(words: &mut [u64], random: &mut Random, fence: bool) {
    for _ in 0..ACCESSES / 2 {
        let (from, to) = (random.below(words.len()), random.below(words.len()));
        let amount = from as u64;
        words[from] = words[from].wrapping_sub(amount);
        if fence {
            core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        }
        words[to] = words[to].wrapping_add(amount);
    }
}

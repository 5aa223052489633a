//! The stressor `vm-addr`: walk over memory in orders that make single address bits matter.
//!
//! The words of a range whose length is a power of two are visited in the order of a method; each
//! gets a value that follows from its address, and all are read back in the same order: an address
//! bit that is stuck or coupled shows. One bogo operation is 256 words written.

use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "vm-addr",
    about: "walk over memory so that single address bits matter; offsets, not chosen addresses",
    classes: class::VM | class::MEMORY | class::OS,
    settings: &[
        Setting { name: "bytes", kind: Kind::Size(8 << 20), about: "memory of all workers" },
        Setting { name: "method", kind: Kind::Choice(METHODS), about: "order of the walk" },
    ],
    tick_shift: CHUNK.ilog2(),
    memory: Memory::Shared("bytes"),
    checks: always,
    run,
    measures: &[],
};

/// An `inv` method visits what the one before it visits with every address bit inverted.
const METHODS: &[&str] = &[
    "all", "pwr2", "pwr2inv", "gray", "grayinv", "rev", "revinv", "inc", "incinv", "dec", "decinv",
];

/// Words between two looks at the clock: each may be in another page.
const CHUNK: usize = 256;

/// One walk.
struct Walk {
    method: usize,
    /// Bits of a word's number.
    bits: u32,
    page_words: usize,
    seed: u64,
}

impl Walk {
    /// Words that are visited; with `pwr2` some of them several times.
    fn steps(&self) -> usize {
        match self.method {
            1 | 2 => ((1 << self.bits) / self.page_words) * (self.bits as usize + 1),
            _ => 1 << self.bits,
        }
    }

    /// Number of the word that is visited at a step.
    fn place(&self, step: usize) -> usize {
        let mask = (1 << self.bits) - 1;
        let place = match self.method {
            // The first word of each page, and those whose number differs from it in one bit.
            1 | 2 => {
                let (page, bit) =
                    (step / (self.bits as usize + 1), step % (self.bits as usize + 1));
                (page * self.page_words) ^ (1 << bit >> 1)
            }
            3 | 4 => step ^ step >> 1,
            5 | 6 => step.reverse_bits() >> (usize::BITS - self.bits),
            7 | 8 => step,
            _ => mask - step,
        };
        let inverted = if self.method.is_multiple_of(2) { mask } else { 0 };
        (place ^ inverted) & mask
    }

    /// Another for each place; those of a page have most bits in common, and compress.
    fn value(&self, place: usize) -> u64 {
        self.seed ^ place as u64
    }
}

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let bits = arena.words().len().ilog2();
    let chosen = METHODS.iter().position(|&name| name == worker.choice("method")).unwrap_or(0);
    for number in 0.. {
        let method = if chosen == 0 { 1 + number % (METHODS.len() - 1) } else { chosen };
        let seed = mix(worker.options.seed ^ (number as u64 + 1)) ^ worker.instance as u64;
        let walk = Walk { method, bits, page_words: worker.page_words(), seed };
        let go_on = there_and_back(worker, &walk, arena.words());
        worker.note_resident(&*arena);
        if !go_on {
            break;
        }
        if arena.discard().is_err() {
            return worker.no_resource(format_args!("mapping memory again"));
        }
    }
    worker.finish();
}

/// Writes, then checks as far as was written; answers whether there is time left.
fn there_and_back(worker: &Worker<'_>, walk: &Walk, words: &mut [u64]) -> bool {
    let mut go_on = true;
    let mut reached = 0;
    while go_on && reached < walk.steps() {
        let end = (reached + CHUNK).min(walk.steps());
        for place in (reached..end).map(|step| walk.place(step)) {
            words[place] = walk.value(place);
        }
        go_on = worker.step((end - reached) as u64);
        reached = end;
    }
    words[walk.place(0)] ^= worker.injection();
    let mut checked = 0;
    while checked < reached {
        let end = (checked + CHUNK).min(reached);
        let wrong = |step: usize| {
            let place = walk.place(step);
            u64::from((words[place] ^ walk.value(place)).count_ones())
        };
        let errors = (checked..end).map(wrong).sum();
        worker.checked(errors, format_args!("step {checked} of {}", METHODS[walk.method]));
        checked = end;
        go_on = worker.go_on() && go_on;
    }
    go_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_visited_but_by_powers_of_two() {
        for (method, name) in METHODS.iter().enumerate().skip(1) {
            let walk = Walk { method, bits: 11, page_words: 512, seed: 0 };
            let mut seen = [0; 2048];
            (0..walk.steps()).for_each(|step| seen[walk.place(step)] += 1);
            let visited = seen.iter().filter(|&&times| times > 0).count();
            assert_eq!(visited, if method <= 2 { 4 * 10 } else { 2048 }, "{name}");
        }
    }
}

//! The stressor `memthrash`: many ways to keep memory busy, one after the other.
//!
//! Each instance has 16 MiB, of which each of its threads, one for each CPU, has a part. A method
//! works on growing powers of four of it, up to all; each call is one bogo operation. Methods leave
//! what can be checked: a value everywhere, or what they found.

use core::hint::black_box;
use core::sync::atomic::{Ordering, fence};

use crate::options::{Kind, Setting};
use crate::random::Random;
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "memthrash",
    about: "thrash memory by 23 methods; a part for each thread instead of one for all",
    classes: class::MEMORY,
    settings: &[Setting { name: "method", kind: Kind::Choice(NAMES), about: "what is done" }],
    tick_shift: 0,
    memory: Memory::Each(|_| BYTES as u64),
    checks: under_verify,
    run,
    measures: &[],
};

const BYTES: usize = 16 << 20;

/// Exercises the words, which all hold the value. They all hold the value that is returned
/// afterwards.
type Method = fn(&Worker<'_>, &mut [u64], u64, &mut Random) -> u64;

const NAMES: &[&str] = &[
    "all",
    "chunk1",
    "chunk8",
    "chunk64",
    "chunk256",
    "chunkpage",
    "copy128",
    "flip",
    "flush",
    "lock",
    "matrix",
    "memmove",
    "memset",
    "memset64",
    "mfence",
    "prefetch",
    "random",
    "reverse",
    "spinread",
    "spinwrite",
    "swap",
    "swap64",
    "swapfwdrev",
    "tlb",
];

/// In the order of [`NAMES`], without the first.
const METHODS: [Method; 23] = [
    |_, words, value, random| chunks(words, value, random, 1),
    |_, words, value, random| chunks(words, value, random, 8),
    |_, words, value, random| chunks(words, value, random, 64),
    |_, words, value, random| chunks(words, value, random, 256),
    |worker, words, value, random| chunks(words, value, random, 8 * worker.page_words()),
    |_, words, value, _| {
        for pair in words.chunks_exact_mut(4) {
            pair.copy_within(0..2, 2);
        }
        value
    },
    |_, words, value, _| {
        words.iter_mut().for_each(|word| *word = !*word);
        !value
    },
    |worker, words, value, random| {
        for line in words.chunks(512) {
            worker.machine.flush(&line[..1]);
        }
        chunks(words, value, random, 64)
    },
    |_, words, value, _| {
        let counter = core::sync::atomic::AtomicU64::new(0);
        for word in words.iter_mut() {
            counter.fetch_add(*word, Ordering::SeqCst);
        }
        if counter.into_inner() == value.wrapping_mul(words.len() as u64) { value } else { !value }
    },
    |_, words, value, _| {
        let side = words.len().isqrt();
        for column in 0..side {
            for row in 0..side {
                words.swap(row * side + column, column * side + row);
            }
        }
        value
    },
    |_, words, value, _| {
        words.copy_within(1.., 0);
        words.copy_within(..words.len() - 1, 1);
        value
    },
    |_, words, value, _| {
        let byte = value as u8;
        bytemuck::cast_slice_mut::<u64, u8>(words).fill(byte);
        u64::from_ne_bytes([byte; 8])
    },
    |_, words, _, random| {
        let value = random.next();
        words.fill(value);
        value
    },
    |_, words, _, random| {
        let value = random.next();
        for word in words {
            *black_box(word) = value;
            fence(Ordering::SeqCst);
        }
        value
    },
    |worker, words, value, random| {
        for _ in 0..words.len().min(1 << 14) {
            let at = random.below(words.len());
            worker.machine.prefetch(&words[at]);
            let found = *black_box(&words[at]);
            *black_box(&mut words[at]) = found;
        }
        value
    },
    |_, words, value, random| {
        for _ in 0..words.len().min(1 << 16) {
            words[random.below(words.len())] = value;
        }
        value
    },
    |_, words, value, _| {
        words.reverse();
        value
    },
    |_, words, value, random| {
        let at = random.below(words.len());
        let found = (0..1 << 14).fold(0, |found, _| found | *black_box(&words[at]) ^ value);
        value ^ found
    },
    |_, words, value, random| {
        let at = random.below(words.len());
        (0..1 << 14).for_each(|_| *black_box(&mut words[at]) = value);
        value
    },
    |_, words, value, random| {
        for _ in 0..words.len().min(1 << 16) {
            words.swap(random.below(words.len()), random.below(words.len()));
        }
        value
    },
    |_, words, value, _| {
        let (low, high) = words.split_at_mut(words.len() / 2);
        low.chunks_exact_mut(8).zip(high.chunks_exact_mut(8)).for_each(|(low, high)| {
            low.swap_with_slice(high);
        });
        value
    },
    |_, words, value, _| {
        words.reverse();
        words.reverse();
        value
    },
    |worker, words, value, _| {
        let step = worker.page_words();
        words.iter_mut().step_by(step).for_each(|word| *black_box(word) = value);
        value
    },
];

/// Writes the value to chunks of so many bytes, in random order.
fn chunks(words: &mut [u64], value: u64, random: &mut Random, bytes: usize) -> u64 {
    let whole: &mut [u8] = bytemuck::cast_slice_mut(words);
    let value_bytes = value.to_ne_bytes();
    let bytes = bytes.min(whole.len());
    for _ in 0..(whole.len() / bytes).min(1 << 14) {
        let start = random.below(whole.len() / bytes) * bytes;
        for (at, byte) in whole[start..start + bytes].iter_mut().enumerate() {
            *byte = value_bytes[(start + at) % 8];
        }
    }
    value
}

fn run(worker: &Worker<'_>) {
    let threads = worker.machine.cpus().max(1);
    let bytes = (BYTES / threads) & !(worker.machine.page_size() - 1);
    let chosen = NAMES.iter().position(|&name| name == worker.choice("method")).unwrap_or(0);
    let ended = worker.threads(threads, &|thread, number| {
        let Some(mut arena) = thread.map(bytes) else { return };
        let mut random = thread.random(number as u64);
        let sizes = (0..).map(|power| 1 << (2 * power)).take_while(|&size| size <= bytes / 8);
        let methods = METHODS.iter().enumerate().filter(|(at, _)| chosen == 0 || at + 1 == chosen);
        for ((at, method), size) in
            methods.cycle().flat_map(|method| sizes.clone().skip(2).map(move |size| (method, size)))
        {
            let words = &mut arena.words()[..size];
            let value = random.next();
            words.fill(value);
            let value = method(thread, words, value, &mut random);
            if thread.verifies() {
                words[0] ^= thread.injection();
                let errors = words.iter().map(|word| u64::from((word ^ value).count_ones())).sum();
                thread.checked(errors, format_args!("{size} words after {}", NAMES[at + 1]));
            }
            thread.note_resident(&*arena);
            if !thread.step(1) {
                break;
            }
        }
    });
    if ended {
        worker.finish();
    }
}

//! The stressor `heap`: blocks of many sizes on the kernel's heap, allocated and freed at random.
//!
//! It has no counterpart in stress-ng. One bogo operation replaces one of the live blocks by another
//! one, of 16 bytes to 4 KiB, small ones more often, and checks what was in the old one.

use alloc::vec::Vec;

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "heap",
    about: "replace blocks of the kernel's heap (heap=tlsf or llff)",
    classes: class::MEMORY | class::OS,
    settings: &[Setting {
        name: "blocks",
        kind: Kind::Number { default: 1024, least: 1, most: 4096 },
        about: "live blocks of each worker",
    }],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

fn run(worker: &Worker<'_>) {
    let mut random = worker.random(0);
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    blocks.resize_with(worker.number("blocks") as usize, Vec::new);
    for number in 0_u64.. {
        let index = random.below(blocks.len());
        let old = &mut blocks[index];
        if let Some(last) = old.last_mut() {
            *last ^= worker.injection() as u8;
        }
        let mark = old.first().copied().unwrap_or(0);
        let wrong: u64 = old.iter().map(|&byte| u64::from((byte ^ mark).count_ones())).sum();
        worker.checked(wrong, format_args!("block {index}"));
        *old = Vec::new();
        let largest = 16 << random.below(9);
        let bytes = 16 + random.below(largest);
        let mut block = Vec::new();
        if block.try_reserve_exact(bytes).is_err() {
            return worker.no_resource(format_args!("no block of {bytes} bytes on the heap"));
        }
        block.resize(bytes, number as u8);
        blocks[index] = block;
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}

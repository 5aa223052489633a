//! The stressor `randlist`: follow a list whose nodes are in an order that looks random.
//!
//! Each visit to a node checks what the visit before wrote, and writes anew. One bogo operation is
//! 64 nodes visited (stress-ng: all of them).

use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, always, class};
use crate::vm::shuffled;
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "randlist",
    about: "follow a list through memory in random order, reading and writing each node",
    classes: class::MEMORY,
    settings: &[
        Setting {
            name: "items",
            kind: Kind::Number { default: 100_000, least: 2, most: 1 << 28 },
            about: "nodes of each list",
        },
        Setting {
            name: "size",
            kind: Kind::Number { default: 64, least: 16, most: 1 << 20 },
            about: "bytes of a node",
        },
    ],
    tick_shift: OPERATION.ilog2(),
    memory: Memory::Each(|options| {
        options.number("randlist", "items") * options.number("randlist", "size").next_multiple_of(8)
    }),
    checks: always,
    run,
    measures: &[],
};

/// Visits that make an operation.
const OPERATION: usize = 64;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let items = worker.number("items") as usize;
    let node_words = worker.number("size").div_ceil(8) as usize;
    // A node: number of the next one, data.
    let mut order = shuffled(items, worker.options.seed ^ worker.instance as u64).peekable();
    let head = order.peek().copied().unwrap_or_default();
    let mut built = 0;
    let mut go_on = true;
    while let Some(node) = order.next() {
        built += 1;
        // Out of time the list is as long as it has become.
        let next = if go_on { order.peek().copied().unwrap_or(head) } else { head };
        let words = &mut arena.words()[node * node_words..];
        (words[0], words[1]) = (next as u64, value(node, 0));
        if !go_on {
            break;
        }
        go_on = worker.go_on_preparing();
    }
    let mut visits = 0;
    let mut node = head;
    // At least once round, so that what was built is checked.
    while go_on || visits < built.max(OPERATION) {
        let round = (visits / built) as u64;
        let words = &mut arena.words()[node * node_words..];
        let found = words[1] ^ worker.injection();
        worker.expect(found, value(node, round), "a node");
        words[1] = value(node, round + 1);
        node = words[0] as usize % items;
        visits += 1;
        go_on = worker.step(1) && go_on;
    }
    worker.note_resident(&*arena);
    worker.finish();
}

fn value(node: usize, round: u64) -> u64 {
    mix((node as u64) << 32 ^ round)
}

//! The stressor `tree`: build a search tree and find every key in it.
//!
//! One bogo operation is 256 keys inserted or found (stress-ng: a whole tree of them). Nodes are in
//! demand-paged memory, in the order of insertion; keys are in an order that looks random.

use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "tree",
    about: "build a binary or AVL tree and search it; an operation is 256 keys",
    classes: class::CPU | class::MEMORY | class::SEARCH,
    settings: &[
        Setting {
            name: "size",
            kind: Kind::Number { default: 250_000, least: 1, most: 1 << 27 },
            about: "nodes of each tree",
        },
        Setting {
            name: "method",
            kind: Kind::Choice(&["all", "avl", "binary"]),
            about: "kind of tree",
        },
    ],
    tick_shift: OPERATION.ilog2(),
    memory: Memory::Each(|options| (options.number("tree", "size") + 1) * NODE as u64 * 8),
    checks: always,
    run,
    measures: &[],
};

/// Keys that make an operation.
const OPERATION: u64 = 256;

/// Words of a node: key, children, height. Node 0 is none.
const NODE: usize = 4;
const KEY: usize = 0;
const LEFT: usize = 1;
const RIGHT: usize = 2;
const HEIGHT: usize = 3;

/// Most nodes on the way down an AVL tree of as many nodes as there can be; a way down a binary
/// tree is not noted.
const WAY: usize = 48;

/// A tree.
struct Tree<'a> {
    words: &'a mut [u64],
    root: usize,
    balanced: bool,
}

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let size = worker.number("size");
    let balanced = |round: u64| match worker.choice("method") {
        "avl" => true,
        "binary" => false,
        _ => round.is_multiple_of(2),
    };
    for round in 0.. {
        let mut tree = Tree { words: arena.words(), root: 0, balanced: balanced(round) };
        let key = |number: u64| mix(round << 40 ^ (number + 1)) >> 1;
        let mut inserted = 0;
        let mut go_on = true;
        while go_on && inserted < size {
            tree.insert(inserted as usize + 1, key(inserted));
            inserted += 1;
            go_on = worker.step(1);
        }
        for number in 0..inserted {
            let found = tree.find(key(number)) ^ worker.injection();
            worker.expect(found, number + 1, "the node of a key");
            go_on = worker.step(1) && go_on;
        }
        worker.note_resident(&*arena);
        if !go_on {
            break;
        }
    }
    worker.finish();
}

impl Tree<'_> {
    fn get(&self, node: usize, field: usize) -> usize {
        self.words[node * NODE + field] as usize
    }

    fn set(&mut self, node: usize, field: usize, value: usize) {
        self.words[node * NODE + field] = value as u64;
    }

    /// The side on which a key is below a node.
    fn side(&self, node: usize, key: u64) -> usize {
        if key < self.words[node * NODE + KEY] { LEFT } else { RIGHT }
    }

    /// Number of the node with this key, or 0.
    fn find(&self, key: u64) -> u64 {
        let mut node = self.root;
        while node != 0 && self.words[node * NODE + KEY] != key {
            node = self.get(node, self.side(node, key));
        }
        node as u64
    }

    /// Inserts a node with a key that no other node has.
    fn insert(&mut self, new: usize, key: u64) {
        self.words[new * NODE..(new + 1) * NODE].copy_from_slice(&[key, 0, 0, 1]);
        let mut way = [0; WAY];
        let mut length = 0;
        let mut node = self.root;
        let mut parent = 0;
        while node != 0 {
            parent = node;
            if self.balanced {
                way[length] = node;
                length += 1;
            }
            node = self.get(node, self.side(node, key));
        }
        self.hang(parent, key, new);
        for at in (0..length).rev() {
            let top = self.balance(way[at]);
            let above = if at == 0 { 0 } else { way[at - 1] };
            self.hang(above, key, top);
        }
    }

    /// Makes `node` the child of `parent` on the side of the key, or the root.
    fn hang(&mut self, parent: usize, key: u64, node: usize) {
        if parent == 0 {
            self.root = node;
        } else {
            self.set(parent, self.side(parent, key), node);
        }
    }

    fn height(&self, node: usize) -> usize {
        if node == 0 { 0 } else { self.get(node, HEIGHT) }
    }

    fn measure(&mut self, node: usize) {
        let (left, right) = (self.get(node, LEFT), self.get(node, RIGHT));
        self.set(node, HEIGHT, 1 + self.height(left).max(self.height(right)));
    }

    /// Makes the heights below a node differ by at most one; answers the node that is on top then.
    fn balance(&mut self, node: usize) -> usize {
        let (left, right) = (self.height(self.get(node, LEFT)), self.height(self.get(node, RIGHT)));
        let (high, low) = match (left > right + 1, right > left + 1) {
            (true, _) => (LEFT, RIGHT),
            (_, true) => (RIGHT, LEFT),
            _ => {
                self.measure(node);
                return node;
            }
        };
        let child = self.get(node, high);
        if self.height(self.get(child, low)) > self.height(self.get(child, high)) {
            let turned = self.rotate(child, low, high);
            self.set(node, high, turned);
        }
        self.rotate(node, high, low)
    }

    /// Lifts the child on side `up` above the node; answers it.
    fn rotate(&mut self, node: usize, up: usize, down: usize) -> usize {
        let child = self.get(node, up);
        self.set(node, up, self.get(child, down));
        self.set(child, down, node);
        self.measure(node);
        self.measure(child);
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balanced_tree_is_low() {
        let mut words = alloc::vec![0; (5000 + 1) * NODE];
        let mut tree = Tree { words: &mut words, root: 0, balanced: true };
        (1..=5000).for_each(|node| tree.insert(node, node as u64));
        assert!((13..=18).contains(&tree.height(tree.root)), "{}", tree.height(tree.root));
        assert!((1..=5000).all(|node| tree.find(node) == node));
        assert_eq!(tree.find(6000), 0);
    }
}

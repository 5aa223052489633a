//! Damaged trees: refused with an error that says why, or read as something else, never a panic.

use boards::{Error, Machine, tree_size};
use proptest::prelude::*;

const TREES: [&[u8]; 4] = [
    include_bytes!("trees/virt-gicv2.dtb"),
    include_bytes!("trees/virt-gicv3.dtb"),
    include_bytes!("trees/rpi5.dtb"),
    include_bytes!("trees/generic.dtb"),
];

fn put(tree: &mut [u8], offset: usize, word: u32) {
    tree[offset..offset + 4].copy_from_slice(&word.to_be_bytes());
}

fn get(tree: &[u8], offset: usize) -> usize {
    u32::from_be_bytes(*tree[offset..].first_chunk().unwrap()) as usize
}

/// Where a text first is in a tree.
fn position(tree: &[u8], text: &str) -> usize {
    tree.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

/// The first tree with one text replaced by another of the same length.
fn replaced(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut tree = TREES[0].to_vec();
    let offset = position(&tree, from);
    tree[offset..offset + to.len()].copy_from_slice(to.as_bytes());
    tree
}

#[test]
fn header() {
    let tree = TREES[0].to_vec();
    assert_eq!(Machine::from_tree(&[]), Err(Error::Truncated { size: 56, given: 0 }));
    assert_eq!(Machine::from_tree(&[0; 64]), Err(Error::NotATree(0)));
    assert_eq!(
        Machine::from_tree(&tree[..1000]),
        Err(Error::Truncated { size: tree.len(), given: 1000 })
    );
    assert_eq!(tree_size(&[0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 55]), Err(Error::BadSize(55)));
    assert_eq!(tree_size(&[0xd0, 0x0d, 0xfe, 0xed, 0, 0x20, 0, 1]), Err(Error::BadSize(0x20_0001)));
    for (offset, word, error) in [
        (8, 0x7fff_fffc, Error::BadBlock("structure block")),
        (8, 58, Error::BadBlock("structure block")),
        (12, u32::MAX, Error::BadBlock("strings block")),
        (16, u32::MAX, Error::BadBlock("memory reservation block")),
        (16, 0, Error::BadBlock("memory reservation block")),
        (20, 16, Error::UnsupportedVersion { version: 16, oldest: 16 }),
        (24, 18, Error::UnsupportedVersion { version: 17, oldest: 18 }),
        (32, u32::MAX, Error::BadBlock("strings block")),
        (36, u32::MAX, Error::BadBlock("structure block")),
    ] {
        let mut damaged = tree.clone();
        put(&mut damaged, offset, word);
        assert_eq!(Machine::from_tree(&damaged), Err(error), "at {offset}");
    }
}

#[test]
fn structure() {
    let tree = TREES[0].to_vec();
    let structure = get(&tree, 8);
    for (offset, word, problem) in [
        (0, 2, "expected the root node"),
        (0, 77, "no such token"),
        (8, 9, "the end inside of a node"),
        (12, 0xffff, "the structure block is cut off"),
        (16, 0xffff, "a property without a name"),
    ] {
        let mut damaged = tree.clone();
        put(&mut damaged, structure + offset, word);
        let error = Machine::from_tree(&damaged).unwrap_err();
        assert!(
            matches!(error, Error::Damaged { problem: found, .. } if found == problem),
            "at {offset}: {error}"
        );
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| {
        let mut structure = Vec::new();
        for _ in 0..depth {
            structure.extend_from_slice(&[0, 0, 0, 1, b'n', 0, 0, 0]);
        }
        for _ in 0..depth {
            structure.extend_from_slice(&[0, 0, 0, 2]);
        }
        structure.extend_from_slice(&[0, 0, 0, 9]);
        let end = 56 + structure.len();
        let mut tree = vec![0; 56];
        let size = structure.len() as u32;
        for (index, word) in [0xd00d_feed, end as u32, 56, end as u32, 40, 17, 16, 0, 0, size]
            .into_iter()
            .enumerate()
        {
            put(&mut tree, index * 4, word);
        }
        tree.extend_from_slice(&structure);
        Machine::from_tree(&tree).unwrap_err()
    };
    assert_eq!(nested(16), Error::Missing("processors (/cpus)"));
    let problem = "nodes nested more than 16 deep";
    assert_eq!(nested(17), Error::Damaged { offset: 56 + 16 * 8, problem });
    assert_eq!(nested(100_000), Error::Damaged { offset: 56 + 16 * 8, problem });
}

#[test]
fn what_is_missing_is_named() {
    for (from, to, message) in [
        ("memory@4", "mem0ry@4", None),
        ("device_type", "device_tipe", Some("no RAM")),
        ("cpus", "gpus", Some("no processors")),
        ("arm,armv8-timer", "arm,armv9-timer", Some("no timer")),
        ("arm,cortex-a15-gic", "arm,cortex-a16-gic", Some("no interrupt controller")),
        ("hvc", "xyz", Some("\"hvc\" or \"smc\"")),
        ("linux,initrd-end", "linux,initrd-uwe", Some("linux,initrd-end")),
    ] {
        match (Machine::from_tree(&replaced(from, to)), message) {
            (Ok(_), None) => {}
            (Err(error), Some(message)) => {
                assert!(error.to_string().contains(message), "{from}: {error}");
            }
            (result, _) => panic!("{from}: {result:?}"),
        }
    }
}

/// The first tree with another value for the first property that has this value.
fn spliced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut tree = TREES[0].to_vec();
    let start = tree.windows(from.len()).position(|window| window == from).unwrap();
    let (old, new) = (from.len().next_multiple_of(4), to.len().next_multiple_of(4));
    let mut value = to.to_vec();
    value.resize(new, 0);
    tree.splice(start..start + old, value);
    put(&mut tree, start - 8, to.len() as u32);
    for field in [4, 12, 36] {
        let grown = get(&tree, field) + new - old;
        put(&mut tree, field, grown as u32);
    }
    tree
}

/// Pairs of address and size of the first tree's memory, two cells each.
fn cells(ranges: impl IntoIterator<Item = (u64, u64)>) -> Vec<u8> {
    ranges.into_iter().flat_map(|(a, b)| [a.to_be_bytes(), b.to_be_bytes()].concat()).collect()
}

#[test]
fn limits() {
    let arguments = b"granule=16k --vm 2\0";
    let text = |length: usize| {
        let mut text = vec![b'x'; length];
        text.push(0);
        Machine::from_tree(&spliced(arguments, &text)).map(|machine| machine.boot_arguments.len())
    };
    assert_eq!(text(4096), Ok(4096));
    assert_eq!(text(4097), Err(Error::BootArgumentsTooLong { length: 4097, limit: 4096 }));
    assert!(matches!(
        Machine::from_tree(&spliced(arguments, b"\xff\0")),
        Err(Error::BadProperty { property: "bootargs", .. })
    ));

    let bank = cells([(0x4000_0000, 0x2000_0000)]);
    let banks = |count: u64| {
        let ranges = cells((0..count).rev().map(|bank| (bank << 30, 1 << 20)));
        Machine::from_tree(&spliced(&bank, &ranges)).map(|machine| machine.memory.len())
    };
    assert_eq!(banks(16), Ok(16));
    assert_eq!(banks(17), Err(Error::TooMany { what: "RAM ranges", limit: 16 }));
    for (start, size) in [(u64::MAX, 2), (1, u64::MAX)] {
        let result = Machine::from_tree(&spliced(&bank, &cells([(start, size)])));
        assert!(matches!(result, Err(Error::BadProperty { node: "memory", .. })), "{result:?}");
    }
    // A piece that joins two others, and one that is inside.
    let ranges = cells([(0, 10), (30, 10), (60, 1), (10, 20), (5, 2), (100, 0)]);
    let machine = Machine::from_tree(&spliced(&bank, &ranges)).unwrap();
    assert_eq!(machine.memory, [0..40, 60..61]);
}

#[test]
fn virt_without_a_uart_has_its_fallback() {
    let mut tree = replaced("arm,pl011", "arm,pl012");
    let second = position(&tree, "arm,pl011");
    tree[second + 8] = b'2';
    let machine = Machine::from_tree(&tree).unwrap();
    assert_eq!(machine.console, boards::Board::Virt.fallback_console().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Machine::from_tree(&bytes).is_err());
    }

    /// A sound header in front of random tokens, most of them small numbers.
    #[test]
    fn random_structure(
        tokens in proptest::collection::vec(
            prop_oneof![8 => 0u32..10, 1 => any::<u32>()], 0..300
        ),
    ) {
        let mut tree = TREES[0].to_vec();
        let (start, size) = (get(&tree, 8), get(&tree, 36));
        for (index, token) in tokens.iter().enumerate().take(size / 4 - 2) {
            put(&mut tree, start + 8 + index * 4, *token);
        }
        let _ = Machine::from_tree(&tree);
    }

    #[test]
    fn truncated(tree in 0..TREES.len(), length in any::<prop::sample::Index>()) {
        let mut tree = TREES[tree].to_vec();
        let length = length.index(tree.len());
        tree.truncate(length);
        prop_assert!(Machine::from_tree(&tree).is_err());
        // The same with a header that admits it.
        if length >= 8 {
            put(&mut tree, 4, length as u32);
            let _ = Machine::from_tree(&tree);
        }
    }

    #[test]
    fn mutated_bytes(
        tree in 0..TREES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut tree = TREES[tree].to_vec();
        for (position, byte) in changes {
            let position = position.index(tree.len());
            tree[position] = byte;
        }
        let _ = Machine::from_tree(&tree);
    }

    /// Words behind the header take values that lengths, counts and tokens are sensitive to.
    #[test]
    fn mutated_words(
        tree in 0..TREES.len(),
        changes in proptest::collection::vec(
            (
                any::<prop::sample::Index>(),
                prop_oneof![0u32..20, Just(u32::MAX), Just(1 << 31), Just(0x7fff_ffff), any::<u32>()],
            ),
            1..10,
        ),
    ) {
        let mut tree = TREES[tree].to_vec();
        for (position, word) in changes {
            let position = 40 + position.index((tree.len() - 40) / 4) * 4;
            put(&mut tree, position, word);
        }
        let _ = Machine::from_tree(&tree);
    }

    /// Property values alone, so that the structure stays sound and the readers are reached.
    #[test]
    fn mutated_values(
        tree in 0..TREES.len(),
        changes in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()]),
            1..30,
        ),
    ) {
        let mut tree = TREES[tree].to_vec();
        let values = value_offsets(&tree);
        for (position, word) in changes {
            put(&mut tree, values[position.index(values.len())], word);
        }
        if let Err(error) = Machine::from_tree(&tree) {
            prop_assert!(!matches!(error, Error::Damaged { .. }), "{}", error);
        }
    }
}

/// Offsets of all words that are in property values.
fn value_offsets(tree: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut offset = get(tree, 8);
    loop {
        match get(tree, offset) {
            1 => {
                let name = &tree[offset + 4..];
                let length = name.iter().position(|byte| *byte == 0).unwrap() + 1;
                offset += 4 + length.next_multiple_of(4);
            }
            3 => {
                let (start, length) = (offset + 12, get(tree, offset + 4));
                offsets.extend((start..start + length / 4 * 4).step_by(4));
                offset = start + length.next_multiple_of(4);
            }
            9 => return offsets,
            _ => offset += 4,
        }
    }
}

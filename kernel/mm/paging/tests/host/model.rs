//! Random maps and unmaps against a map of intervals.

use std::collections::BTreeMap;
use std::ops::Range;

use paging::{
    Attributes, Error, Granule4K, Granule16K, PhysicalAddress, Tables, TranslationGranule,
};
use proptest::prelude::*;

use crate::memory::HostMemory;

/// What the tables should say: by first virtual address, length, first physical address and
/// attributes of disjoint mappings.
#[derive(Default)]
struct Model(BTreeMap<usize, (usize, u64, Attributes)>);

impl Model {
    fn translate(&self, address: usize) -> Option<(u64, Attributes)> {
        let (start, (length, physical, attributes)) = self.0.range(..=address).next_back()?;
        (address - start < *length).then_some((physical + (address - start) as u64, *attributes))
    }

    /// The first address of the range that is mapped.
    fn first_mapped(&self, range: &Range<usize>) -> Option<usize> {
        if self.translate(range.start).is_some() {
            return Some(range.start);
        }
        self.0.range(range.clone()).next().map(|(start, _)| *start)
    }

    /// The first address of the range that is not mapped.
    fn first_unmapped(&self, range: &Range<usize>) -> Option<usize> {
        let mut address = range.start;
        while address < range.end {
            match self.0.range(..=address).next_back() {
                Some((start, (length, ..))) if address < start + length => address = start + length,
                _ => return Some(address),
            }
        }
        None
    }

    fn unmap(&mut self, range: &Range<usize>) {
        for (start, (length, physical, attributes)) in std::mem::take(&mut self.0) {
            let end = start + length;
            let mut keep = |from: usize, to: usize| {
                if from < to {
                    let physical = physical + (from - start) as u64;
                    self.0.insert(from, (to - from, physical, attributes));
                }
            };
            keep(start, end.min(range.start));
            keep(start.max(range.end), end);
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Map { start: usize, length: usize, shift: u64, attributes: Attributes },
    Unmap { start: usize, length: usize },
}

/// Ranges around the border of a large block, in pages or in whole leaf-table spans, so that all
/// levels and their edges occur and operations meet.
fn ranges<G: TranslationGranule>() -> impl Strategy<Value = (usize, usize)> {
    let base = 1usize << 30;
    let span = G::LEAF_TABLE_SPAN;
    prop_oneof![
        (0..24usize, 1..12usize).prop_map(move |(start, pages)| (
            base - 12 * G::SIZE + start * G::SIZE,
            pages * G::SIZE
        )),
        (0..6usize, 1..4usize)
            .prop_map(move |(start, spans)| (base - 3 * span + start * span, spans * span)),
        (0..4usize, 0..4usize, 1..3usize).prop_map(move |(start, pages, spans)| {
            (base - 2 * span + start * span - pages * G::SIZE, spans * span + pages * G::SIZE)
        }),
        (0..3usize, 1..3usize).prop_map(move |(start, blocks)| (start * base, blocks * base)),
    ]
}

fn operations<G: TranslationGranule>() -> impl Strategy<Value = Vec<Operation>> {
    let page = G::SIZE as u64;
    // How far physical and virtual addresses are apart decides which blocks fit.
    let shift = prop_oneof![Just(0), Just(1 << 31), Just(G::LEAF_TABLE_SPAN as u64), Just(page)];
    let attributes =
        prop_oneof![Just(Attributes::TEXT), Just(Attributes::DATA), Just(Attributes::DEVICE)];
    let operation = prop_oneof![
        (ranges::<G>(), shift, attributes).prop_map(|((start, length), shift, attributes)| {
            Operation::Map { start, length, shift, attributes }
        }),
        ranges::<G>().prop_map(|(start, length)| Operation::Unmap { start, length }),
    ];
    // A gibibyte with odd addresses is 2^18 pages of 4 KiB: slow, and nothing new.
    let affordable = move |operation: &Operation| match operation {
        Operation::Map { length, shift, .. } => *length < 1 << 30 || *shift != page,
        Operation::Unmap { .. } => true,
    };
    proptest::collection::vec(operation.prop_filter("affordable", affordable), 1..24)
}

fn check<G: TranslationGranule>(operations: Vec<Operation>) {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let mut model = Model::default();
    for operation in operations {
        let (Operation::Map { start, length, .. } | Operation::Unmap { start, length }) = operation;
        let range = start..start + length;
        match operation {
            Operation::Map { shift, attributes, .. } => {
                let physical = start as u64 + shift;
                let expected = match model.first_mapped(&range) {
                    None => Ok(()),
                    Some(address) => {
                        let wanted = (physical + (address - start) as u64, attributes);
                        Err(if model.translate(address) == Some(wanted) {
                            Error::AlreadyMapped { address }
                        } else {
                            Error::BreakBeforeMake { address }
                        })
                    }
                };
                let found = tables.map(range.clone(), PhysicalAddress(physical), attributes);
                assert_eq!(found, expected, "{range:x?}");
                if expected.is_ok() {
                    model.0.insert(start, (length, physical, attributes));
                }
            }
            Operation::Unmap { .. } => match tables.unmap(range.clone()) {
                Ok(()) => {
                    assert_eq!(model.first_unmapped(&range), None, "{range:x?}");
                    assert_eq!(memory.take_invalidated(), std::slice::from_ref(&range));
                    model.unmap(&range);
                }
                Err(Error::NotMapped { address }) => {
                    assert_eq!(model.first_unmapped(&range), Some(address));
                }
                Err(Error::BreakBeforeMake { address }) => {
                    let block = tables.walk(address).covers;
                    assert!(block.len() > G::SIZE, "pages need no splitting");
                    assert!(block.start < range.start || block.end > range.end);
                }
                Err(other) => panic!("{other}"),
            },
        }
        for address in [start, start + length / 2, start + length - 1, start + length] {
            check_address(&tables, &model, address);
        }
    }
    check_everything(&tables, &model);
}

fn check_address<G: TranslationGranule>(
    tables: &Tables<&HostMemory<G>>,
    model: &Model,
    address: usize,
) {
    let expected = model.translate(address);
    assert_eq!(tables.translate(address).map(|physical| physical.0), expected.map(|(to, _)| to));
    let attributes = tables.walk(address).mapping().map(|mapping| mapping.attributes);
    assert_eq!(attributes, expected.map(|(_, attributes)| attributes), "{address:#x}");
}

/// Every leaf is in the model, and together they are all of it.
fn check_everything<G: TranslationGranule>(tables: &Tables<&HostMemory<G>>, model: &Model) {
    let mut mapped = 0;
    for leaf in tables.leaves() {
        let expected = Some((leaf.physical.0, leaf.attributes));
        assert_eq!(model.translate(leaf.virtual_start), expected);
        assert!(leaf.physical.0.is_multiple_of(leaf.size as u64), "output of a block is aligned");
        mapped += leaf.size;
    }
    assert_eq!(mapped, model.0.values().map(|(length, ..)| length).sum::<usize>());
    assert_eq!(tables.runs().map(|run| run.size).sum::<usize>(), mapped);
}

/// In empty tables no leaf could have been part of a larger block.
fn check_largest<G: TranslationGranule>(start: usize, length: usize, shift: u64) {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let range = start..start + length;
    let physical = PhysicalAddress(start as u64 + shift);
    tables.map(range.clone(), physical, Attributes::DATA).unwrap();
    for leaf in tables.leaves() {
        let level = tables.walk(leaf.virtual_start).level;
        if level == G::FIRST_BLOCK_LEVEL {
            continue;
        }
        let larger = leaf.size << G::BITS_PER_LEVEL;
        let block = leaf.virtual_start & !(larger - 1);
        let inside = range.start <= block && block + larger <= range.end;
        assert!(!inside || !shift.is_multiple_of(larger as u64), "{leaf}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    #[cfg_attr(miri, ignore = "a gibibyte of pages takes hours")]
    fn operations_match_the_model_with_4k(operations in operations::<Granule4K>()) {
        check::<Granule4K>(operations);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a gibibyte of pages takes hours")]
    fn operations_match_the_model_with_16k(operations in operations::<Granule16K>()) {
        check::<Granule16K>(operations);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a gibibyte of pages takes hours")]
    fn blocks_are_as_large_as_possible((start, length) in ranges::<Granule4K>(), far in any::<bool>()) {
        check_largest::<Granule4K>(start, length, if far { 1 << 31 } else { 1 << 21 });
    }

    #[test]
    #[cfg_attr(miri, ignore = "a gibibyte of pages takes hours")]
    fn blocks_are_as_large_as_possible_with_16k((start, length) in ranges::<Granule16K>()) {
        check_largest::<Granule16K>(start, length, 1 << 31);
    }
}

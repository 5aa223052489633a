//! Tables of 4 KiB pages against another implementation, the aarch64-paging crate.

use std::collections::BTreeMap;

use aarch64_paging::descriptor::{El1Attributes, PhysicalAddress as OraclePhysicalAddress};
use aarch64_paging::idmap::IdTranslation;
use aarch64_paging::paging::{Constraints, El1And0, MemoryRegion, RootTable, VaRange};
use paging::{Attributes, Granule4K, PhysicalAddress, Tables};
use proptest::prelude::*;

use crate::memory::HostMemory;

type Oracle = RootTable<El1And0, IdTranslation<El1Attributes>>;

/// Every valid entry by address: level and word. Of a table only the fact that it is one is
/// compared, because tables are elsewhere.
type Leaves = BTreeMap<usize, (u32, u64)>;

fn oracle_leaves(oracle: &Oracle, region: &MemoryRegion) -> Leaves {
    let mut leaves = Leaves::new();
    oracle
        .walk_range(region, &mut |part, descriptor, level| {
            if descriptor.is_valid() && (level == 3 || !descriptor.is_table_or_page()) {
                let bits = descriptor.output_address().0 | descriptor.flags().bits();
                leaves.insert(part.start().0, (level as u32, bits as u64));
            }
            Ok(())
        })
        .unwrap();
    leaves
}

fn our_leaves(tables: &Tables<&HostMemory<Granule4K>>) -> Leaves {
    let entry = |leaf: paging::Mapping| {
        let walk = tables.walk(leaf.virtual_start);
        (leaf.virtual_start, (walk.level, walk.bits))
    };
    tables.leaves().map(entry).collect()
}

/// Disjoint mappings in order of address: gap, length and distance of the physical address, all in
/// units of pages, spans of a leaf table or gibibytes.
fn mappings() -> impl Strategy<Value = Vec<(usize, usize, u64, Attributes)>> {
    let unit = prop_oneof![3 => Just(1usize << 12), 3 => Just(1 << 21), 1 => Just(1 << 30)];
    let length =
        (unit, 1..5usize, 0..3usize).prop_map(|(unit, count, pages)| unit * count + pages * 4096);
    let gap = prop_oneof![Just(0usize), Just(4096), Just(1 << 21), Just((1 << 30) - 4096)];
    let shift = prop_oneof![Just(0u64), Just(1 << 30), Just(5 << 21)];
    let attributes = prop_oneof![
        Just(Attributes::TEXT),
        Just(Attributes::RODATA),
        Just(Attributes::DATA),
        Just(Attributes::DEVICE)
    ];
    proptest::collection::vec((gap, length, shift, attributes), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    #[cfg_attr(miri, ignore = "the oracle makes pointers out of integers")]
    fn same_mappings_same_descriptors(mappings in mappings()) {
        let memory = HostMemory::<Granule4K>::new();
        let mut tables = Tables::new(&memory, 48).unwrap();
        let translation = IdTranslation::new();
        let mut oracle = Oracle::with_va_range(translation, 0, El1And0, VaRange::Lower);
        let mut start = 1 << 30;
        for (gap, length, shift, attributes) in mappings {
            start += gap;
            let (end, physical) = (start + length, start as u64 + shift);
            tables.map(start..end, PhysicalAddress(physical), attributes).unwrap();
            let flags = El1Attributes::from_bits_retain(attributes.bits() as usize);
            oracle
                .map_range(
                    &MemoryRegion::new(start, end),
                    OraclePhysicalAddress(physical as usize),
                    flags | El1Attributes::VALID,
                    Constraints::NO_CONTIGUOUS_HINT,
                )
                .unwrap();
            start = end;
        }
        let region = MemoryRegion::new(0, start + 4096);
        prop_assert_eq!(our_leaves(&tables), oracle_leaves(&oracle, &region));
    }
}

/// The names of the bits mean the same to both.
#[test]
fn attributes_have_their_architectural_places() {
    let pairs = [
        (Attributes::DEVICE_MEMORY, El1Attributes::ATTRIBUTE_INDEX_1),
        (Attributes::READ_ONLY, El1Attributes::READ_ONLY),
        (Attributes::INNER_SHAREABLE, El1Attributes::INNER_SHAREABLE),
        (Attributes::ACCESSED, El1Attributes::ACCESSED),
        (Attributes::PRIVILEGED_EXECUTE_NEVER, El1Attributes::PXN),
        (Attributes::UNPRIVILEGED_EXECUTE_NEVER, El1Attributes::UXN),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours.bits(), theirs.bits() as u64, "{ours:?}");
    }
}

//! Mapping, unmapping and walking, with descriptors spelled out from the Arm ARM.

use paging::{
    Attributes, Error, Granule4K, Granule16K, PhysicalAddress, Tables, TranslationGranule,
};

use crate::memory::HostMemory;

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;

crate::both_granules!(
    nothing_is_mapped_at_first,
    ranges_are_checked,
    what_is_mapped_is_not_mapped_again,
    other_translations_break_before_make,
    a_refused_mapping_changes_nothing,
    unmapping_is_all_or_nothing,
    unmapped_addresses_can_be_mapped_anew,
    neighbours_are_joined_in_a_dump,
);

fn tables<G: TranslationGranule>(memory: &HostMemory<G>) -> Tables<&HostMemory<G>> {
    Tables::new(memory, 40).unwrap()
}

/// Level and word at which the walk of an address ends.
fn end<G: TranslationGranule>(tables: &Tables<&HostMemory<G>>, address: usize) -> (u32, u64) {
    let walk = tables.walk(address);
    (walk.level, walk.bits)
}

#[test]
fn blocks_and_pages_of_4k() {
    let memory = HostMemory::<Granule4K>::new();
    let mut tables = tables(&memory);
    let start = GIB - 2 * MIB - 4096;
    let range = start..2 * GIB + 2 * MIB + 4096;
    tables.map(range, PhysicalAddress(start as u64), Attributes::DATA).unwrap();
    assert_eq!(end(&tables, start), (3, 0x0060_0000_3fdf_f703));
    assert_eq!(end(&tables, GIB - 2 * MIB), (2, 0x0060_0000_3fe0_0701));
    assert_eq!(end(&tables, GIB + 12345), (1, 0x0060_0000_4000_0701));
    assert_eq!(end(&tables, 2 * GIB), (2, 0x0060_0000_8000_0701));
    assert_eq!(end(&tables, 2 * GIB + 2 * MIB), (3, 0x0060_0000_8020_0703));
    assert_eq!(end(&tables, 2 * GIB + 2 * MIB + 4096), (3, 0));
    assert_eq!(tables.leaves().count(), 5);
}

#[test]
#[cfg_attr(miri, ignore = "the unsafe code is the same for both granules")]
fn blocks_and_pages_of_16k() {
    let memory = HostMemory::<Granule16K>::new();
    let mut tables = tables(&memory);
    let start = 32 * MIB - 16384;
    tables.map(start..64 * MIB, PhysicalAddress(start as u64), Attributes::TEXT).unwrap();
    assert_eq!(end(&tables, start), (3, 0x0040_0000_01ff_c783));
    assert_eq!(end(&tables, 32 * MIB), (2, 0x0040_0000_0200_0781));
    assert_eq!(end(&tables, 64 * MIB), (2, 0));
    // 64 GiB, which a level 1 entry covers, are 2048 blocks of level 2: there are none at level 1.
    let device = 64 * GIB;
    tables.map(device..2 * device, PhysicalAddress(1 << 36), Attributes::DEVICE).unwrap();
    assert_eq!(end(&tables, device + 33 * MIB), (2, 0x0060_0010_0200_0405));
    assert_eq!(tables.leaves().count(), 2 + 2048);
    assert_eq!(tables.runs().count(), 2);
    // The second of the two entries of the root.
    let high = 1 << 47;
    tables.map(high..high + 16384, PhysicalAddress(0), Attributes::RODATA).unwrap();
    assert_eq!(end(&tables, high), (3, 0x0060_0000_0000_0783));
}

fn nothing_is_mapped_at_first<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let tables = tables(&memory);
    assert_eq!(end(&tables, 0xffff_ffff_f000), (0, 0));
    assert_eq!(tables.translate(0), None);
    assert_eq!(tables.leaves().next(), None);
    assert_eq!(memory.in_use(), 1);
}

fn ranges_are_checked<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let size = G::SIZE;
    let mut map = |start: usize, end: usize, physical: u64, attributes| {
        tables.map(start..end, PhysicalAddress(physical), attributes).unwrap_err()
    };
    let (data, top) = (Attributes::DATA, 1 << 48);
    let alignment = size as u64;
    let misaligned = |value: usize| Error::Misaligned { value: value as u64, alignment };
    assert_eq!(map(size, size, 0, data), Error::VirtualRange { start: size, end: size });
    assert_eq!(map(size, 0, 0, data), Error::VirtualRange { start: size, end: 0 });
    let beyond = Error::VirtualRange { start: top - size, end: top + size };
    assert_eq!(map(top - size, top + size, 0, data), beyond);
    assert_eq!(map(512, size, 0, data), misaligned(512));
    assert_eq!(map(0, size + 512, 0, data), misaligned(size + 512));
    assert_eq!(map(0, size, 2048, data), misaligned(2048));
    let last = (1 << 40) - alignment;
    assert_eq!(map(0, 2 * size, last, data), Error::PhysicalRange { address: last });
    assert_eq!(
        map(0, size, !(alignment - 1), data),
        Error::PhysicalRange { address: !(alignment - 1) }
    );
    let both = Attributes::TEXT - Attributes::READ_ONLY;
    assert_eq!(map(0, size, 0, both), Error::WritableExecutable);
    assert_eq!(memory.in_use(), 1);
    tables.map(top - size..top, PhysicalAddress(last), data).unwrap();
    assert_eq!(tables.translate(top - 1), Some(PhysicalAddress((1 << 40) - 1)));
}

fn what_is_mapped_is_not_mapped_again<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let address = 5 * G::LEAF_TABLE_SPAN;
    let range = address..address + G::LEAF_TABLE_SPAN + G::SIZE;
    let physical = PhysicalAddress(address as u64);
    tables.map(range.clone(), physical, Attributes::DATA).unwrap();
    let again = tables.map(range, physical, Attributes::DATA - Attributes::ACCESSED);
    assert_eq!(again, Err(Error::AlreadyMapped { address }));
    // A part of a block, at the address it has already.
    let part = address + 3 * G::SIZE;
    let again = tables.map(part..part + G::SIZE, PhysicalAddress(part as u64), Attributes::DATA);
    assert_eq!(again, Err(Error::AlreadyMapped { address: part }));
}

fn other_translations_break_before_make<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let address = 5 * G::LEAF_TABLE_SPAN;
    let physical = PhysicalAddress(address as u64);
    let block = address..address + G::LEAF_TABLE_SPAN;
    tables.map(block.clone(), physical, Attributes::DATA).unwrap();
    let violation = Err(Error::BreakBeforeMake { address });
    let elsewhere = PhysicalAddress(0);
    assert_eq!(tables.map(block.clone(), elsewhere, Attributes::DATA), violation);
    assert_eq!(tables.map(block.clone(), physical, Attributes::RODATA), violation);
    // A page out of a live block: the block would have to be split.
    assert_eq!(tables.map(address..address + G::SIZE, physical, Attributes::RODATA), violation);
    assert_eq!(tables.unmap(address..address + G::SIZE), violation);
    let end = block.end - G::SIZE;
    assert_eq!(tables.unmap(end..block.end), Err(Error::BreakBeforeMake { address: end }));
    // Broken first, it can be made.
    tables.unmap(block.clone()).unwrap();
    assert_eq!(memory.take_invalidated(), std::slice::from_ref(&block));
    tables.map(address..address + G::SIZE, physical, Attributes::RODATA).unwrap();
    assert_eq!(tables.translate(address), Some(physical));
    assert_eq!(tables.translate(address + G::SIZE), None);
}

fn a_refused_mapping_changes_nothing<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let span = G::LEAF_TABLE_SPAN;
    // In the way at the end of the range: the beginning is not mapped either.
    tables.map(3 * span..3 * span + G::SIZE, PhysicalAddress(0), Attributes::DATA).unwrap();
    let before: Vec<_> = tables.leaves().collect();
    let synchronized = memory.synchronized();
    let range = span + G::SIZE..4 * span;
    let refused = tables.map(range.clone(), PhysicalAddress(0), Attributes::DATA);
    assert!(matches!(refused, Err(Error::BreakBeforeMake { .. })), "{refused:?}");
    assert!(tables.leaves().eq(before.clone()));
    // No memory for the second of two leaf tables.
    tables.unmap(3 * span..3 * span + G::SIZE).unwrap();
    memory.set_left(1);
    let range = 8 * span + G::SIZE..10 * span - G::SIZE;
    let refused = tables.map(range.clone(), PhysicalAddress(0), Attributes::DATA);
    assert_eq!(refused, Err(Error::NoTableMemory));
    assert_eq!(tables.leaves().count(), 0);
    assert_eq!(memory.synchronized(), synchronized, "nothing to see for hardware");
    memory.set_left(1);
    assert_eq!(tables.map(range, PhysicalAddress(0), Attributes::DATA), Ok(()));
    assert_eq!(memory.synchronized(), synchronized + 1);
}

fn unmapping_is_all_or_nothing<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let size = G::SIZE;
    tables.map(size..4 * size, PhysicalAddress(0), Attributes::DATA).unwrap();
    assert_eq!(tables.unmap(2 * size..5 * size), Err(Error::NotMapped { address: 4 * size }));
    assert_eq!(tables.unmap(size..size), Err(Error::VirtualRange { start: size, end: size }));
    assert!(matches!(tables.unmap(size + 8..2 * size), Err(Error::Misaligned { .. })));
    assert_eq!(tables.leaves().count(), 3);
    assert_eq!(memory.take_invalidated(), []);
    let hole = 2 * size..3 * size;
    tables.unmap(hole.clone()).unwrap();
    assert_eq!(memory.take_invalidated(), std::slice::from_ref(&hole));
    assert_eq!(tables.translate(2 * size), None);
    assert_eq!(tables.translate(3 * size), Some(PhysicalAddress(2 * size as u64)));
}

fn unmapped_addresses_can_be_mapped_anew<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    for physical in [0, G::SIZE as u64] {
        tables.map(0..G::SIZE, PhysicalAddress(physical), Attributes::DATA).unwrap();
        assert_eq!(tables.translate(8), Some(PhysicalAddress(physical + 8)));
        tables.unmap(0..G::SIZE).unwrap();
    }
    // Where a leaf table is left, a block cannot be: its pages are mapped one by one.
    let span = G::LEAF_TABLE_SPAN;
    tables.map(0..span, PhysicalAddress(0), Attributes::DATA).unwrap();
    assert_eq!(tables.walk(0).level, 3);
    assert_eq!(tables.leaves().count(), span / G::SIZE);
}

fn neighbours_are_joined_in_a_dump<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = tables(&memory);
    let size = G::SIZE;
    tables.map(0..2 * size, PhysicalAddress(0), Attributes::TEXT).unwrap();
    tables.map(2 * size..3 * size, PhysicalAddress(2 * size as u64), Attributes::RODATA).unwrap();
    tables.map(3 * size..5 * size, PhysicalAddress(3 * size as u64), Attributes::DATA).unwrap();
    tables.map(5 * size..6 * size, PhysicalAddress(0), Attributes::DATA).unwrap();
    tables.map(7 * size..8 * size, PhysicalAddress(size as u64), Attributes::DEVICE).unwrap();
    let runs: Vec<_> =
        tables.runs().map(|run| (run.virtual_start / size, run.size / size)).collect();
    assert_eq!(runs, [(0, 2), (2, 1), (3, 2), (5, 1), (7, 1)]);
    let lines: Vec<_> = tables.runs().map(|run| run.to_string()).collect();
    let rights: Vec<_> = lines.iter().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(rights, ["r-x", "r--", "rw-", "rw-", "rw-"]);
    let expected = format!("{:#014x}-{:#014x} -> {:#014x} r-x normal", 0, 2 * size, 0);
    assert_eq!(lines[0], expected);
    assert!(lines[4].ends_with("device"));
}

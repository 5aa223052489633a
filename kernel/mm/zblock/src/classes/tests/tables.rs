//! The descriptor tables and the choice of a type.

use std::vec::Vec;

use zpool::{AllocError, Granule, Granule4K, Granule16K};

use super::exact::Exact;
use crate::classes::policy::{Fixed, Policy, V4};
use crate::classes::table::Table;

const SLOT_SIZES_4K: [usize; 31] = [
    64, 120, 192, 264, 336, 400, 448, 504, 560, 624, 672, 736, 808, 904, 1016, 1128, 1256, 1360,
    1480, 1632, 1816, 1920, 2040, 2176, 2336, 2512, 2720, 2968, 3272, 3632, 4080,
];

const SLOT_SIZES_16K: [usize; 40] = [
    64, 88, 112, 144, 176, 216, 272, 320, 376, 440, 504, 600, 704, 856, 960, 1088, 1256, 1480,
    1632, 1808, 2040, 2176, 2336, 2512, 2720, 2968, 3264, 3632, 4088, 4360, 4672, 5032, 5456, 5952,
    6544, 7272, 8184, 9352, 10912, 13096,
];

fn slot_sizes(table: &Table) -> Vec<usize> {
    table.classes.iter().map(|class| class.slot_size).collect()
}

fn with_order(table: &Table, order: u32) -> usize {
    table.classes.iter().filter(|class| class.order == order).count()
}

#[test]
fn v4_has_the_slots_of_the_original() {
    let (small, large) = (Table::v4::<Granule4K>(), Table::v4::<Granule16K>());
    assert_eq!(slot_sizes(small), SLOT_SIZES_4K);
    assert_eq!(slot_sizes(large), SLOT_SIZES_16K);
    assert_eq!([0, 1, 2, 3].map(|order| with_order(small, order)), [10, 4, 9, 8]);
    assert_eq!([0, 1, 2, 3].map(|order| with_order(large, order)), [21, 8, 11, 0]);
    assert_eq!(small.classes[0].slots, 63);
    assert_eq!(large.classes[0].slots, 255);
}

#[test]
fn fixed_wastes_no_slot_and_ends_with_the_page() {
    fn check<G: Granule>() {
        for class in Table::fixed::<G>().classes {
            let used = class.header + class.slots * class.slot_size;
            let tail = (G::SIZE << class.order).checked_sub(used).unwrap();
            assert!(tail < class.slot_size, "{class:?}");
        }
        assert!(slot_sizes(Table::fixed::<G>()).is_sorted());
        assert_eq!(slot_sizes(Table::fixed::<G>()).last(), Some(&G::SIZE));
    }
    check::<Granule4K>();
    check::<Granule16K>();
    assert_eq!(Table::fixed::<Granule4K>().classes[1].slots, 33);
}

const INVALID: Result<usize, AllocError> = Err(AllocError::Invalid);
const NO_SPACE: Result<usize, AllocError> = Err(AllocError::NoSpace);

#[test]
fn boundaries_of_types_at_4k() {
    for (size, v4, exact) in [
        (0, INVALID, INVALID),
        (1, Ok(0), Ok(0)),
        (32, Ok(0), Ok(0)),
        (63, Ok(0), Ok(0)),
        (64, Ok(1), Ok(0)),
        (119, Ok(1), Ok(1)),
        (120, Ok(2), Ok(1)),
        (191, Ok(2), Ok(2)),
        (192, Ok(3), Ok(2)),
        (503, Ok(7), Ok(7)),
        (504, Ok(8), Ok(7)),
        (2000, Ok(22), Ok(22)),
        (2039, Ok(22), Ok(22)),
        (2040, Ok(23), Ok(22)),
        (2048, Ok(23), Ok(23)),
        (3272, Ok(29), Ok(28)),
        (3631, Ok(29), Ok(29)),
        (3632, Ok(30), Ok(29)),
        (4000, Ok(30), Ok(30)),
        (4079, Ok(30), Ok(30)),
        (4080, NO_SPACE, Ok(30)),
        (4095, NO_SPACE, NO_SPACE),
        (4096, INVALID, NO_SPACE),
        (4097, NO_SPACE, NO_SPACE),
    ] {
        assert_eq!(V4::class_for::<Granule4K>(size), v4, "v4, {size} bytes");
        assert_eq!(Exact::class_for::<Granule4K>(size), exact, "exact, {size} bytes");
    }
}

#[test]
fn boundaries_of_types_at_16k() {
    for (size, v4, exact) in [
        (63, Ok(0), Ok(0)),
        (64, Ok(1), Ok(0)),
        (87, Ok(1), Ok(1)),
        (88, Ok(2), Ok(1)),
        (2039, Ok(20), Ok(20)),
        (2040, Ok(21), Ok(20)),
        (4087, Ok(28), Ok(28)),
        (4088, Ok(29), Ok(28)),
        (8183, Ok(36), Ok(36)),
        (8184, Ok(37), Ok(36)),
        (10911, Ok(38), Ok(38)),
        (10912, Ok(39), Ok(38)),
        (13095, Ok(39), Ok(39)),
        (13096, NO_SPACE, Ok(39)),
        (16383, NO_SPACE, NO_SPACE),
        (16384, INVALID, NO_SPACE),
        (16385, NO_SPACE, NO_SPACE),
    ] {
        assert_eq!(V4::class_for::<Granule16K>(size), v4, "v4, {size} bytes");
        assert_eq!(Exact::class_for::<Granule16K>(size), exact, "exact, {size} bytes");
    }
}

/// Every type serves the sizes between the slot before and its own: below it in v4, up to it in
/// `fixed`, whose lookup table this compares with the plain definition.
#[test]
fn every_size_gets_the_smallest_slot() {
    fn check<G: Granule>() {
        for size in 1..=G::SIZE {
            let larger = slot_sizes(Table::v4::<G>()).iter().position(|&slot| slot > size);
            let fits = slot_sizes(Table::fixed::<G>()).iter().position(|&slot| slot >= size);
            if size < G::SIZE {
                assert_eq!(V4::class_for::<G>(size).ok(), larger, "v4, {size} bytes");
            }
            assert_eq!(Fixed::class_for::<G>(size).ok(), fits, "fixed, {size} bytes");
            assert!(fits.is_some(), "{size} bytes are refused");
        }
    }
    if cfg!(not(miri)) {
        check::<Granule4K>();
        check::<Granule16K>();
    }
}

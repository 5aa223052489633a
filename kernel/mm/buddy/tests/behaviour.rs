//! What the documentation promises, case by case.
#![expect(clippy::single_range_in_vec_init, reason = "boards with one RAM range")]

use buddy::{Buddy, Error, FrameInfo, Granule4K, Granule16K, MAX_RANGES};

type Buddy4K<'a> = Buddy<'a, Granule4K>;

const MIB: u64 = 1 << 20;

fn array(ram: &[core::ops::Range<u64>]) -> Vec<FrameInfo> {
    vec![FrameInfo::default(); Buddy4K::metadata_entries(ram)]
}

#[test]
fn metadata_is_8_bytes_for_each_whole_frame_of_the_ranges() {
    const RAM: [core::ops::Range<u64>; 2] = [0..0x3fc0_0000, 0x4000_0000..0x4_0000_0000];
    const BYTES: usize = Buddy4K::metadata_bytes(&RAM);
    let ram: u64 = RAM.iter().map(|range| range.end - range.start).sum();
    assert_eq!(BYTES as u64, ram / 4096 * 8);
    assert!(BYTES as u64 * 100 <= ram);
    assert_eq!(Buddy::<Granule16K>::metadata_bytes(&RAM) as u64, ram / 16384 * 8);
    assert_eq!(Buddy4K::metadata_entries(&[0x800..0x1800, 0x1800..0x3fff]), 1);
}

#[test]
fn low_addresses_first_then_last_in_first_out() {
    let ram = [0x8_0000..64 * MIB];
    let mut frames = array(&ram);
    let mut buddy = Buddy4K::new(&ram, &[], &mut frames).unwrap();
    let first = buddy.alloc(0).unwrap();
    let second = buddy.alloc(0).unwrap();
    assert_eq!((first, second), (0x8_0000, 0x8_1000));
    assert_eq!(buddy.alloc(10), Ok(4 * MIB));
    let third = buddy.alloc(0).unwrap();
    buddy.free(first, 0).unwrap();
    buddy.free(third, 0).unwrap();
    // `third` has merged with its buddy, `first` is the only block of order 0.
    assert_eq!(buddy.alloc(0), Ok(first));
}

#[test]
fn every_misuse_is_its_own_error() {
    let ram = [16 * MIB..32 * MIB];
    let mut frames = array(&ram);
    let mut buddy = Buddy4K::new(&ram, &[16 * MIB..16 * MIB + 1], &mut frames).unwrap();
    let block = buddy.alloc(3).unwrap();
    let before = buddy.statistics();
    for (address, order, error) in [
        (block, 11, Error::OrderTooLarge(11)),
        (block + 1, 3, Error::Unaligned(block + 1)),
        (32 * MIB, 0, Error::Foreign(32 * MIB)),
        (0, 0, Error::Foreign(0)),
        (u64::MAX << 12, 0, Error::Foreign(u64::MAX << 12)),
        (16 * MIB, 0, Error::Reserved(16 * MIB)),
        (block, 2, Error::WrongOrder { address: block, allocated: 3, given: 2 }),
        (block + 0x3000, 0, Error::InsideBlock { address: block + 0x3000, block }),
        (31 * MIB, 0, Error::DoubleFree(31 * MIB)),
        (28 * MIB, 10, Error::DoubleFree(28 * MIB)),
    ] {
        assert_eq!(buddy.free(address, order), Err(error));
    }
    assert_eq!(buddy.alloc(11), Err(Error::OrderTooLarge(11)));
    assert_eq!(buddy.statistics(), before);
    buddy.free(block, 3).unwrap();
    assert_eq!(buddy.free(block, 3), Err(Error::DoubleFree(block)));
}

#[test]
fn fragmentation_index() {
    let ram = [0..8 * MIB];
    let mut frames = array(&ram);
    let mut buddy = Buddy4K::new(&ram, &[], &mut frames).unwrap();
    assert_eq!(buddy.statistics().unusable_free_permille(10), 0);
    let pages: Vec<_> = (0..2048).map(|_| buddy.alloc(0).unwrap()).collect();
    assert_eq!(buddy.alloc(0), Err(Error::OutOfMemory(0)));
    assert_eq!(buddy.statistics().unusable_free_permille(0), 1000);
    assert_eq!(buddy.statistics().largest_free_order(), None);
    for page in pages.iter().filter(|page| *page / 4096 % 2 == 0) {
        buddy.free(*page, 0).unwrap();
    }
    let statistics = buddy.statistics();
    assert_eq!((statistics.free_frames, statistics.allocated_frames()), (1024, 1024));
    assert_eq!(statistics.unusable_free_permille(0), 0);
    assert_eq!(statistics.unusable_free_permille(1), 1000);
    // Two frames become one block of order 1: 1023 of 1025 free frames are in smaller ones.
    buddy.free(0x1000, 0).unwrap();
    assert_eq!(buddy.statistics().unusable_free_permille(1), 998);
    assert_eq!(buddy.statistics().largest_free_order(), Some(1));
}

#[test]
fn blocks_do_not_span_ranges() {
    let ram = [0..4 * MIB - 0x1000, 4 * MIB - 0x1000..8 * MIB];
    let mut frames = array(&ram);
    let mut buddy = Buddy4K::new(&ram, &[], &mut frames).unwrap();
    assert_eq!(buddy.alloc(10), Ok(4 * MIB));
    assert_eq!(buddy.alloc(10), Err(Error::OutOfMemory(10)));
}

#[test]
fn ranges_are_checked() {
    let mut frames = array(&[0..MIB]);
    let error = |ram: &[core::ops::Range<u64>], frames: &mut [FrameInfo]| {
        Buddy4K::new(ram, &[], frames).unwrap_err()
    };
    let many: Vec<_> = (0..17).map(|bank| bank * MIB..bank * MIB + 4096).collect();
    assert_eq!(error(&many, &mut frames), Error::TooManyRanges(MAX_RANGES + 1));
    assert_eq!(error(&[MIB..2 * MIB, 0..MIB], &mut frames), Error::UnorderedRanges(1));
    assert_eq!(error(&[0..MIB, 0xf_f000..2 * MIB], &mut frames), Error::UnorderedRanges(1));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let upside_down = [2 * MIB..MIB];
    assert_eq!(error(&upside_down, &mut frames), Error::UnorderedRanges(0));
    assert_eq!(error(&[0..1 << 40], &mut frames), Error::TooManyFrames(1 << 28));
    assert_eq!(
        error(&[0..2 * MIB], &mut frames),
        Error::FrameArrayTooShort { needed: 512, given: 256 }
    );
    let buddy = Buddy4K::new(&[], &[], &mut []).unwrap();
    assert_eq!(buddy.statistics().total_frames, 0);
}

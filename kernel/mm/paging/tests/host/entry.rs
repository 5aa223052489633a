//! Encodings of page-table-entry states.

use paging::{Attributes, Entry, Error, Length, Page, PhysicalAddress, Reference, RepeatedWord};
use proptest::prelude::*;

const LARGEST: u64 = (1 << 47) - 1;

fn reference() -> impl Strategy<Value = Reference> {
    (1..=LARGEST).prop_map(|bits| Reference::new(bits).unwrap())
}

fn entry() -> impl Strategy<Value = Entry> {
    let word = prop_oneof![
        any::<u64>().prop_map(|word| (word as i64 >> 4) as u64),
        any::<u32>().prop_map(|half| (u64::from(half) << 32) | u64::from(half)),
    ];
    prop_oneof![
        Just(Entry::Empty),
        Just(Entry::Busy),
        (reference(), 1..=Length::MAX).prop_map(|(handle, length)| Entry::Object {
            handle,
            length: Length::new(length).unwrap()
        }),
        word.prop_map(|word| Entry::Same(RepeatedWord::new(word).unwrap())),
        reference().prop_map(|handle| Entry::SameObject { handle }),
        reference().prop_map(|slot| Entry::Swapped { slot }),
        (0..1u64 << 36, any::<u64>()).prop_map(|(frame, attributes)| {
            let attributes = Attributes::from_bits_truncate(attributes);
            Entry::Present(Page::new(PhysicalAddress(frame << 12), attributes).unwrap())
        }),
    ]
}

/// Words in which every field is likely to be one of its extremes.
fn word() -> impl Strategy<Value = u64> {
    let field = prop_oneof![0..4u64, Just((1 << 14) - 1), 0..1u64 << 14];
    let handle = prop_oneof![0..2u64, Just(LARGEST), 0..=LARGEST];
    prop_oneof![
        any::<u64>(),
        (handle, field, 0..8u64).prop_map(|(handle, field, low)| handle << 17 | field << 3 | low)
    ]
}

/// Everything that holds of any word: decoding and encoding are inverse to each other, so that no
/// two states share a word; and hardware sees a page where we do.
fn check_word(bits: u64) {
    match Entry::from_bits(bits) {
        Ok(entry) => {
            assert_eq!(entry.bits(), bits, "{entry:?} has two encodings");
            assert_eq!(bits & 1 == 1, matches!(entry, Entry::Present(_)));
        }
        Err(error) => assert_eq!(error, Error::Corrupt { bits }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    #[cfg_attr(miri, ignore = "proptest asks for files; there is no unsafe code here")]
    fn every_entry_survives_its_encoding(entry in entry()) {
        prop_assert_eq!(Entry::from_bits(entry.bits()), Ok(entry));
    }

    #[test]
    #[cfg_attr(miri, ignore = "proptest asks for files; there is no unsafe code here")]
    fn every_word_is_one_entry_or_corrupt(bits in word()) {
        check_word(bits);
    }
}

#[test]
fn every_state_and_field_with_extreme_handles() {
    let handles = [0, 1, 1 << 31, 1 << 46, LARGEST];
    let fields = if cfg!(miri) { 4 } else { 1 << 14 };
    for low in 0..8 {
        for field in 0..fields {
            handles.iter().for_each(|handle| check_word(handle << 17 | field << 3 | low));
        }
    }
}

#[test]
fn every_length() {
    for length in (1..=Length::MAX).step_by(if cfg!(miri) { 1000 } else { 1 }) {
        let bits = Entry::object(LARGEST, length).unwrap().bits();
        assert_eq!(bits, LARGEST << 17 | (length as u64 - 1) << 3 | 1 << 1);
    }
    assert_eq!(Length::new(0), None);
    assert_eq!(Length::new(Length::MAX + 1), None);
}

#[test]
fn untouched_tables_are_empty_pages() {
    assert_eq!(Entry::from_bits(0), Ok(Entry::Empty));
    assert_eq!(Entry::Empty.bits(), 0);
}

#[test]
fn references_fit_47_bits() {
    assert_eq!(Reference::new(0), None);
    assert_eq!(Reference::new(1 << 47), None);
    assert_eq!(Reference::new(LARGEST).map(Reference::bits), Some(LARGEST));
}

#[test]
fn words_that_fit_and_words_that_do_not() {
    let fit = [0, 1, u64::MAX, 0x5555_5555_5555_5555, 0x8000_0000_8000_0000, 0x07ff_ffff_ffff_ffff];
    for word in fit {
        let entry = Entry::Same(RepeatedWord::new(word).expect("fits"));
        assert_eq!(Entry::from_bits(entry.bits()), Ok(entry));
    }
    for word in [0x0800_0000_0000_0000, 0x1234_5678_9abc_def0, 0x8000_0000_0000_0000] {
        assert_eq!(RepeatedWord::new(word), None, "{word:#x}");
    }
}

#[test]
fn frames_are_aligned_and_below_48_bits() {
    assert_eq!(Page::new(PhysicalAddress(0x800), Attributes::DATA), None);
    assert_eq!(Page::new(PhysicalAddress(1 << 48), Attributes::DATA), None);
}

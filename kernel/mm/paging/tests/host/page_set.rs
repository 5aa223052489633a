//! Sets of pages against an ordered set.

use std::collections::BTreeSet;

use paging::PageSet;
use proptest::prelude::*;

/// Enough for several words of the second level.
const PAGES: usize = 20_000;

#[test]
fn borders_of_words_are_found() {
    let set = PageSet::new(PAGES).unwrap();
    assert_eq!(set.next(0), None);
    let pages = [0, 63, 64, 4095, 4096, 8191, 12_288, PAGES - 1];
    for page in pages {
        set.insert(page);
    }
    let mut from = 0;
    for page in pages {
        assert_eq!(set.next(from), Some(page));
        from = page + 1;
    }
    assert_eq!(set.next(from), None);
    assert_eq!(set.next(usize::MAX), None);
    for page in pages {
        set.remove(page);
        assert_ne!(set.next(0), Some(page));
    }
    assert_eq!(set.next(0), None);
}

#[test]
fn numbers_beyond_the_end_are_ignored() {
    let set = PageSet::new(3).unwrap();
    set.insert(64);
    set.remove(64);
    assert_eq!(set.next(0), None);
    assert!(!set.contains(64));
    assert_eq!(PageSet::new(0).unwrap().next(0), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn finds_what_an_ordered_set_finds(
        steps in prop::collection::vec((any::<bool>(), 0..PAGES, 0..PAGES), 0..200),
    ) {
        let set = PageSet::new(PAGES).unwrap();
        let mut model = BTreeSet::new();
        for (add, page, from) in steps {
            if add {
                set.insert(page);
                model.insert(page);
            } else {
                // One that is there, if any is: misses teach little.
                let page = model.range(page..).next().copied().unwrap_or(page);
                set.remove(page);
                model.remove(&page);
            }
            prop_assert_eq!(set.next(from), model.range(from..).next().copied());
            prop_assert_eq!(set.contains(from), model.contains(&from));
        }
    }
}

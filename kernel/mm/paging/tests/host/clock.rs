//! Second chance, and the count of resident pages.

use std::cell::RefCell;

use paging::{Attributes, Clock, Entries, Entry, Page, PageEntry, PhysicalAddress, Residency};

/// Entries with gaps: entry N has the number 10 N.
struct Gaps {
    entries: Vec<PageEntry>,
    cleared: RefCell<Vec<usize>>,
}

impl Gaps {
    fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let entries = entries.into_iter().map(PageEntry::new).collect();
        Self { entries, cleared: RefCell::default() }
    }
}

impl Entries for Gaps {
    fn next(&self, from: usize) -> Option<(usize, &PageEntry)> {
        let index = from.div_ceil(10);
        Some((index * 10, self.entries.get(index)?))
    }

    fn cleared(&self, number: usize) {
        self.cleared.borrow_mut().push(number);
    }
}

fn present(frame: u64, accessed: bool) -> Entry {
    let page = Page::new(PhysicalAddress(frame << 14), Attributes::DATA).unwrap();
    Entry::Present(page.with_accessed(accessed))
}

#[test]
fn used_pages_get_a_second_chance() {
    let entries = Gaps::new([present(1, true), present(2, true), present(3, false)]);
    let clock = Clock::new();
    let scan = clock.step(&entries, 10);
    assert_eq!((scan.visited, scan.cleared), (3, 2));
    assert_eq!(*entries.cleared.borrow(), [0, 10]);
    let (number, victim) = scan.victim.expect("page 3 was not used");
    assert_eq!(number, 20);
    let (page, claim) = victim.invalidate(|| ());
    assert_eq!(page.frame(), PhysicalAddress(3 << 14));
    claim.publish(Entry::Empty);
    // The hand goes on: round to the first, which used up its chance.
    let scan = clock.step(&entries, 10);
    let (number, victim) = scan.victim.expect("page 1 was not used again");
    assert_eq!((number, scan.visited), (0, 1));
    victim.invalidate(|| ()).1.publish(Entry::Empty);
}

#[test]
fn pages_in_use_are_passed_over() {
    let entries = Gaps::new([present(1, true), present(2, true)]);
    let clock = Clock::new();
    assert!(clock.step(&entries, 2).victim.is_none());
    // Page 1 is used again, page 2 is not.
    let Ok(Entry::Present(page)) = entries.entries[0].load() else { panic!() };
    entries.entries[0].set_accessed(page).unwrap();
    let (number, victim) = clock.step(&entries, 2).victim.unwrap();
    assert_eq!(number, 10);
    victim.invalidate(|| ()).1.restore();
}

#[test]
fn what_is_not_present_is_passed_over() {
    let entries = Gaps::new([Entry::Empty, Entry::Busy, Entry::object(1, 1).unwrap()]);
    let scan = Clock::new().step(&entries, 7);
    assert_eq!((scan.visited, scan.cleared, scan.victim.is_none()), (7, 0, true));
}

#[test]
fn a_step_is_bounded_and_goes_on_where_it_stopped() {
    let entries = Gaps::new((0..100).map(|frame| present(frame, true)));
    let clock = Clock::new();
    for step in 0..10 {
        let scan = clock.step(&entries, 10);
        assert_eq!((scan.visited, scan.cleared), (10, 10));
        assert_eq!(entries.cleared.borrow().len(), 10 * (step + 1));
    }
    let scan = clock.step(&entries, 10);
    assert_eq!(scan.visited, 1);
    assert_eq!(scan.victim.unwrap().0, 0);
}

#[test]
fn no_entries_no_steps() {
    let entries = Gaps::new([]);
    let scan = Clock::new().step(&entries, 10);
    assert_eq!((scan.visited, scan.victim.is_none()), (0, true));
}

#[test]
fn every_page_has_its_turn() {
    let entries = Gaps::new((0..50).map(|frame| present(frame, frame % 3 == 0)));
    let clock = Clock::new();
    let mut evicted = Vec::new();
    while let Some((number, victim)) = clock.step(&entries, 100).victim {
        victim.invalidate(|| ()).1.publish(Entry::Empty);
        evicted.push(number / 10);
    }
    let unused = (0..50).filter(|page| page % 3 != 0);
    let used = (0..50).filter(|page| page % 3 == 0);
    assert_eq!(evicted, unused.chain(used).collect::<Vec<_>>());
}

#[test]
fn residency_counts_to_its_limit() {
    let residency = Residency::new(2);
    assert!(residency.try_reserve());
    assert!(residency.try_reserve());
    assert!(!residency.try_reserve());
    assert_eq!(residency.resident_pages(), 2);
    residency.set_limit_pages(1);
    assert_eq!(residency.excess_pages(), 1);
    assert!(residency.release());
    assert!(!residency.try_reserve());
    assert!(residency.release());
    assert!(!residency.release(), "more releases than pages");
    assert_eq!(residency.resident_pages(), 0);
}

#[test]
fn residency_is_exact_across_threads() {
    let (threads, rounds, limit) = (4, if cfg!(miri) { 50 } else { 20_000 }, 3);
    let residency = Residency::new(limit);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    if residency.try_reserve() {
                        assert!(residency.resident_pages() <= limit);
                        assert!(residency.release());
                    }
                }
            });
        }
    });
    assert_eq!(residency.resident_pages(), 0);
}

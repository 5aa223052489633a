//! Transitions of an entry, one core. Races are Loom's (tests/loom.rs).

use paging::{Attributes, Entry, Error, Fault, Page, PageEntry, PhysicalAddress, Reference};

fn page() -> Page {
    Page::new(PhysicalAddress(0x4000_0000), Attributes::DATA).unwrap()
}

fn object(handle: u64) -> Entry {
    Entry::object(handle, 1234).unwrap()
}

#[test]
fn a_fault_claims_what_is_not_mapped() {
    for before in [Entry::Empty, object(7)] {
        let entry = PageEntry::new(before);
        let Ok(Fault::Claimed(claim)) = entry.fault() else { panic!("{before:?}") };
        assert_eq!(claim.before(), before);
        assert_eq!(entry.load(), Ok(Entry::Busy));
        assert!(matches!(entry.fault(), Ok(Fault::Wait)), "a second fault waits");
        claim.publish(Entry::Present(page()));
        assert!(matches!(entry.fault(), Ok(Fault::Present(found)) if found == page()));
    }
}

#[test]
fn a_fault_sets_the_access_flag() {
    let entry = PageEntry::new(Entry::Present(page().with_accessed(false)));
    assert!(matches!(entry.fault(), Ok(Fault::Present(found)) if found.accessed()));
    assert_eq!(entry.load(), Ok(Entry::Present(page())));
}

#[test]
fn a_fault_reports_corruption() {
    let corrupt = 0x6;
    let entry = PageEntry::new(Entry::Empty);
    entry.word().store(corrupt, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(entry.fault(), Err(Error::Corrupt { bits }) if bits == corrupt));
}

#[test]
fn eviction_needs_a_page_that_was_not_used() {
    let entry = PageEntry::new(Entry::Present(page()));
    assert_eq!(entry.evict(page()).err(), Some(Entry::Present(page())));
    assert_eq!(entry.clear_accessed(page()), Ok(page().with_accessed(false)));
    let mut invalidated = false;
    let victim = entry.evict(page()).unwrap();
    assert_eq!(entry.load(), Ok(Entry::Busy), "unmapped before it is invalidated");
    let (found, claim) = victim.invalidate(|| invalidated = true);
    assert!(invalidated);
    assert_eq!(found.frame(), page().frame());
    claim.publish(object(9));
    assert_eq!(entry.load(), Ok(object(9)));
    assert_eq!(entry.evict(page()).err(), Some(object(9)));
}

#[test]
fn a_victim_that_is_restored_counts_as_used() {
    let entry = PageEntry::new(Entry::Present(page().with_accessed(false)));
    let (_, claim) = entry.evict(page()).unwrap().invalidate(|| ());
    claim.restore();
    assert_eq!(entry.load(), Ok(Entry::Present(page())));
}

#[test]
fn a_claim_tolerates_the_access_flag_and_nothing_else() {
    let entry = PageEntry::new(Entry::Present(page()));
    let claim = entry.claim(Entry::Present(page().with_accessed(false))).unwrap();
    assert_eq!(claim.before(), Entry::Present(page()));
    claim.restore();
    let other = Page::new(PhysicalAddress(0x5000_0000), Attributes::DATA).unwrap();
    assert_eq!(entry.claim(Entry::Present(other)).err(), Some(Entry::Present(page())));
    assert_eq!(entry.claim(Entry::Empty).err(), Some(Entry::Present(page())));
}

#[test]
fn nobody_claims_a_busy_page() {
    let entry = PageEntry::new(Entry::Busy);
    assert_eq!(entry.claim(Entry::Busy).err(), Some(Entry::Busy));
    assert_eq!(entry.clear_accessed(page()).err(), Some(Entry::Busy));
    assert_eq!(entry.load(), Ok(Entry::Busy));
}

#[test]
fn relocation_follows_only_its_object() {
    let (old, new) = (Reference::new(7).unwrap(), Reference::new(8).unwrap());
    let entry = PageEntry::new(object(7));
    assert_eq!(entry.relocate(old, new), Ok(()));
    assert_eq!(entry.load(), Ok(object(8)), "with the length it had");
    assert_eq!(entry.relocate(old, new), Err(object(8)));
    let claim = entry.claim(object(8)).unwrap();
    assert_eq!(entry.relocate(new, old), Err(Entry::Busy));
    claim.publish(Entry::SameObject { handle: old });
    assert_eq!(entry.relocate(old, new), Ok(()));
    assert_eq!(entry.load(), Ok(Entry::SameObject { handle: new }));
    let entry = PageEntry::new(Entry::Swapped { slot: old });
    assert_eq!(entry.relocate(old, new), Err(Entry::Swapped { slot: old }), "no object");
}

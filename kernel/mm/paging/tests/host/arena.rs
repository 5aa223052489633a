//! Arenas: all tables there beforehand, and given back.

use std::sync::atomic::{AtomicUsize, Ordering};

use paging::{
    Attributes, Clock, Entry, Error, Fault, Page, PhysicalAddress, Tables, TranslationGranule,
};

use crate::memory::HostMemory;

crate::both_granules!(
    every_page_has_an_entry,
    a_present_page_is_walked_by_hardware,
    arenas_do_not_overlap_anything,
    release_gives_leaf_tables_back,
    release_refuses_to_lose_pages,
    out_of_memory_leaves_no_leaf_table,
    the_clock_goes_round_an_arena,
    an_arena_starts_at_a_span,
    faults_from_many_threads_are_served_once,
);

/// Above everything identity-mapped.
const START: usize = 0x4000_0000_0000;

fn pages<G: TranslationGranule>() -> usize {
    G::ENTRIES + 3
}

fn range<G: TranslationGranule>() -> std::ops::Range<usize> {
    START..START + pages::<G>() * G::SIZE
}

fn page(frame: usize) -> Page {
    Page::new(PhysicalAddress((frame as u64) << 14), Attributes::DATA).unwrap()
}

fn every_page_has_an_entry<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let arena = tables.reserve(range::<G>()).unwrap();
    assert_eq!((arena.pages(), arena.range()), (pages::<G>(), range::<G>()));
    assert_eq!(memory.in_use(), 3 + 2, "root, levels 1 and 2, and two leaf tables");
    assert_eq!(arena.entries().count(), pages::<G>());
    assert!(arena.entries().all(|(_, entry)| entry.load() == Ok(Entry::Empty)));
    for (number, _) in arena.entries().step_by(97) {
        let address = arena.address_of_page(number).unwrap();
        assert_eq!(arena.page_of_address(address + G::SIZE - 1), Some(number));
        let object = Entry::object(number as u64 + 1, 1).unwrap();
        arena.entry(address + 5).unwrap().claim(Entry::Empty).unwrap().publish(object);
        assert_eq!(arena.entry_of_page(number).unwrap().load(), Ok(object));
        assert_eq!(tables.walk(address).bits, object.bits());
        assert_eq!(tables.walk(address).mapping(), None);
    }
    assert!(arena.entry(START - 1).is_none());
    assert!(arena.entry(range::<G>().end).is_none(), "the rest of the last leaf table");
    assert_eq!(arena.address_of_page(pages::<G>()), None);
    assert_eq!(arena.page_of_address(range::<G>().end), None);
}

fn a_present_page_is_walked_by_hardware<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let arena = tables.reserve(range::<G>()).unwrap();
    let Ok(Fault::Claimed(claim)) = arena.entry(START).unwrap().fault() else { panic!() };
    claim.publish(Entry::Present(page(9)));
    assert_eq!(tables.walk(START).level, 3);
    assert_eq!(tables.walk(START).bits, 0x0060_0000_0002_4703);
    assert_eq!(tables.translate(START + 8), Some(PhysicalAddress((9 << 14) + 8)));
    assert_eq!(tables.translate(START + G::SIZE), None);
}

fn arenas_do_not_overlap_anything<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let span = G::LEAF_TABLE_SPAN;
    let _arena = tables.reserve(range::<G>()).unwrap();
    let reserved = Error::Reserved { address: START + span };
    assert_eq!(tables.reserve(START + span..START + 2 * span).err(), Some(reserved));
    let address = range::<G>().end;
    let data = Attributes::DATA;
    let refused = tables.map(address..address + G::SIZE, PhysicalAddress(0), data);
    assert_eq!(refused, Err(Error::Reserved { address }), "the rest of the last leaf table");
    assert_eq!(tables.unmap(START..START + G::SIZE), Err(Error::Reserved { address: START }));
    // A block and a page are in the way.
    let other = START + 16 * span;
    tables.map(other..other + span, PhysicalAddress(0), data).unwrap();
    let page = other + 3 * span + G::SIZE;
    tables.map(page..page + G::SIZE, PhysicalAddress(0), data).unwrap();
    let taken = |address| Some(Error::AlreadyMapped { address });
    assert_eq!(tables.reserve(other - span..other + span).err(), taken(other));
    assert_eq!(tables.reserve(other + span..other + 4 * span).err(), taken(other + 3 * span));
    assert!(tables.reserve(other + span..other + 3 * span).is_ok());
}

fn release_gives_leaf_tables_back<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    for _ in 0..3 {
        let arena = tables.reserve(range::<G>()).unwrap();
        assert_eq!(memory.in_use(), 5);
        tables.release(arena).unwrap();
        assert_eq!(memory.in_use(), 3, "root and levels 1 and 2 stay");
        assert_eq!(memory.take_invalidated(), [range::<G>()]);
        assert_eq!(tables.walk(START).bits, 0);
    }
    tables.map(range::<G>(), PhysicalAddress(0), Attributes::DATA).unwrap();
    assert_eq!(tables.walk(START).level, 2, "free for a block again");
}

fn release_refuses_to_lose_pages<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let arena = tables.reserve(range::<G>()).unwrap();
    let last = pages::<G>() - 1;
    let address = arena.address_of_page(last).unwrap();
    arena.entry(address).unwrap().claim(Entry::Empty).unwrap().publish(Entry::Present(page(1)));
    let (arena, error) = tables.release(arena).unwrap_err();
    assert_eq!(error, Error::NotEmpty { address });
    // The compiler sees to it that no claim is alive; one that was forgotten is found here.
    arena.entry(address).unwrap().word().store(Entry::Busy.bits(), Ordering::Relaxed);
    let (arena, error) = tables.release(arena).unwrap_err();
    assert_eq!(error, Error::NotEmpty { address });
    arena.entry(address).unwrap().word().store(0, Ordering::Relaxed);
    tables.release(arena).unwrap();
}

fn out_of_memory_leaves_no_leaf_table<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    memory.set_left(3);
    assert_eq!(tables.reserve(range::<G>()).err(), Some(Error::NoTableMemory));
    assert_eq!(memory.in_use(), 3);
    memory.set_left(2);
    assert!(tables.reserve(range::<G>()).is_ok());
}

fn the_clock_goes_round_an_arena<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let arena = tables.reserve(range::<G>()).unwrap();
    for number in [0, 2, pages::<G>() - 1] {
        let claim = arena.entry_of_page(number).unwrap().claim(Entry::Empty).unwrap();
        claim.publish(Entry::Present(page(number)));
    }
    let clock = Clock::new();
    let scan = clock.step(&arena, arena.pages());
    assert_eq!((scan.visited, scan.cleared, scan.victim.is_none()), (pages::<G>(), 3, true));
    for number in [0, 2, pages::<G>() - 1] {
        let (found, victim) = clock.step(&arena, arena.pages()).victim.unwrap();
        let (page, claim) = victim.invalidate(|| ());
        assert_eq!((found, page.frame().0 >> 14), (number, number as u64));
        claim.publish(Entry::Empty);
    }
    tables.release(arena).unwrap();
}

fn an_arena_starts_at_a_span<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let start = START + G::SIZE;
    let alignment = G::LEAF_TABLE_SPAN as u64;
    let refused = tables.reserve(start..start + G::SIZE).err();
    assert_eq!(refused, Some(Error::Misaligned { value: start as u64, alignment }));
    let mut others = Tables::new(&memory, 48).unwrap();
    let arena = others.reserve(range::<G>()).unwrap();
    let (arena, error) = tables.release(arena).unwrap_err();
    assert_eq!(error, Error::ForeignArena);
    others.release(arena).unwrap();
}

fn faults_from_many_threads_are_served_once<G: TranslationGranule>() {
    let memory = HostMemory::<G>::new();
    let mut tables = Tables::new(&memory, 48).unwrap();
    let count = if cfg!(miri) { 10 } else { pages::<G>() };
    let arena = tables.reserve(START..START + count * G::SIZE).unwrap();
    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for (number, entry) in arena.entries() {
                    loop {
                        match entry.fault().unwrap() {
                            Fault::Claimed(claim) => {
                                served.fetch_add(1, Ordering::Relaxed);
                                claim.publish(Entry::Present(page(number)));
                            }
                            Fault::Present(found) => break assert_eq!(found, page(number)),
                            Fault::Wait => std::thread::yield_now(),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(served.into_inner(), count);
}

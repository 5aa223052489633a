//! Races for a page-table entry, every interleaving of them.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p paging --release --test loom`
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;
use paging::{
    Attributes, Clock, Entries, Entry, Fault, Page, PageEntry, PageSet, PhysicalAddress, Reference,
    Residency,
};

const VALUE: u64 = 0x5eed;

fn page(accessed: bool) -> Page {
    Page::new(PhysicalAddress(0x4000_0000), Attributes::DATA).unwrap().with_accessed(accessed)
}

fn reference(bits: u64) -> Reference {
    Reference::new(bits).unwrap()
}

fn object(handle: u64) -> Entry {
    Entry::object(handle, 100).unwrap()
}

/// Memory whose accesses have to be ordered by the entry; Loom finds the ones that are not.
struct Bytes(UnsafeCell<u64>);

// SAFETY: Loom checks every access.
unsafe impl Sync for Bytes {}
// SAFETY: as above.
unsafe impl Send for Bytes {}

impl Bytes {
    fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn read(&self) -> u64 {
        // SAFETY: Loom fails the test when someone writes at the same time.
        self.0.with(|value| unsafe { *value })
    }

    fn write(&self, new: u64) {
        // SAFETY: Loom fails the test when someone else accesses it at the same time.
        self.0.with_mut(|value| unsafe { *value = new });
    }
}

/// One page, its frame, and the pool's place for it.
struct World {
    entry: PageEntry,
    frame: Bytes,
    object: Bytes,
    /// The translation cache of the one core that uses the page: held from the walk to the
    /// access, so that to take it is to wait for an invalidation to complete.
    translation: Mutex<()>,
}

impl World {
    fn new(entry: Entry, frame: u64, object: u64) -> Arc<Self> {
        Arc::new(Self {
            entry: PageEntry::new(entry),
            frame: Bytes::new(frame),
            object: Bytes::new(object),
            translation: Mutex::new(()),
        })
    }

    /// What hardware does: walk, set the Access flag, access. `None` is a fault.
    fn access(&self, access: impl FnOnce(&Bytes)) -> Option<()> {
        let _translation = self.translation.lock().unwrap();
        let Ok(Entry::Present(page)) = self.entry.load() else { return None };
        if !page.accessed() && self.entry.set_accessed(page).is_err() {
            return None;
        }
        access(&self.frame);
        Some(())
    }

    /// What the fault handler does, with this one frame.
    fn fault(&self) -> bool {
        let Ok(fault) = self.entry.fault() else { panic!("corrupt") };
        let Fault::Claimed(claim) = fault else { return false };
        match claim.before() {
            Entry::Empty => self.frame.write(0),
            Entry::Object { .. } => self.frame.write(self.object.read()),
            other => panic!("{other:?}"),
        }
        claim.publish(Entry::Present(page(true)));
        true
    }

    /// What the reclaimer does once it has chosen the page.
    fn evict(&self, refuse: bool) -> bool {
        let Ok(victim) = self.entry.evict(page(false)) else { return false };
        let (_, claim) = victim.invalidate(|| drop(self.translation.lock().unwrap()));
        if refuse {
            claim.restore();
        } else {
            self.object.write(self.frame.read());
            self.frame.write(0xdead);
            claim.publish(object(1));
        }
        true
    }

    /// What the page holds, wherever it is.
    fn value(&self) -> u64 {
        match self.entry.load() {
            Ok(Entry::Present(_)) => self.frame.read(),
            Ok(Entry::Object { .. }) => self.object.read(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn two_faults_do_the_work_once() {
    for before in [Entry::Empty, object(1)] {
        loom::model(move || {
            let world = World::new(before, 0xdead, VALUE);
            let expected = if before == Entry::Empty { 0 } else { VALUE };
            let run = |world: Arc<World>| {
                let served = world.fault();
                // Only a page that is there is looked at; the other core may be at it still.
                world.access(|frame| assert_eq!(frame.read(), expected));
                served
            };
            let other = thread::spawn({
                let world = Arc::clone(&world);
                // Another core has its own cache: walks only order with the entry.
                move || {
                    let served = world.fault();
                    if let Ok(Entry::Present(_)) = world.entry.load() {
                        assert_eq!(world.frame.read(), expected);
                    }
                    served
                }
            });
            let served = run(Arc::clone(&world));
            assert_ne!(other.join().unwrap(), served, "exactly one served it");
            assert_eq!(world.value(), expected);
        });
    }
}

#[test]
fn a_write_is_not_lost_to_an_eviction() {
    for refuse in [false, true] {
        loom::model(move || {
            let world = World::new(Entry::Present(page(true)), VALUE, 0xdead);
            let reclaimer = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    // The core may have walked before and access after: hence the invalidation.
                    let _ = world.entry.clear_accessed(page(true));
                    world.evict(refuse)
                }
            });
            let write = |frame: &Bytes| {
                assert_eq!(frame.read(), VALUE);
                frame.write(VALUE + 1);
            };
            let mut written = world.access(write).is_some();
            if !written {
                // The fault brings it back, unless the reclaimer still has it.
                let _ = world.fault();
                written = world.access(write).is_some();
            }
            reclaimer.join().unwrap();
            assert_eq!(world.value(), if written { VALUE + 1 } else { VALUE });
        });
    }
}

#[test]
fn a_fault_and_an_eviction_meet_on_a_compressed_page() {
    loom::model(|| {
        let world = World::new(object(1), 0xdead, VALUE);
        let reclaimer = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                if let Ok(Entry::Present(found)) = world.entry.load() {
                    let _ = world.entry.clear_accessed(found);
                }
                world.evict(false)
            }
        });
        world.fault();
        world.access(|frame| assert_eq!(frame.read(), VALUE));
        reclaimer.join().unwrap();
        assert_eq!(world.value(), VALUE);
    });
}

#[test]
fn a_claim_sees_what_was_published() {
    loom::model(|| {
        let world = World::new(Entry::Empty, 0xdead, 0xdead);
        let publisher = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                let claim = world.entry.claim(Entry::Empty).unwrap();
                world.frame.write(VALUE);
                claim.publish(Entry::Present(page(false)));
                if let Ok(claim) = world.entry.claim(Entry::Present(page(false))) {
                    world.object.write(VALUE);
                    claim.publish(object(1));
                }
            }
        });
        // Without a look at the entry first: the exchange alone orders.
        if let Ok(victim) = world.entry.evict(page(false)) {
            assert_eq!(world.frame.read(), VALUE);
            victim.invalidate(|| ()).1.publish(Entry::Empty);
        } else if let Ok(claim) = world.entry.claim(object(1)) {
            assert_eq!(world.object.read(), VALUE);
            claim.publish(Entry::Empty);
        }
        publisher.join().unwrap();
    });
}

#[test]
fn a_page_is_evicted_once() {
    loom::model(|| {
        let world = World::new(Entry::Present(page(false)), VALUE, 0xdead);
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || world.evict(false)
        });
        let evicted = world.evict(false);
        assert_ne!(other.join().unwrap(), evicted, "exactly one evicted it");
        assert_eq!(world.value(), VALUE);
    });
}

#[test]
fn the_access_flag_does_not_make_a_claim_fail() {
    loom::model(|| {
        let entry = Arc::new(PageEntry::new(Entry::Present(page(false))));
        let hardware = thread::spawn({
            let entry = Arc::clone(&entry);
            move || entry.set_accessed(page(false)).is_ok()
        });
        let claim = entry.claim(Entry::Present(page(false))).expect("only the flag moved");
        let Entry::Present(before) = claim.before() else { panic!() };
        claim.publish(Entry::Empty);
        let set = hardware.join().unwrap();
        assert_eq!(set, before.accessed(), "a flag that was set is in the claim");
        assert_eq!(entry.load(), Ok(Entry::Empty), "no flag on an entry that is not present");
    });
}

/// A pool that moves its object from place 1 to place 2.
struct Places {
    entry: PageEntry,
    places: [Bytes; 2],
}

impl Places {
    fn new() -> Arc<Self> {
        let places = [Bytes::new(VALUE), Bytes::new(0xdead)];
        Arc::new(Self { entry: PageEntry::new(object(1)), places })
    }

    /// Copies, points the entry at the copy, and lets others have whichever place is left over.
    fn relocate(&self) -> bool {
        self.places[1].write(self.places[0].read());
        let moved = self.entry.relocate(reference(1), reference(2)).is_ok();
        if moved {
            self.places[0].write(0xdead);
        } else {
            self.places[1].write(0xdead);
        }
        moved
    }

    fn read(&self, entry: Entry) -> u64 {
        let Entry::Object { handle, .. } = entry else { panic!("{entry:?}") };
        self.places[handle.bits() as usize - 1].read()
    }
}

#[test]
fn a_load_and_a_relocation_agree_on_the_place() {
    for publish_page in [true, false] {
        loom::model(move || {
            let pool = Places::new();
            let compactor = thread::spawn({
                let pool = Arc::clone(&pool);
                move || pool.relocate()
            });
            if let Ok(Fault::Claimed(claim)) = pool.entry.fault() {
                assert_eq!(pool.read(claim.before()), VALUE);
                if publish_page {
                    claim.publish(Entry::Present(page(true)));
                } else {
                    // No frame for it: the object stays, and may be moved from now on.
                    claim.restore();
                }
            }
            compactor.join().unwrap();
            match pool.entry.load() {
                Ok(Entry::Present(_)) => assert!(publish_page),
                Ok(entry) => assert_eq!(pool.read(entry), VALUE),
                Err(error) => panic!("{error}"),
            }
        });
    }
}

struct Two([PageEntry; 2]);

impl Entries for Two {
    fn next(&self, from: usize) -> Option<(usize, &PageEntry)> {
        Some((from, self.0.get(from)?))
    }
}

#[test]
fn two_reclaimers_never_get_the_same_victim() {
    loom::model(|| {
        let present = || PageEntry::new(Entry::Present(page(false)));
        let shared = Arc::new((Clock::new(), Two([present(), present()])));
        let step = |shared: &(Clock, Two)| {
            let (number, victim) = shared.0.step(&shared.1, 2).victim?;
            victim.invalidate(|| ()).1.publish(object(1));
            Some(number)
        };
        let other = thread::spawn({
            let shared = Arc::clone(&shared);
            move || step(&shared)
        });
        let (mine, theirs) = (step(&shared), other.join().unwrap());
        assert!(mine.is_some() || theirs.is_some());
        assert_ne!(mine, theirs);
    });
}

#[test]
fn residency_never_exceeds_its_limit() {
    loom::model(|| {
        let residency = Arc::new(Residency::new(1));
        let other = thread::spawn({
            let residency = Arc::clone(&residency);
            move || residency.try_reserve()
        });
        let mine = residency.try_reserve();
        assert_ne!(other.join().unwrap(), mine, "exactly one fits");
        assert_eq!(residency.resident_pages(), 1);
    });
}

#[test]
fn a_resident_page_is_found_whatever_others_remove() {
    loom::model(|| {
        let set = Arc::new(PageSet::new(64).unwrap());
        set.insert(1);
        let other = thread::spawn({
            let set = Arc::clone(&set);
            move || set.remove(1)
        });
        set.insert(2);
        assert_eq!(set.next(2), Some(2));
        other.join().unwrap();
        assert_eq!(set.next(0), Some(2));
    });
}

#[test]
fn both_levels_agree_in_the_end() {
    loom::model(|| {
        let set = Arc::new(PageSet::new(128).unwrap());
        set.insert(65);
        let other = thread::spawn({
            let set = Arc::clone(&set);
            move || set.remove(65)
        });
        set.insert(66);
        other.join().unwrap();
        assert_eq!(set.next(0), Some(66), "found through the second level");
    });
}

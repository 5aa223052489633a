//! The compressed store: damage, recompression, and no room anywhere.

use report::{Outcome as StressorOutcome, StoreCounters};
use zlab::vm::Machine;

use crate::machine::{
    GRANULES, TemporaryFile, Words, assert_line, expect, incompressible, machine, stressor, succeed,
};

/// Pages of arenas and of keys, all checked.
const BOTH: &str = "--vm 1 --vm-method corpus --vm-bytes 4M --vm-ops 2000 --zswap 1 --zswap-bytes 1M \
                    --zswap-ops 300 --timeout 0 --verify";

fn counters(machine: &Machine) -> StoreCounters {
    let (document, _) = succeed(machine);
    document.memory.store.expect("a kernel has a store")
}

/// With a checksum damage is seen wherever it is. The worker is ended; nobody sees a wrong byte.
#[test]
fn damaged_objects_are_reported_and_not_shown() {
    for (granule, _) in GRANULES {
        for point in ["3", "90", "200+"] {
            let words = format!("granule={granule} checksum=1 fail-object={point} {BOTH}");
            let outcome = expect(2, &machine().with(&words));
            assert_line(&outcome, &["zlab: fail:", "damaged"]);
            assert!(!outcome.text().contains("bits wrong"), "{outcome}");
            let document = outcome.document().expect("the system goes on to its report");
            let store = document.memory.store.expect("a kernel has a store");
            assert!(store.damaged > 0, "{outcome}");
        }
        let words = format!(
            "granule={granule} checksum=1 fail-object=50+ --vm 1 --vm-method corpus --vm-bytes 4M \
             --vm-ops 2000 --timeout 0 --verify"
        );
        let outcome = expect(2, &machine().with(&words));
        assert_line(&outcome, &["zlab: error: the store's copy of page", "is damaged"]);
        assert_line(&outcome, &["zlab: fail:", "vm", "a page of it is lost"]);
        let document = outcome.document().expect("the system goes on to its report");
        assert_eq!(stressor(&document, "vm").outcome(), StressorOutcome::Failed, "{outcome}");
    }
}

/// Without damage a checksum changes nothing but the room it takes.
#[test]
fn checksums_are_kept() {
    let store = counters(&machine().with(&format!("checksum=1 {BOTH}")));
    assert_eq!((store.damaged, store.stored_incompressible_pages), (0, 0), "{store:?}");
    assert!(store.zswpin > 0, "{store:?}");
}

/// Pages kept as they are at first, and compressed when they turn out to be cold.
#[test]
fn cold_pages_are_recompressed() {
    for (granule, _) in GRANULES {
        let words = format!(
            "granule={granule} compressor=none recompress=lz4 recompress-after=20ms --vm 1 \
             --vm-method corpus --vm-bytes 16M --vm-ops 8000 --timeout 0 --verify"
        );
        let store = counters(&machine().with(&words));
        assert!(store.recompressed_pages > 0, "{granule}: {store:?}");
        assert!(store.recompress_saved_bytes > 0, "{granule}: {store:?}");
        assert_eq!(store.damaged, 0, "{granule}: {store:?}");
    }
    // The same for pages of keys, which come back as they were.
    for (granule, _) in GRANULES {
        let words = format!(
            "granule={granule} compressor=none recompress=lz4 recompress-after=20ms --zswap 1 \
             --zswap-bytes 32M --zswap-ops 12000 --timeout 0 --verify"
        );
        let store = counters(&machine().with(&words));
        assert!(store.recompressed_pages > 0, "{granule}: {store:?}");
        assert!(store.recompress_saved_bytes > 0, "{granule}: {store:?}");
        assert_eq!(store.damaged, 0, "{granule}: {store:?}");
    }
    // Objects of fewer bytes are left alone.
    let words = "compressor=none recompress=lz4 recompress-after=20ms recompress-least=5000 --vm 1 \
                 --vm-method corpus --vm-bytes 4M --vm-ops 2000 --timeout 0";
    let store = counters(&machine().with(words));
    assert_eq!((store.recompressed_pages, store.recompress_poor), (0, 0), "{store:?}");
}

/// Pool and second tier both full: the workers are ended, and the run ends.
#[test]
fn no_room_anywhere_ends_the_run() {
    for (granule, _) in GRANULES {
        let words = format!(
            "granule={granule} swap-ram=2M --max-pool-percent 1 --vm 2 --vm-method corpus --vm-bytes \
             24M --resident 4M --zswap 1 --zswap-bytes 8M --zswap-ops 2000 --timeout 0 --verify"
        );
        let outcome = expect(3, &machine().memory(256 << 20).with(&words));
        assert_line(&outcome, &["zlab: fail:", "vm", "a page fault found no memory"]);
        let document = outcome.document().expect("the system goes on to its report");
        let store = document.memory.store.expect("a kernel has a store");
        assert!(store.swap_full > 0, "{outcome}");
    }
}

/// Operations asked for that never come: nothing is stored, and there is no time limit.
#[test]
fn refused_pages_end_a_run_by_themselves() {
    let corpus = TemporaryFile::new("never", &incompressible(1 << 20));
    let machine = machine().file("corpus", corpus.path());
    expect(7, &machine.with("zpool=zbud --zswap 1 --zswap-bytes 1M --zswap-ops 100 --timeout 0"));
}

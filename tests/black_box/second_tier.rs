//! The second tier behind the compressed store: a disk, a part of RAM, and both failing.

use report::StoreCounters;
use zlab::vm::{Machine, SwapDisk};

use crate::machine::{GRANULES, Words, assert_line, cores, expect, machine, run, succeed};

/// Three times as much as may be resident, and a pool for a fraction of it: one percent of RAM.
/// As many operations as it takes to fill the pool twice over, however long they take.
const PRESSURE: &str = "--vm 2 --vm-method corpus --vm-bytes 12M --resident 4M --max-pool-percent 1 \
                        --vm-ops 8000 --timeout 0 --verify";

fn counters(machine: &Machine) -> StoreCounters {
    let (document, outcome) = succeed(machine);
    let store = document.memory.store.expect("a kernel has a store");
    assert!(document.memory.paging.loaded > 0, "{outcome}");
    assert_eq!(document.memory.paging.refused, 0, "what the pool refuses is swapped\n{outcome}");
    assert_eq!((store.damaged, store.swap_write_fail, store.swap_read_fail), (0, 0, 0));
    store
}

/// Pages go to the disk, by themselves and written back, and come back whole. In real time: the
/// disk does not count instructions.
#[test]
fn pages_survive_a_disk() {
    for (granule, _) in GRANULES {
        let words = format!("granule={granule} {PRESSURE}");
        let machine = cores(2).memory(256 << 20).icount(false).with(&words);
        let store = counters(&machine.swap_disk(SwapDisk::Bytes(32 << 20)));
        assert!(store.pswpout > 0 && store.pswpin > 0, "{granule}: {store:?}");
        assert!(store.zswpwb >= store.written_back_pages, "{granule}: {store:?}");
    }
}

#[test]
fn pages_survive_a_part_of_ram() {
    for (granule, page_size) in GRANULES {
        let words = format!(
            "granule={granule} swap-ram=32M --zswap 1 --zswap-bytes 8M --zswap-ops {} {PRESSURE}",
            2 * (8 << 20) / page_size
        );
        let store = counters(&machine().memory(256 << 20).with(&words));
        assert!(store.pswpout > 0 && store.pswpin > 0, "{granule}: {store:?}");
        assert!(store.written_back_pages > 0, "{granule}: {store:?}");
        assert_eq!(
            store.zswpout,
            store.loaded_pages
                + store.invalidated_pages
                + store.written_back_pages
                + store.stored_pages,
            "{granule}: {store:?}"
        );
    }
}

/// A page that cannot be written stays; one that cannot be read ends its worker. Nobody sees a
/// wrong byte, and the system goes on to its report.
#[test]
fn a_disk_may_fail() {
    let with = |point: &str| {
        machine().memory(256 << 20).with(&format!("swap-ram=32M fail-disk={point} {PRESSURE}"))
    };
    let outcome = run(&with("1"));
    let document = outcome.document().expect("the system goes on");
    let store = document.memory.store.expect("a kernel has a store");
    assert_eq!((store.swap_write_fail, store.swap_read_fail), (1, 0), "{outcome}");
    assert_eq!(outcome.status(), 0, "{outcome}");

    let outcome = run(&with("400+"));
    assert!([2, 3].contains(&outcome.status()), "{outcome}");
    assert!(outcome.document().is_ok(), "{outcome}");
    assert!(!outcome.text().contains("bits wrong"), "{outcome}");
}

/// Whichever allocation of a page frame fails, nothing panics and no byte is wrong.
#[test]
fn frames_may_fail() {
    for point in ["3", "40", "900", "1500", "2500+", "4000"] {
        let words = format!(
            "fail-frame={point} --vm 1 --vm-method corpus --vm-bytes 2M --vm-ops 600 --zpool 1 \
             --zpool-bytes 512k --zpool-ops 150 --zswap 1 --zswap-bytes 2M --zswap-ops 500 --fault 1 \
             --fault-ops 1600 --madvise 1 --madvise-ops 12 --mremap 1 --mremap-bytes 256k \
             --mremap-ops 40 --timeout 0 --verify"
        );
        let outcome = run(&machine().with(&words));
        assert!([0, 3].contains(&outcome.status()), "{point}\n{outcome}");
        assert_line(&outcome, &["zlab: verdict: "]);
        assert!(!outcome.text().contains("books"), "{point}\n{outcome}");
        assert!(!outcome.text().contains("nothing was made to fail"), "{point}\n{outcome}");
    }
}

/// The launcher builds what the image lacks; what was built without it refuses.
#[test]
fn a_compressor_that_is_not_built_in_is_refused() {
    let outcome = expect(4, &machine().with("compressor=zstd --vm 1"));
    assert_line(&outcome, &["zlab: error:", "built without compressor zstd"]);
    for word in ["compressor=lzo", "recompress=lzo"] {
        let outcome = expect(1, &machine().with(&format!("{word} --vm 1")));
        assert_line(&outcome, &["zlab: error:", word, "lz4, none", "zstd[:LEVEL]", "lz4rip"]);
    }
}

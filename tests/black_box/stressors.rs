//! Every stressor on every allocator, each page checked, in both page sizes.

use report::{Document, Outcome, Status};
use zlab::vm::Machine;
use zpool::Granule4K;
use zpool::testing::HostEnv;

use crate::machine::{
    GRANULES, TemporaryFile, Words, cores, incompressible, machine, stressor, succeed,
};

/// Runs to success; every instance of every stressor did work, checked it, found nothing wrong.
fn checked(machine: &Machine) -> Document {
    let (document, outcome) = succeed(machine);
    assert_eq!(document.verdict.status, Status::Success, "{outcome}");
    assert!(!document.stressors.is_empty(), "{outcome}");
    for stressor in &document.stressors {
        assert!(stressor.bogo_ops() > 0, "{}\n{outcome}", stressor.name);
        assert_eq!(stressor.verify_errors(), 0, "{}\n{outcome}", stressor.name);
        for instance in &stressor.instances {
            assert_eq!(instance.outcome, Outcome::Passed, "{}\n{outcome}", stressor.name);
            assert!(instance.checks > 0, "{}\n{outcome}", stressor.name);
        }
    }
    document
}

/// All stressors at once on each allocator.
fn on_every_allocator(granule: &str) {
    let environment = HostEnv::<Granule4K>::new();
    for backend in backends::all::<&HostEnv<Granule4K>>() {
        drop((backend.create)(&environment).map_err(|error| panic!("{}: {error}", backend.name)));
        let words = format!(
            "granule={granule} zpool={} --vm 1 --vm-method corpus --vm-bytes 1M --zpool 1 \
             --zpool-bytes 512k --zswap 1 --zswap-bytes 512k --timeout 400ms --verify",
            backend.name
        );
        let document = checked(&machine().with(&words));
        assert_eq!(document.settings.zpool, backend.name);
        let names: Vec<_> = document.stressors.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["vm", "zpool", "zswap"], "{}", backend.name);
        let paging = document.memory.paging;
        assert!(paging.stored > 0 && paging.loaded > 0, "{}: {paging:?}", backend.name);
        let store = document.memory.store.expect("a kernel has a store");
        assert_eq!(store.damaged, 0, "{}", backend.name);
        let pool = document.memory.pool.expect("a store has a pool");
        assert!(pool.objects > 0, "{}: {pool:?}", backend.name);
        let density = pool.density(document.machine.page_size);
        assert!(density > 0.0 && density <= 1.0, "{}: density {density}", backend.name);
    }
}

#[test]
fn all_of_them_on_every_allocator_with_4k_pages() {
    on_every_allocator("4k");
}

#[test]
fn all_of_them_on_every_allocator_with_16k_pages() {
    on_every_allocator("16k");
}

/// Pages of which the allocator has one in a frame, so that each one forgotten releases a frame; it
/// gives frames back later. None of them is missing when the run is over.
#[test]
fn frames_released_last_are_given_back() {
    let corpus: Vec<u8> = incompressible(1 << 20)
        .chunks(4096)
        .flat_map(|noise| noise[..2304].iter().copied().chain([0; 4096 - 2304]))
        .collect();
    let corpus = TemporaryFile::new("halves", &corpus);
    for backend in ["z3fold", "zbud", "zblock", "zsmalloc"] {
        let words = format!("zpool={backend} --zswap 1 --zswap-bytes 4M --zswap-ops 1024 --verify");
        checked(&machine().file("corpus", corpus.path()).with(&words));
    }
}

/// The idle thread does background work of the pool, and has no core to itself while workers run:
/// the pool is kept dense nevertheless.
#[test]
fn pools_stay_dense_while_no_core_is_idle() {
    let words = "--vm 2 --vm-method corpus --vm-bytes 48M --resident 12M --vm-ops 60000";
    let document = checked(&machine().with(words));
    let pool = document.memory.pool.expect("a store has a pool");
    let density = pool.density(document.machine.page_size);
    assert!(density > 0.9, "density {density}: {pool:?}");
}

/// A store of its own leaves background work behind, and its frames are found all the same.
#[test]
fn books_balance_with_work_left_over() {
    checked(&machine().with("zpool=z3fold --zswap 1 --zswap-bytes 4M --timeout 300ms"));
}

/// Two that want the codec for every page, and one that never does: none gets less than
/// a tenth of the core.
#[test]
fn equal_workers_share_a_core() {
    let words = "--vm 1 --vm-method corpus --vm-bytes 1M --zswap 1 --zswap-bytes 512k --zpool 1 \
                 --zpool-bytes 512k --timeout 600ms";
    let document = checked(&machine().with(words));
    for stressor in &document.stressors {
        let share =
            (stressor.user_seconds() + stressor.system_seconds()) / document.elapsed_seconds();
        assert!(share > 0.1, "{} had {share} of the core", stressor.name);
    }
}

/// One that sleeps, and one of the same priority that never does: when the sleeper wakes up, they take
/// turns of 10 ms.
#[test]
fn who_wakes_up_has_a_turn_among_equals() {
    let words = "--clock 1 --vm 1 --vm-method corpus --vm-bytes 4M --timeout 600ms --verify";
    let document = checked(&machine().with(words));
    let clock = stressor(&document, "clock").bogo_ops();
    assert!(clock > 20, "{clock} turns");
}

/// Methods whose data compresses, under pressure: a quarter of the memory may be resident.
#[test]
fn vm_methods_under_memory_pressure() {
    for (granule, page_size) in GRANULES {
        for method in ["zero-one", "rand-set", "incdec", "walk-1d", "flip", "gray", "checkerboard"]
        {
            let words = format!(
                "granule={granule} --vm 1 --vm-method {method} --vm-bytes {} --timeout 20ms --verify",
                64 * page_size
            );
            let document = checked(&machine().with(&words));
            let vm = stressor(&document, "vm");
            assert_eq!(vm.method.as_deref(), Some(method));
            let paging = document.memory.paging;
            assert!(paging.stored > 0 && paging.loaded > 0, "{granule} {method}: {paging:?}");
            assert_eq!(paging.resident_max_pages, 16, "{granule} {method}");
        }
    }
}

/// Every method in turn under pressure, those whose data does not compress too.
#[test]
fn vm_method_all_takes_every_method() {
    for (granule, page_size) in GRANULES {
        let words = format!(
            "granule={granule} --vm 1 --vm-method all --vm-bytes {} --timeout 2s --verify",
            8 * page_size
        );
        let document = checked(&machine().with(&words));
        assert!(document.memory.paging.loaded > 0, "{granule}: {:?}", document.memory.paging);
        let store = document.memory.store.expect("a kernel has a store");
        assert_eq!((document.memory.paging.refused, store.reject_compress_fail), (0, 0));
        let vm = stressor(&document, "vm");
        let loops = vm.metrics.iter().find(|metric| metric.name.contains("method loops"));
        let loops = loops.expect("vm counts its loops").value;
        assert!(loops > 34.0, "{granule}: {loops} loops");
    }
}

#[test]
fn more_workers_than_cores() {
    for (granule, page_size) in GRANULES {
        let words = format!(
            "granule={granule} --vm 5 --vm-method corpus --vm-bytes {} --vm-ops 500 --zpool 2 \
             --zpool-bytes 256k --zpool-ops 200 --zswap 2 --zswap-bytes 256k --zswap-ops 200 \
             --verify",
            5 * 32 * page_size
        );
        let document = checked(&cores(3).with(&words));
        assert_eq!(document.machine.cpus, 3);
        let counts: Vec<_> = document.stressors.iter().map(|one| one.instances.len()).collect();
        assert_eq!(counts, [5, 2, 2]);
        assert_eq!(stressor(&document, "zpool").bogo_ops(), 200, "{granule}");
        assert_eq!(stressor(&document, "zswap").bogo_ops(), 200, "{granule}");
    }
}

/// With one worker and one loop the figures determine each other.
#[test]
fn counters_of_the_report_agree() {
    for (granule, page_size) in GRANULES {
        const PAGES: u64 = 256;
        let words = format!(
            "granule={granule} --vm 1 --vm-method corpus --vm-keep --vm-bytes {} --vm-ops {} \
             --verify",
            PAGES * page_size,
            // 4 KiB are one operation: every page is filled, half of them are changed.
            3 * PAGES * page_size / 8192
        );
        let document = checked(&machine().with(&words));
        let paging = document.memory.paging;
        assert_eq!(paging.minor_faults, PAGES, "each page is touched: {paging:?}");
        assert_eq!(paging.limit_pages, PAGES / 4, "{paging:?}");
        assert_eq!(paging.resident_max_pages, PAGES / 4, "{paging:?}");
        assert_eq!(paging.resident_pages, PAGES / 4, "{paging:?}");
        assert_eq!(paging.major_faults, paging.loaded, "{paging:?}");
        assert_eq!(paging.evictions, paging.stored, "{paging:?}");
        let stored_now = paging.stored - paging.loaded;
        assert_eq!(stored_now, PAGES - PAGES / 4, "what is not resident is stored: {paging:?}");

        let store = document.memory.store.expect("a kernel has a store");
        assert_eq!((store.zswpout, store.zswpin), (paging.stored, paging.loaded), "{store:?}");
        assert_eq!(store.stored_pages, stored_now, "{store:?}");
        let refusals = store.reject_compress_fail + store.reject_compress_poor;
        assert_eq!(paging.refused, refusals, "{store:?}");

        let pool = document.memory.pool.expect("a store has a pool");
        assert!(pool.objects <= store.stored_pages, "{pool:?}");
        assert!(pool.objects >= store.stored_pages - store.same_filled_pages, "{pool:?}");
        assert!(pool.live_bytes + pool.idle_bytes <= pool.total_bytes(page_size), "{pool:?}");
        assert_eq!(store.pool_total_size, pool.pool_pages * page_size, "{pool:?}");

        let samples = |name: &str| {
            let histogram = document.latencies.iter().find(|one| one.name == name);
            let histogram = histogram.unwrap_or_else(|| panic!("no {name}"));
            let in_buckets: u64 = histogram.buckets.iter().map(|bucket| bucket.count).sum();
            assert_eq!(in_buckets, histogram.count, "{name}");
            histogram.count
        };
        assert_eq!(samples("minor fault"), paging.minor_faults);
        assert_eq!(samples("major fault"), paging.major_faults);

        let vm = stressor(&document, "vm");
        assert!(
            vm.bogo_ops() >= 3 * PAGES * page_size / 8192,
            "those asked for: {}",
            vm.bogo_ops()
        );
        assert!(vm.checks() <= vm.bogo_ops(), "{vm:?}");
        let instance = &vm.instances[0];
        let cpu_ns = instance.user_ns + instance.system_ns;
        assert!(cpu_ns <= instance.real_ns, "one core: {instance:?}");
        assert!(instance.real_ns <= document.elapsed_ns, "{instance:?}");
    }
}

/// Every stressor in turn, each with a quarter of its memory.
fn one_after_the_other(granule: &str) {
    let words = format!(
        "granule={granule} --seq 1 --verify --timeout 400ms --bigheap-bytes 1M --brk-bytes 1M \
         --bsearch-size 4096 --cache-size 64k --hsearch-size 1024 --malloc-heap 2M \
         --matrix-size 16 --memrate-bytes 1M --memthrash-method memset --mmap-bytes 1M \
         --mremap-bytes 256k --pageswap-bytes 256k --qsort-size 32768 --randlist-items 8192 \
         --stream-l3-size 256k --tree-size 2048 --vm-bytes 256k --vm-method flip \
         --vm-addr-bytes 128k --vm-addr-method inc --zpool-bytes 256k --zswap-bytes 256k \
         --exclude memcpy,madvise progress=0"
    );
    let document = checked(&cores(2).with(&words));
    assert!(document.stressors.len() > 30, "{}", document.stressors.len());
    let paging = document.memory.paging;
    assert!(paging.stored > 0 && paging.loaded > 0, "{paging:?}");
}

#[test]
fn every_stressor_with_4k_pages() {
    one_after_the_other("4k");
}

#[test]
fn every_stressor_with_16k_pages() {
    one_after_the_other("16k");
}

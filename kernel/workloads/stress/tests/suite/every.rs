//! Every stressor: passes on a good machine, and notices one bit that is not as it should be.

use std::sync::atomic::Ordering::SeqCst;

use report::{Outcome, Status};
use stress::STRESSORS;

use crate::machine::{Host, Pages, pool};

/// Small working sets, so that little of the host's clock, a millisecond for each page, is
/// enough for all.
const SMALL: &str = "--vm-bytes 64k --vm-method flip --contend-bytes 64k --contend-procs 2 --zpool-bytes 64k --zswap-bytes 64k \
    --bigheap-bytes 256k --brk-bytes 256k --mmap-bytes 256k --mremap-bytes 256k \
    --pageswap-bytes 256k --vm-addr-bytes 64k --malloc-heap 1M --malloc-bytes 4k --malloc-max 100 \
    --memrate-bytes 256k --randlist-items 500 --bsearch-size 2000 --hsearch-size 500 \
    --qsort-size 20000 --tree-size 300 --matrix-size 16 --timer-freq 1000 --stream-l3-size 64k";

fn host(page_size: usize) -> Host {
    let store = Some(Pages::new(1000));
    Host { page_size, pool: Some(pool()), store, ..Host::default() }
}

#[test]
fn passes_and_checks() {
    for stressor in STRESSORS {
        for page_size in [4096, 16384] {
            let name = stressor.name;
            let host = host(page_size);
            let run = host.run(&format!("--{name} 1 {SMALL} --timeout 3 --verify"));
            let lines = host.lines.lock().unwrap();
            assert_eq!(run.status, Status::Success, "{name}: {run:?} {lines:?}");
            for instance in &run.stressors[0].instances {
                assert!(instance.checks > 0, "{name}: {run:?}");
            }
        }
    }
}

#[test]
fn notices_a_flipped_bit() {
    for stressor in STRESSORS {
        let name = stressor.name;
        let host = host(4096);
        let run = host.run(&format!("--{name} 1 {SMALL} --timeout 3 --verify inject=verify"));
        let result = &run.stressors[0];
        assert_eq!(run.status, Status::Failed, "{name}: {run:?}");
        assert_eq!(result.instances[0].outcome, Outcome::Failed, "{name}: {run:?}");
        assert!(result.instances[0].verify_errors > 0, "{name}: {run:?}");
        assert!(host.printed(&format!("{name}: instance 0: ")), "{name}");
    }
}

#[test]
fn stops_after_the_operations_asked_for() {
    for stressor in STRESSORS {
        let name = stressor.name;
        let run = host(4096).run(&format!("--{name} 1 --{name}-ops 3 {SMALL} --timeout 0"));
        let ops = run.stressors[0].bogo_ops();
        // What is outstanding then is finished, and threads may each be at an operation.
        assert!((3..3 + 128).contains(&ops), "{name}: {run:?}");
    }
}

#[test]
fn without_memory_it_has_no_resource() {
    for stressor in STRESSORS {
        let name = stressor.name;
        let host = Host { map_limit: 0, ..Host::default() };
        let run = host.run(&format!("--{name} 1 {SMALL} --timeout 100ms"));
        let outcome = run.stressors[0].outcome();
        // Those without arenas, pool and store do not notice.
        assert!(matches!(outcome, Outcome::NoResource | Outcome::Passed), "{name}: {run:?}");
    }
}

/// With the sizes that nobody chose: what was begun is finished, and checked, in little more time
/// than there was.
#[test]
fn ends_soon_after_its_time() {
    for stressor in STRESSORS {
        for page_size in [4096, 16384] {
            let name = stressor.name;
            let host = Host { map_limit: 1 << 30, ..host(page_size) };
            let run = host.run(&format!("--{name} 1 --timeout 200ms"));
            let end_ms = host.clock_ns.load(SeqCst) / 1_000_000;
            assert!(end_ms < 2000, "{name}, pages of {page_size}: {end_ms} ms, {run:?}");
            assert_eq!(run.status, Status::Success, "{name}: {run:?}");
        }
    }
}

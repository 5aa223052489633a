//! How runs end, and the stressors on the pool and the store.

use std::sync::atomic::Ordering::SeqCst;

use crate::machine::{Host, Pages, pool};
use report::{Outcome, Status};
use zpool::Granule4K;
use zpool::testing::HostEnv;

#[test]
fn nothing_to_run_is_no_data() {
    assert_eq!(Host::default().run("--timeout 1").status, Status::NoData);
}

#[test]
fn a_killed_worker_is_out_of_memory_and_the_rest_is_reported() {
    let host = Host { kill: vec![1], ..Host::default() };
    let run = host.run("--vm 3 --vm-bytes 96k --vm-method incdec --vm-ops 30");
    assert_eq!(run.status, Status::NoResource);
    let outcomes: Vec<_> = run.stressors[0].instances.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::Passed, Outcome::NoResource, Outcome::Passed]);
    assert_eq!(run.stressors[0].bogo_ops(), 20);
    assert!(host.printed("a page fault found no memory"));
}

#[test]
fn zero_instances_are_one_for_each_cpu() {
    let run = Host::default().run("--vm 0 --vm-bytes 96k --vm-method gray --timeout 1");
    assert_eq!(run.stressors[0].instances.len(), 3);
}

#[test]
fn the_resident_limit_is_of_the_working_sets() {
    for (arguments, pages) in [
        ("--vm 1 --vm-bytes 4M", 256),
        ("--vm 1 --vm-bytes 4M --resident 50%", 512),
        ("--vm 1 --vm-bytes 4M --resident 64k", 16),
        // Half of the RAM of 1 MiB, and pool and store take no frames of arenas.
        ("--vm 1 --vm-bytes 50% --zpool 1 --resident 100%", 128),
        ("--vm 4 --vm-bytes 64k --resident 1", 16),
    ] {
        let host = Host { pool: Some(pool()), ..Host::default() };
        let options = format!("{arguments} --vm-method gray --zpool-ops 1 --timeout 100ms");
        host.run(&options);
        assert_eq!(host.resident_limit.load(SeqCst), pages, "{arguments}");
    }
}

#[test]
fn times_and_progress_are_noted() {
    let host = Host::default();
    let run = host.run("--vm 1 --vm-bytes 4M --vm-method gray --timeout 5");
    let one = &run.stressors[0].instances[0];
    assert!((4_900_000_000..6_300_000_000).contains(&one.real_ns), "{one:?}");
    assert!(one.user_ns > one.system_ns && one.system_ns > 1_000_000_000, "{one:?}");
    assert_eq!(one.resident_max_bytes, 7 * 4096);
    assert!(run.elapsed_ns >= one.real_ns);
    let lines = host.progress.lock().unwrap();
    assert!((4..=6).contains(&lines.len()), "{lines:?}");
    assert!(lines[0].contains("0 errors"), "{lines:?}");
}

#[test]
fn no_progress_lines_when_switched_off() {
    let host = Host::default();
    host.run("--vm 1 --vm-bytes 4M --vm-method gray --timeout 3 progress=0");
    assert!(host.progress.lock().unwrap().is_empty());
}

#[test]
fn what_starts_is_announced() {
    let host = Host { pool: Some(pool()), ..Host::default() };
    host.run("--vm 2 --vm-bytes 3M --zpool 1 --vm-method gray --timeout 1500ms");
    let lines = host.lines.lock().unwrap();
    assert_eq!(
        lines[..3],
        [
            "zlab: info:  [0] setting to a 1.500 secs run per stressor",
            "zlab: info:  [0] dispatching hogs: 2 vm, 1 zpool",
            "zlab: info:  [0] vm: using 1.50MB per stressor instance (total 3MB of 1MB memory)",
        ]
    );
}

#[test]
fn zpool_replaces_objects_and_frees_them() {
    let host = Host { pool: Some(pool()), ..Host::default() };
    let run = host.run("--zpool 2 --zpool-bytes 400k --zpool-ops 1000 --verify");
    assert_eq!(run.status, Status::Success, "{run:?}");
    assert_eq!((run.stressors[0].bogo_ops(), run.stressors[0].checks()), (1000, 1000));
    let sampled = run.memory.pool.unwrap();
    assert!((50..=100).contains(&sampled.objects), "sampled while they live: {sampled:?}");
    let mean = sampled.live_bytes / sampled.objects;
    assert!((500..=4096).contains(&mean), "the bytes of those that live: {sampled:?}");
    assert_eq!(host.pool.as_ref().unwrap().statistics().objects, 0);
}

#[test]
fn zpool_and_zswap_catch_a_flipped_bit() {
    let host = Host { pool: Some(pool()), store: Some(Pages::new(1000)), ..Host::default() };
    for name in ["zpool", "zswap"] {
        let run = host.run(&format!("--{name} 1 --{name}-ops 10 inject=verify"));
        assert_eq!(run.status, Status::Failed, "{name}");
        assert_eq!(run.stressors[0].verify_errors(), 1, "{name}");
    }
}

#[test]
fn zswap_stores_loads_and_clears_up() {
    let host = Host { store: Some(Pages::new(1000)), ..Host::default() };
    let run = host.run("--zswap 2 --zswap-bytes 80k --zswap-ops 100");
    assert_eq!(run.status, Status::Success);
    assert_eq!(run.stressors[0].checks(), 100);
    assert!(host.store.as_ref().unwrap().pages.lock().unwrap().is_empty());
}

#[test]
fn zswap_checks_what_is_live_at_the_end() {
    let arguments = "--zswap 2 --zswap-bytes 80k --zswap-ops 100 --verify";
    let host = Host { store: Some(Pages::new(1000)), ..Host::default() };
    let run = host.run(arguments);
    assert_eq!(run.status, Status::Success, "{run:?}");
    // Of the 100 pages 20 are live.
    assert_eq!((run.stressors[0].bogo_ops(), run.stressors[0].checks()), (100, 120));
    let host = Host { store: Some(Pages { rot: true, ..Pages::new(1000) }), ..Host::default() };
    let run = host.run(arguments);
    assert_eq!(run.status, Status::Failed, "{run:?}");
    assert_eq!(run.stressors[0].verify_errors(), 20);
    assert!(host.printed("page 49, at the end"));
}

#[test]
fn zswap_lives_with_refusals() {
    let store = Pages { refuse_every: 5, ..Pages::new(7) };
    let host = Host { store: Some(store), ..Host::default() };
    let run = host.run("--zswap 1 --zswap-bytes 80k --zswap-ops 100 --timeout 20");
    assert_eq!(run.status, Status::Success, "{run:?}");
    assert_eq!(run.stressors[0].bogo_ops(), 100);
    assert!(run.stressors[0].metrics.iter().all(|metric| metric.value > 0.0), "{run:?}");
}

#[test]
fn zswap_that_stores_nothing_is_no_data_and_lost_pages_are_a_failure() {
    let host = Host { store: Some(Pages::new(0)), ..Host::default() };
    let run = host.run("--zswap 1 --timeout 1");
    assert_eq!(run.status, Status::NoData);
    let host = Host { store: Some(Pages { lose: true, ..Pages::new(9) }), ..Host::default() };
    let run = host.run("--zswap 1 --timeout 1");
    assert_eq!(run.status, Status::Failed);
    assert!(host.printed("a stored page was not found"));
}

/// Operations asked for that never come, and no time limit.
#[test]
fn zpool_and_contend_end_when_nothing_is_taken_any_more() {
    for arguments in ["--zpool 1 --zpool-ops 10", "--contend 1 --contend-ops 1000"] {
        let env: &'static HostEnv<Granule4K> = Box::leak(Box::new(HostEnv::with_cpus(1)));
        let backends = backends::all::<&'static HostEnv<Granule4K>>();
        let pool = (zpool::find(&backends, "zblock").unwrap().create)(env).unwrap();
        env.set_limit(0);
        let host = Host { pool: Some(pool), ..Host::default() };
        let run = host.run(&format!("{arguments} --timeout 0"));
        assert_eq!(run.status, Status::NoData, "{run:?}");
    }
}

#[test]
fn zswap_ends_when_nothing_is_taken_any_more() {
    let host = Host { store: Some(Pages { refuse_every: 1, ..Pages::new(9) }), ..Host::default() };
    let run = host.run("--zswap 1 --zswap-bytes 64k --zswap-ops 10 --timeout 0");
    assert_eq!(run.status, Status::NoData);
}

#[test]
fn what_the_machine_lacks_is_no_resource() {
    for name in ["zpool", "zswap"] {
        let run = Host::default().run(&format!("--{name} 1 --timeout 1"));
        assert_eq!(run.status, Status::NoResource, "{name}");
    }
}

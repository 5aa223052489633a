//! With one core and `--icount` two runs are the same, to the digit.

use std::thread;
use std::time::Duration;

use crate::machine::{Words, machine, succeed, turn};

#[test]
fn two_runs_are_identical() {
    for granule in ["4k", "16k"] {
        let words = format!(
            "granule={granule} --vm 1 --vm-bytes 1M --vm-method corpus --zpool 1 --zpool-bytes 256k \
             --zswap 1 --zswap-bytes 256k --timeout 200ms progress=50ms --verify --metrics"
        );
        let machine = machine().with(&words);
        let (_, first) = succeed(&machine);
        let (_, second) = succeed(&machine);
        assert_eq!(first.lines, second.lines);
        assert_eq!(first.report, second.report);
        assert_eq!(first.progress, second.progress);
        assert!(!first.progress.is_empty(), "{first}");
        assert_eq!(first.log, second.log);
    }
}

#[test]
fn another_seed_is_another_run() {
    let words = "--vm 1 --vm-bytes 1M --vm-method corpus --timeout 50ms";
    let (_, first) = succeed(&machine().with(words));
    let (_, second) = succeed(&machine().with(words).with("--seed 1"));
    assert_ne!(first.report, second.report);
}

/// QEMU moves time on in another thread than the one that executes; which of the two is first is up
/// to the host, here a busy one.
#[test]
fn sleep_takes_the_same_time_on_a_busy_host() {
    const MACHINES: usize = 6;
    let machine = machine().with("log=off --cyclictest -i 100 -l 20000 -q");
    let _turn = turn();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = || machine.run(Duration::from_secs(300)).expect("QEMU runs");
        let threads: Vec<_> = (0..MACHINES).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it runs to its end")).collect()
    });
    for outcome in &outcomes {
        assert_eq!(outcome.status(), 0, "{outcome}");
        assert_eq!(outcome.lines, outcomes[0].lines);
        assert_eq!(outcome.report, outcomes[0].report);
    }
}

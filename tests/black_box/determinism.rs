//! With one core and `--icount` two runs are the same, to the digit.

use crate::machine::{Words, machine, succeed};

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

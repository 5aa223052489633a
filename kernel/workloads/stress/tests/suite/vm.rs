//! Methods of `vm`: good memory passes, a flipped bit is caught, ticks are as documented.

use crate::machine::Host;
use proptest::prelude::*;
use report::{Outcome, Status};

const METHODS: [&str; 36] = [
    "cache-lines",
    "cache-stripe",
    "checkerboard",
    "corpus",
    "flip",
    "fwdrev",
    "galpat-0",
    "galpat-1",
    "gray",
    "grayflip",
    "incdec",
    "inc-nybble",
    "lfsr32",
    "modulo-x",
    "move-inv",
    "mscan",
    "one-zero",
    "prime-0",
    "prime-1",
    "prime-gray-0",
    "prime-gray-1",
    "prime-incdec",
    "rand-set",
    "rand-sum",
    "read64",
    "ror",
    "rowhammer",
    "swap",
    "walk-0a",
    "walk-0d",
    "walk-1a",
    "walk-1d",
    "walk-flush",
    "write64",
    "write1024v",
    "zero-one",
];

/// The clock advances 1 ms a page, so this is enough for any method to complete an operation on
/// 8 pages.
const LONG_MS: u32 = 1200;

#[test]
fn every_method_passes_on_good_memory() {
    for method in METHODS {
        for page_size in [4096, 16384] {
            let host = Host { page_size, ..Host::default() };
            let bytes = 6 * page_size;
            let run = host.run(&format!(
                "--vm 1 --vm-bytes {bytes} --vm-method {method} --verify --timeout {LONG_MS}ms"
            ));
            assert_eq!(run.status, Status::Success, "{method} {page_size}: {run:?}");
            assert!(run.stressors[0].checks() >= 6, "{method}: {run:?}");
            assert!(run.stressors[0].bogo_ops() > 0, "{method}: {run:?}");
        }
    }
}

#[test]
fn every_method_catches_a_flipped_bit() {
    for method in METHODS {
        let host = Host::default();
        let run = host.run(&format!(
            "--vm 2 --vm-bytes 64k --vm-method {method} --verify --timeout {LONG_MS}ms inject=verify"
        ));
        assert_eq!(run.status, Status::Failed, "{method}: {run:?}");
        let vm = &run.stressors[0];
        assert_eq!(vm.instances[0].outcome, Outcome::Failed, "{method}");
        // One bit of a word; where passes build on each other, later checks see it again.
        assert!((1..=8).contains(&vm.verify_errors()), "{method}: {}", vm.verify_errors());
        assert_eq!(vm.instances[1].verify_errors, 0, "{method}");
        assert!(host.printed("bits wrong in chunk"), "{method}");
        assert!(host.printed("vm: detected"), "{method}");
    }
}

#[test]
fn errors_fail_the_run_without_verify_too() {
    let host = Host::default();
    let run = host.run("--vm 1 --vm-bytes 64k --vm-method flip --vm-ops 20 inject=verify");
    assert_eq!(run.status, Status::Failed);
    assert!(!host.printed("bits wrong in chunk"));
    assert!(host.printed("vm: detected"));
}

/// Ticks of one pass over the memory: those of the real tool, where its passes are known.
#[test]
fn a_full_pass_counts_as_documented() {
    // Bytes a bogo operation touches, over all passes together, by the table of passes.
    for (method, ticks_per_page) in [
        ("write64", 4096 / 256),
        ("read64", 4096 / 256),
        ("flip", 9 * 512),
        ("rand-set", 2 * 512),
        ("ror", 3 * 512),
        ("swap", 4 * 64),
        ("zero-one", 2 * 512),
        ("one-zero", 2 * 512),
        ("move-inv", 4 * 512),
        ("incdec", 4096),
        ("modulo-x", 23 * 4096),
        ("walk-0d", 4096),
        ("walk-1d", 4096),
        ("prime-0", 8 * 4096),
        ("prime-1", 8 * 4096),
        ("cache-lines", 64),
        ("corpus", 9 * 4096),
    ] {
        // The method runs over 256 pages until it has counted as many operations as one loop has.
        let pages = 256;
        let ops = pages * ticks_per_page / 4096;
        let host = Host::default();
        let run = host
            .run(&format!("--vm 1 --vm-bytes 1M --vm-method {method} --vm-ops {ops} --timeout 0"));
        let vm = &run.stressors[0];
        assert_eq!(vm.bogo_ops(), ops, "{method}");
        assert_eq!(vm.metrics[0].name, "method loops begun");
        assert_eq!(vm.metrics[0].value, 1.0, "{method}: {run:?}");
    }
}

#[test]
fn operations_stop_exactly_and_are_divided() {
    let host = Host::default();
    let run = host.run("--vm 3 --vm-bytes 768k --vm-method incdec --vm-ops 50");
    let ops: Vec<_> = run.stressors[0].instances.iter().map(|one| one.bogo_ops).collect();
    assert_eq!(ops, [17, 17, 16]);
}

#[test]
fn a_timeout_in_the_middle_of_a_pass_counts_the_pages_processed() {
    // A fill of 256 pages, 100 readings of the clock: the real tool would report nothing.
    let host = Host { step_ns: 1_000_000, ..Host::default() };
    let run = host.run("--vm 1 --vm-bytes 1M --vm-method gray --timeout 100ms --verify");
    let vm = &run.stressors[0];
    assert_eq!(run.status, Status::Success);
    assert!((90..=100).contains(&vm.bogo_ops()), "{run:?}");
    assert_eq!(vm.checks(), vm.bogo_ops(), "what was filled was checked");
}

#[test]
fn all_takes_the_methods_in_turn_and_keep_changes_nothing() {
    for keep in ["", "--vm-keep"] {
        let host = Host::default();
        let arguments =
            format!("--vm 1 --vm-bytes 16k --vm-method all {keep} --timeout 6 --verify");
        let run = host.run(&arguments);
        assert_eq!(run.status, Status::Success);
        assert!(run.stressors[0].metrics[0].value > 40.0, "{run:?}");
    }
}

#[test]
fn unchecked_methods_need_verify_to_check() {
    for method in ["write64", "read64", "write1024v"] {
        let arguments = format!("--vm 1 --vm-bytes 1M --vm-method {method} --vm-ops 10");
        let host = Host::default();
        let run = host.run(&arguments);
        assert_eq!((run.status, run.stressors[0].checks()), (Status::Success, 0), "{method}");
    }
}

#[test]
fn more_than_there_is_is_no_success() {
    let host = Host::default();
    let run = host.run("--vm 1 --vm-bytes 100000G --timeout 1");
    assert_eq!(run.status, Status::NoResource);
    assert!(host.printed("not enough memory"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Wherever time runs out, what was written verifies.
    #[test]
    fn any_timeout_leaves_consistent_memory(
        method in prop::sample::select(METHODS.to_vec()),
        milliseconds in 1_u32..300,
        pages in 1_usize..9,
        seed: u64,
    ) {
        let host = Host::default();
        let bytes = pages * 4096;
        let run = host.run(&format!(
            "--vm 1 --vm-bytes {bytes} --vm-method {method} --verify --timeout {milliseconds}ms \
             --seed {seed}"
        ));
        prop_assert_eq!(run.stressors[0].verify_errors(), 0);
        prop_assert!(run.stressors[0].checks() > 0);
        prop_assert!(matches!(run.status, Status::Success | Status::NoData));
    }

    /// A bit that flips is caught wherever time runs out.
    #[test]
    fn any_timeout_still_catches_a_flipped_bit(
        method in prop::sample::select(METHODS.to_vec()),
        milliseconds in 1_u32..100,
        pages in 1_usize..9,
    ) {
        let host = Host::default();
        let bytes = pages * 4096;
        let run = host.run(&format!(
            "--vm 1 --vm-bytes {bytes} --vm-method {method} --verify --timeout {milliseconds}ms \
             inject=verify"
        ));
        prop_assert_eq!(run.status, Status::Failed);
    }
}

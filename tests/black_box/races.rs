//! Turns that end at any instruction: threads of one core, preempted in other places by each seed.
//! And as many cores as there may be.

use std::ops::Range;

use zlab::vm::Machine;
use zpool::Granule4K;
use zpool::testing::HostEnv;

use crate::machine::{Words, assert_line, cores, machine, succeed};

/// Names of the allocators.
fn allocators() -> Vec<&'static str> {
    backends::all::<&HostEnv<Granule4K>>().iter().map(|backend| backend.name).collect()
}

/// Runs to success, with pages stored and loaded and none wrong.
fn intact(machine: &Machine) {
    let (document, outcome) = succeed(machine);
    let errors: u64 = document.stressors.iter().map(|one| one.verify_errors()).sum();
    assert_eq!(errors, 0, "{}\n{outcome}", machine.boot_arguments());
    assert!(document.memory.paging.loaded > 0, "{}\n{outcome}", machine.boot_arguments());
}

/// Stressors that fault, evict, store and load at once, on each allocator in turn.
fn preempted_by(seeds: Range<u32>, granule: &str) {
    for (seed, pool) in seeds.zip(allocators().into_iter().cycle()) {
        let words = format!(
            "granule={granule} zpool={pool} preempt-seed={seed} --seed {seed} --vm 2 --vm-method \
             corpus --vm-bytes 512k --resident 128k --pageswap 1 --pageswap-bytes 256k --zswap 1 \
             --zswap-bytes 256k --zpool 1 --zpool-bytes 128k --mutex 2 --timeout 20ms --verify"
        );
        intact(&machine().with(&words));
    }
}

#[test]
fn pages_survive_preemption_anywhere_4k() {
    preempted_by(1..15, "4k");
}

#[test]
fn pages_survive_preemption_anywhere_16k() {
    preempted_by(15..29, "16k");
}

#[test]
#[ignore = "takes some ten minutes"]
fn pages_survive_preemption_by_many_seeds() {
    preempted_by(1000..1350, "4k");
    preempted_by(2000..2350, "16k");
}

#[test]
fn every_allocator_serves_eight_cores() {
    for pool in allocators() {
        let words = format!(
            "zpool={pool} --vm 0 --vm-bytes 8M --resident 1M --vm-method corpus --vm-ops 4000 \
             --verify"
        );
        intact(&cores(8).with(&words));
    }
}

#[test]
fn the_kernel_checks_its_own_parts() {
    for machine in [machine(), cores(3)] {
        let (_, outcome) = succeed(&machine.with("selftest=1 --switch 1 --switch-ops 100"));
        assert_line(&outcome, &["self-test: 6 passed, 0 failed"]);
    }
}

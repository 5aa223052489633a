//! Random operations against the model, background work among them.

use super::super::HostEnv;
use super::basic::given_back;
use super::model::Model;
use super::{Random, Subject, rounds};
use crate::{Budget, Granule, Work};

/// How many calls of `maintain` may go by until it has nothing left to do for good.
const PATIENCE: usize = 1_000_000;

pub(super) fn check<G: Granule>(subject: &Subject<'_, G>) {
    for (seed, largest) in
        [(17, subject.capabilities.largest), (19, subject.capabilities.largest / 8)]
    {
        churn(subject, seed, largest);
        drain(subject, seed, largest);
    }
}

/// Fills and replaces at random; maintains with small budgets in between.
fn churn<G: Granule>(subject: &Subject<'_, G>, seed: u64, largest: usize) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let mut random = Random(seed);
    let mut live = Vec::new();
    for round in 0..rounds(10_000) {
        let full = live.len() >= rounds(1_000);
        if !live.is_empty() && random.below(if full { 2 } else { 4 }) == 0 {
            model.free(live.swap_remove(random.below(live.len())));
        } else {
            live.push(model.malloc(1 + random.below(largest)).expect("memory"));
        }
        if round % 7 == 0 {
            maintain(&model, Budget { bytes: 2 * G::SIZE, objects: 1 });
        }
        if round % 64 == 0 {
            model.verify_statistics();
        }
    }
    model.verify_all();
    model.verify_statistics();
    model.free_all();
    given_back(subject, &model, &env);
}

/// Fills, frees three of four, and lets the pool gather what is left.
fn drain<G: Granule>(subject: &Subject<'_, G>, seed: u64, largest: usize) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let mut random = Random(seed);
    for _ in 0..rounds(2_000) {
        model.malloc(1 + random.below(largest)).expect("memory");
    }
    for number in model.numbers() {
        if random.below(4) != 0 {
            model.free(number);
        }
    }
    let before = pool.total_pages();
    let budget = Budget { bytes: 8 * G::SIZE, objects: 8 };
    let steps = (0..PATIENCE).take_while(|_| maintain(&model, budget).more).count();
    assert!(steps < PATIENCE, "maintain never has nothing left to do");
    model.verify_all();
    model.verify_statistics();
    model.relocating(3, |owners| {
        pool.compact(owners);
    });
    model.verify_all();
    model.verify_statistics();
    let after = pool.total_pages();
    assert!(after <= before, "{before} pages before compaction, {after} after");
    // The pool still works, in what was gathered as well as in new frames.
    for _ in 0..rounds(1_000) {
        model.malloc(1 + random.below(largest)).expect("memory");
    }
    model.verify_all();
    model.free_all();
    given_back(subject, &model, &env);
}

/// One step of maintenance in which some moves are refused; what it says it did is what happened.
fn maintain<G: Granule>(model: &Model<'_, G>, budget: Budget) -> Work {
    let before = model.pool.total_pages();
    let mut work = Work::default();
    let granted = model.relocating(5, |owners| work = model.pool.maintain(budget, owners));
    assert!(work.objects <= budget.objects, "{work:?} exceeds {budget:?}");
    assert!(work.bytes <= budget.bytes, "{work:?} exceeds {budget:?}");
    assert!(granted <= work.objects, "{granted} moves were granted, {work:?} is reported");
    let given_back = before.saturating_sub(model.pool.total_pages());
    assert!(given_back <= work.pages, "{given_back} frames less, {work:?} is reported");
    work
}

//! Page frames: running out of them, and giving them back.

use super::super::HostEnv;
use super::model::Model;
use super::{Random, Subject, rounds};
use crate::{AllocError, Granule};

pub(super) fn check<G: Granule>(subject: &Subject<'_, G>) {
    creation_survives_a_shortage(subject);
    every_allocation_survives_a_shortage(subject);
    dropping_gives_everything_back(subject);
}

fn creation_survives_a_shortage<G: Granule>(subject: &Subject<'_, G>) {
    for limit in 0..16 {
        let env = HostEnv::<G>::new();
        env.set_limit(limit);
        if let Err(error) = (subject.create)(&env).map(drop) {
            assert_eq!(error, AllocError::NoMemory, "creation with {limit} frames");
        }
        assert_eq!(env.pages(), 0, "frames held by a pool that is gone");
    }
}

/// Every allocation of a sequence is first tried with no more frames than the pool has, then with
/// one more, and so on until it succeeds: each supply of frames fails once.
fn every_allocation_survives_a_shortage<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let mut random = Random(11);
    let mut failures = 0;
    for round in 0..rounds(2_000) {
        if round % 3 == 2 {
            let numbers = model.numbers();
            model.free(numbers[random.below(numbers.len())]);
        }
        let size = 1 + random.below(subject.capabilities.largest);
        for spare in 0.. {
            assert!(spare <= 64, "{size} bytes are refused with {spare} frames to spare");
            let before = (pool.statistics().objects, env.pages());
            env.set_limit(env.pages() + spare);
            match model.malloc(size) {
                Ok(_) => break,
                Err(error) => assert_eq!(error, AllocError::NoMemory, "{size} bytes"),
            }
            failures += 1;
            assert_eq!(pool.statistics().objects, before.0, "objects after a refusal");
            assert!(env.pages() <= before.1, "a refused allocation has kept a frame");
            model.verify_statistics();
        }
    }
    assert!(failures > 0, "no allocation ever ran out of frames");
    env.set_limit(usize::MAX);
    model.verify_all();
    model.free_all();
    super::basic::given_back(subject, &model, &env);
}

fn dropping_gives_everything_back<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let mut random = Random(13);
    for _ in 0..rounds(3_000) {
        model.malloc(1 + random.below(subject.capabilities.largest)).expect("memory");
    }
    for (index, number) in model.numbers().into_iter().enumerate() {
        if index % 3 == 0 {
            model.free(number);
        }
    }
    drop(model);
    drop(pool);
    assert_eq!(env.pages(), 0, "frames leaked by a pool dropped with live objects");
}

//! Single objects: sizes, contents, and what is refused.

use super::super::HostEnv;
use super::model::{Model, pattern};
use super::{Random, Subject, rounds};
use crate::{AllocError, Granule, Handle, HandleError, Owner, ZPool};

pub(super) fn check<G: Granule>(subject: &Subject<'_, G>) {
    every_size_round_trips(subject);
    sizes_out_of_range_are_refused(subject);
    if subject.capabilities.detects_length {
        lengths_are_checked(subject);
    }
    if subject.capabilities.detects_stale {
        stale_handles_are_refused(subject);
    }
    if subject.capabilities.detects_forged {
        forged_handles_are_refused(subject);
    }
    if subject.capabilities.pins_reads {
        a_read_pins_its_object(subject);
    }
}

/// One object of every size in turn, then all sizes at once, each written and read back.
fn every_size_round_trips<G: Granule>(subject: &Subject<'_, G>) {
    let step = if cfg!(miri) { G::SIZE / 16 - 1 } else { G::SIZE / 4096 };
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let sizes = (1..=subject.capabilities.largest).step_by(step);
    for size in sizes.chain([subject.capabilities.largest]) {
        let refused = |error| panic!("{size} bytes are refused: {error}");
        let first = model.malloc(size).unwrap_or_else(refused);
        let again = model.malloc(size).unwrap_or_else(refused);
        model.free(first);
        if size % 5 != 0 {
            model.free(again);
        }
    }
    model.verify_all();
    model.verify_statistics();
    model.free_all();
    given_back(subject, &model, &env);
}

pub(super) fn given_back<G: Granule>(
    subject: &Subject<'_, G>,
    model: &Model<'_, G>,
    env: &HostEnv<G>,
) {
    model.relocating(usize::MAX, |owners| {
        model.pool.compact(owners);
    });
    model.verify_statistics();
    let (held, idle) = (env.pages(), subject.capabilities.idle_pages);
    assert!(held <= idle, "{held} frames held without any object; {idle} are declared");
}

fn sizes_out_of_range_are_refused<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let before = (pool.statistics(), env.pages());
    let malloc = |size| pool.malloc(size, Owner::NONE);
    assert_eq!(malloc(0), Err(AllocError::Invalid), "0 bytes");
    for size in [G::SIZE + 1, 2 * G::SIZE, 1 << 20, usize::MAX] {
        assert_eq!(malloc(size), Err(AllocError::NoSpace), "{size} bytes");
    }
    for size in subject.capabilities.largest + 1..=G::SIZE {
        // A back end may model one that answers INVAL to exactly a page.
        let allowed = match malloc(size) {
            Err(AllocError::NoSpace) => true,
            Err(AllocError::Invalid) => size == G::SIZE,
            _ => false,
        };
        assert!(allowed, "{size} bytes, more than the declared largest, is not refused as NOSPC");
    }
    assert_eq!((pool.statistics(), env.pages()), before, "a refusal has changed the pool");
}

/// An over-long write is refused, or harms nobody; one that is longer than any object is refused.
fn lengths_are_checked<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let largest = subject.capabilities.largest;
    for size in [1, 64, largest / 5, largest / 2, largest] {
        let numbers: Vec<u32> =
            (0..4).map(|_| model.malloc(size).expect("memory without a limit")).collect();
        let victim = numbers[1];
        let handle = model.handle(victim);
        for length in [size + 1, size + 8, 2 * size, G::SIZE + 1, 3 * G::SIZE] {
            let bytes = vec![0xA5; length];
            let mut scratch = vec![0; length];
            let written = pool.write(handle, &bytes);
            let read = pool.read(handle, length, &mut scratch).map(|read| read.len());
            if length > G::SIZE {
                assert_eq!(written, Err(HandleError::Length), "{length} bytes to {size}");
                assert_eq!(read, Err(HandleError::Length), "{length} bytes from {size}");
            } else if written.is_ok() {
                pool.write(handle, &pattern(victim, size)).expect("writing a live object");
            }
        }
        model.verify_all();
    }
    model.free_all();
}

fn stale_handles_are_refused<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    let mut random = Random(3);
    for _ in 0..rounds(500) {
        let size = 1 + random.below(subject.capabilities.largest);
        let victim = model.malloc(size).expect("memory without a limit");
        model.malloc(size).expect("memory without a limit");
        let stale = model.free(victim);
        refuses(&*pool, stale);
        // The place is reused, most likely by this one.
        model.malloc(size).expect("memory without a limit");
        refuses(&*pool, stale);
        model.verify_statistics();
    }
    model.verify_all();
    model.free_all();
}

fn forged_handles_are_refused<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    let mut model = Model::new(&env, &*pool, subject.capabilities);
    for size in 1..=20 {
        model.malloc(size * subject.capabilities.largest / 20).expect("memory without a limit");
    }
    let live: Vec<u64> = model.numbers().iter().map(|&n| model.handle(n).bits()).collect();
    let mut random = Random(5);
    for round in 0..rounds(20_000) {
        let bits = match round % 3 {
            0 => random.next() as u64,
            1 => (random.next() as u64) << 16 ^ random.next() as u64,
            _ => live[random.below(live.len())] ^ 1 << random.below(Handle::BITS as usize),
        };
        let forged = Handle::from_bits(bits % (1 << Handle::BITS));
        if let Some(forged) = forged.filter(|handle| !live.contains(&handle.bits())) {
            refuses(&*pool, forged);
        }
    }
    model.verify_all();
    model.verify_statistics();
    model.free_all();
}

/// Every operation refuses a handle that names no live object.
fn refuses(pool: &dyn ZPool, handle: Handle) {
    let refused = |result: Result<(), HandleError>| {
        matches!(result, Err(HandleError::Invalid | HandleError::Stale))
    };
    assert!(refused(pool.free(handle)), "free of dead {handle:?}");
    assert!(refused(pool.write(handle, &[0])), "write to dead {handle:?}");
    assert!(refused(pool.read(handle, 1, &mut [0]).map(drop)), "read of dead {handle:?}");
}

fn a_read_pins_its_object<G: Granule>(subject: &Subject<'_, G>) {
    let env = HostEnv::<G>::new();
    let pool = subject.pool(&env);
    for size in [1, 100, subject.capabilities.largest] {
        let handle = pool.malloc(size, Owner(0)).expect("memory without a limit");
        pool.write(handle, &pattern(1, size)).expect("writing a live object");
        let mut scratch = (vec![0; size], vec![0; size]);
        let first = pool.read(handle, size, &mut scratch.0).expect("reading a live object");
        let second = pool.read(handle, size, &mut scratch.1).expect("a second reader");
        assert_eq!(pool.free(handle), Err(HandleError::Busy), "free during reads");
        drop(first);
        assert_eq!(pool.free(handle), Err(HandleError::Busy), "free during a read");
        assert_eq!(pool.write(handle, &[1]), Err(HandleError::Busy), "write during a read");
        assert!(*second == *pattern(1, size), "content during a read");
        drop(second);
        pool.write(handle, &[1]).expect("writing after the read");
        pool.free(handle).expect("freeing after the read");
    }
}

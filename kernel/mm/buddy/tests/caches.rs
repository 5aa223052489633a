//! The caches of CPUs in front of the lists: nothing is lost, refused or handed out twice.
#![expect(clippy::single_range_in_vec_init, reason = "boards with one RAM range")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use buddy::{BATCH, Buddy, CAPACITY, Error, FrameCaches, FrameInfo, Granule4K, Lock};
use proptest::prelude::*;

const PAGE: u64 = 4096;
const CPUS: usize = 3;

/// A lock that counts how often its thread takes one.
#[derive(Debug)]
struct Counting<T>(Mutex<T>);

impl<T> Lock<T> for Counting<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        f(&mut self.0.lock().unwrap())
    }
}

thread_local! {
    /// How often this thread took a lock.
    static TAKEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

type Caches<'a> = FrameCaches<'a, Granule4K, Counting<Buddy<'a, Granule4K>>, CPUS>;

fn array(pages: u64) -> Vec<FrameInfo> {
    vec![FrameInfo::default(); pages as usize]
}

fn caches(array: &mut [FrameInfo]) -> Caches<'_> {
    let pages = array.len() as u64;
    FrameCaches::new(Buddy::new(&[0..pages * PAGE], &[], array).unwrap())
}

fn locks_taken(f: impl FnOnce()) -> usize {
    let before = TAKEN.get();
    f();
    TAKEN.get() - before
}

#[test]
fn frames_are_taken_in_batches_and_given_back_one_by_one() {
    let mut array = array(1024);
    let caches = caches(&mut array);
    let mut frames = Vec::new();
    let taken = locks_taken(|| {
        frames.extend((0..20 * BATCH).map(|_| caches.alloc(0, 0).unwrap()));
    });
    assert_eq!(taken, 20);
    let taken = locks_taken(|| {
        frames.drain(..).for_each(|frame| caches.free(0, frame, 0).unwrap());
    });
    assert_eq!(taken, 20 * BATCH - CAPACITY);
    assert_eq!(caches.cached_frames(), CAPACITY);
    assert_eq!(caches.statistics().allocated_frames(), 0);
}

#[test]
fn at_a_boundary_the_lists_are_left_alone() {
    let mut array = array(1024);
    let caches = caches(&mut array);
    // Just refilled, or just drained: to and fro needs no lock.
    for fill in [1, BATCH, 2 * BATCH, CAPACITY, CAPACITY + 1] {
        let frames: Vec<u64> = (0..fill).map(|_| caches.alloc(1, 0).unwrap()).collect();
        frames.iter().for_each(|&frame| caches.free(1, frame, 0).unwrap());
        let first = caches.alloc(1, 0).unwrap();
        let taken = locks_taken(|| {
            caches.free(1, first, 0).unwrap();
            for _ in 0..100 {
                let frame = caches.alloc(1, 0).unwrap();
                caches.free(1, frame, 0).unwrap();
            }
        });
        assert!(taken <= 1, "{taken} locks at {fill}");
    }
}

#[test]
fn a_frame_just_freed_comes_first() {
    let mut array = array(1024);
    let caches = caches(&mut array);
    let (first, second) = (caches.alloc(0, 0).unwrap(), caches.alloc(0, 0).unwrap());
    caches.free(0, first, 0).unwrap();
    caches.free(0, second, 0).unwrap();
    assert_eq!((caches.alloc(0, 0), caches.alloc(0, 0)), (Ok(second), Ok(first)));
}

#[test]
fn frames_in_other_caches_are_found() {
    let mut array = array(16);
    let caches = caches(&mut array);
    let mut frames: Vec<u64> = (0..16).map(|_| caches.alloc(0, 0).unwrap()).collect();
    frames.sort_unstable();
    assert_eq!(caches.alloc(0, 0), Err(Error::OutOfMemory(0)));
    frames.iter().for_each(|&frame| caches.free(1, frame, 0).unwrap());
    assert_eq!(caches.cached_frames(), 16);
    let mut again: Vec<u64> = (0..16).map(|_| caches.alloc(2, 0).unwrap()).collect();
    again.sort_unstable();
    assert_eq!(again, frames);
    assert_eq!(caches.alloc(2, 0), Err(Error::OutOfMemory(0)));
}

#[test]
fn cached_frames_make_large_blocks() {
    let mut array = array(16);
    let caches = caches(&mut array);
    let frames: Vec<u64> = (0..16).map(|_| caches.alloc(0, 0).unwrap()).collect();
    for (number, &frame) in frames.iter().enumerate() {
        caches.free(number % CPUS, frame, 0).unwrap();
    }
    assert_eq!(caches.statistics().free_blocks[0], 16);
    assert_eq!(caches.alloc(0, 4), Ok(0));
    assert_eq!(caches.free(0, 0, 4), Ok(()));
    assert_eq!(caches.cached_frames(), 0);
}

#[test]
fn frames_without_a_free_neighbour_stay_cached() {
    let mut array = array(16);
    let caches = caches(&mut array);
    let frames: Vec<u64> = (0..16).map(|_| caches.alloc(0, 0).unwrap()).collect();
    frames.iter().step_by(2).for_each(|&frame| caches.free(0, frame, 0).unwrap());
    assert_eq!(caches.alloc(0, 1), Err(Error::OutOfMemory(1)));
    assert_eq!(caches.cached_frames(), 8);
    caches.drain();
    assert_eq!((caches.cached_frames(), caches.statistics().free_frames), (0, 8));
}

#[test]
fn misuse_is_found_in_caches_too() {
    let mut array = array(16);
    let caches = caches(&mut array);
    let (frame, block) = (caches.alloc(0, 0).unwrap(), caches.alloc(0, 2).unwrap());
    caches.free(0, frame, 0).unwrap();
    let before = caches.statistics();
    for (address, order, error) in [
        (frame, 0, Error::DoubleFree(frame)),
        (frame, 1, Error::DoubleFree(frame)),
        (frame + 1, 0, Error::Unaligned(frame + 1)),
        (16 * PAGE, 0, Error::Foreign(16 * PAGE)),
        (block, 0, Error::WrongOrder { address: block, allocated: 2, given: 0 }),
        (block + PAGE, 0, Error::InsideBlock { address: block + PAGE, block }),
        (block, 11, Error::OrderTooLarge(11)),
    ] {
        for cpu in 0..CPUS {
            assert_eq!(caches.free(cpu, address, order), Err(error));
        }
    }
    // A frame that the refill left in the cache was never handed out.
    let spare = caches.alloc(0, 0).unwrap();
    caches.free(0, spare, 0).unwrap();
    assert_eq!(caches.free(1, spare, 0), Err(Error::DoubleFree(spare)));
    assert_eq!(caches.statistics(), before);
}

#[derive(Clone, Debug)]
enum Step {
    Alloc(usize, u32),
    Free(usize, prop::sample::Index),
    FreeTwice(usize, prop::sample::Index),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    let cpu = 0..CPUS + 1;
    prop_oneof![
        8 => (cpu.clone(), prop_oneof![8 => Just(0), 1 => 1..5u32])
            .prop_map(|(cpu, order)| Step::Alloc(cpu, order)),
        6 => (cpu.clone(), any::<prop::sample::Index>()).prop_map(|(cpu, i)| Step::Free(cpu, i)),
        1 => (cpu, any::<prop::sample::Index>()).prop_map(|(cpu, i)| Step::FreeTwice(cpu, i)),
        1 => Just(Step::Drain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn frames_are_conserved(
        pages in 1..150u64,
        steps in proptest::collection::vec(step(), 0..400),
    ) {
        let mut array = array(pages);
        let caches = caches(&mut array);
        let start = caches.statistics();
        let mut held = BTreeMap::new();
        for step in steps {
            match step {
                Step::Alloc(cpu, order) => {
                    let before = caches.statistics();
                    match caches.alloc(cpu, order) {
                        Ok(block) => {
                            let end = block + (PAGE << order);
                            prop_assert!(block % (PAGE << order) == 0 && end <= pages * PAGE);
                            let below = held.range(..end).next_back();
                            prop_assert!(
                                below.is_none_or(|(&of, &order)| of + (PAGE << order) <= block)
                            );
                            held.insert(block, order);
                        }
                        Err(error) => {
                            prop_assert_eq!(error, Error::OutOfMemory(order));
                            prop_assert!(order > 0 || before.free_frames == 0);
                            // What is refused could not be had with every frame in the lists.
                            caches.drain();
                            let largest = caches.statistics().largest_free_order();
                            prop_assert!(largest.is_none_or(|largest| largest < order));
                        }
                    }
                }
                Step::Free(cpu, which) | Step::FreeTwice(cpu, which) if !held.is_empty() => {
                    let (&block, &order) = held.iter().nth(which.index(held.len())).unwrap();
                    prop_assert_eq!(caches.free(cpu, block, order), Ok(()));
                    held.remove(&block);
                    if matches!(step, Step::FreeTwice(..)) {
                        let twice = caches.free(cpu + 1, block, order);
                        prop_assert_eq!(twice, Err(Error::DoubleFree(block)));
                    }
                }
                Step::Free(..) | Step::FreeTwice(..) => {}
                Step::Drain => caches.drain(),
            }
            let out: usize = held.values().map(|&order| 1 << order).sum();
            prop_assert_eq!(caches.statistics().allocated_frames(), out);
            prop_assert!(caches.cached_frames() <= CPUS * CAPACITY);
        }
        for (block, order) in held {
            prop_assert_eq!(caches.free(0, block, order), Ok(()));
        }
        caches.drain();
        prop_assert_eq!(caches.statistics(), start, "everything merges again");
    }
}

#[test]
fn threads_never_share_a_frame() {
    const PAGES: u64 = 64;
    let mut array = array(PAGES);
    let caches = caches(&mut array);
    let start = caches.statistics();
    let owned: Vec<AtomicBool> = (0..PAGES).map(|_| AtomicBool::new(false)).collect();
    let own = |(block, order): (u64, u32), before: bool| {
        for page in block / PAGE..block / PAGE + (1 << order) {
            assert_eq!(owned[page as usize].swap(!before, Ordering::AcqRel), before, "page {page}");
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (caches, own) = (&caches, &own);
            scope.spawn(move || {
                let mut state = 0x9e37_79b9_7f4a_7c15_u64 + thread as u64;
                let mut held: Vec<(u64, u32)> = Vec::new();
                for left in (0..20_000).rev() {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                    let random = (state >> 33) as usize;
                    let cpu = if random.is_multiple_of(8) { random / 8 } else { thread };
                    if held.len() < left.min(14) && random.is_multiple_of(2) {
                        let order = u32::from(random % 16 == 2);
                        match caches.alloc(cpu, order) {
                            Ok(block) => {
                                own((block, order), false);
                                held.push((block, order));
                            }
                            // Four threads with at most 28 frames each are more than there are.
                            Err(error) => assert_eq!(error, Error::OutOfMemory(order)),
                        }
                    } else if !held.is_empty() {
                        let (block, order) = held.swap_remove(random % held.len());
                        own((block, order), true);
                        caches.free(cpu, block, order).unwrap();
                    }
                }
                assert!(held.is_empty());
            });
        }
    });
    caches.drain();
    assert_eq!(caches.statistics(), start);
}

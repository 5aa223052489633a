//! Every interleaving of who may meet at one object, with Loom.
//!
//! The stamps, states and the queue are the ones of the pool; frames, places and bytes are cells
//! in which Loom finds accesses that nothing orders.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::queue::Queue;
use super::stamp::{Refusal, Seen, Stamp, State};
use super::state::{self, Use};
use super::sync::{AtomicU32, Ordering};

const GENERATION: u32 = 7;
const ADDRESS: usize = 4096;

/// A block of up to two objects.
struct Block {
    state: state::State,
    queue: Queue,
    link: AtomicU32,
    stamps: [Stamp; 2],
    /// Where the objects are, and their bytes.
    objects: [UnsafeCell<(u32, u32)>; 2],
    /// What the frames hold: 1 as long as they are this block's.
    frames: UnsafeCell<u32>,
    /// Units freed, as background work knows.
    freed: AtomicU32,
}

impl Block {
    fn new(objects: [State; 2]) -> Self {
        let block = Self {
            state: state::State::new(),
            queue: Queue::new(),
            link: AtomicU32::new(0),
            stamps: objects.map(|state| Stamp::new(Seen::new(state, GENERATION, 8))),
            objects: [UnsafeCell::new((1, 1)), UnsafeCell::new((2, 2))],
            frames: UnsafeCell::new(1),
            freed: AtomicU32::new(0),
        };
        block.state.publish(ADDRESS, Use::Slotted, 0);
        block
    }

    /// Follows a handle as a user; `None` where there is no block.
    fn visit<R>(&self, act: impl FnOnce() -> R) -> Option<R> {
        let inside = self.state.enter().usage() == Use::Slotted;
        let result = inside.then(|| {
            self.frames.with(|frames| {
                // SAFETY: the visit keeps the frames; Loom checks it.
                assert_eq!(unsafe { *frames }, 1, "frames of somebody else");
            });
            act()
        });
        self.state.leave();
        result
    }

    fn free(&self, object: usize) -> Result<(), Refusal> {
        if self.state.enter().usage() != Use::Slotted {
            self.state.leave();
            return Err(Refusal::Stale);
        }
        // SAFETY: as in `visit`.
        self.frames.with(|frames| assert_eq!(unsafe { *frames }, 1));
        match self.stamps[object].free(GENERATION, |_| ()) {
            Ok(_) => {
                if self.state.leave_freed(1) {
                    self.queue.push(1, |next| self.link.store(next, Ordering::Relaxed));
                }
                Ok(())
            }
            Err(refusal) => {
                self.state.leave();
                Err(refusal)
            }
        }
    }

    /// Reads an object: place and bytes belong together, whoever moves it.
    fn read(&self, object: usize) -> Result<(), Refusal> {
        let pinned = self.visit(|| self.stamps[object].pin(GENERATION));
        pinned.unwrap_or(Err(Refusal::Stale))?;
        self.objects[object].with(|cell| {
            // SAFETY: the pin keeps the object from being moved or placed anew.
            let (place, bytes) = unsafe { *cell };
            assert_eq!(place, bytes);
        });
        self.stamps[object].unpin();
        Ok(())
    }

    fn store(&self, object: usize, value: u32) {
        self.objects[object].with_mut(|cell| {
            // SAFETY: the caller has the object for himself.
            unsafe { *cell = (value, value) };
        });
    }

    /// Background work slides the object, if it may.
    fn slide(&self, object: usize) -> bool {
        let Some(seen) = self.stamps[object].hold_any() else { return false };
        self.store(object, 9);
        self.stamps[object].set(seen.live());
        true
    }

    /// Background work looks at what was freed, and retires the block if all of it was.
    fn look(&self, objects: u32) -> bool {
        if self.queue.take() == 0 {
            return false;
        }
        let freed = self.state.take_freed().freed() + self.freed.load(Ordering::Relaxed);
        self.freed.store(freed, Ordering::Relaxed);
        if freed != objects || self.state.retire().is_none() {
            return false;
        }
        // SAFETY: no user is inside, and none will be.
        self.frames.with_mut(|frames| unsafe { *frames = 0 });
        true
    }
}

/// Every interleaving with up to three switches that nothing forces.
fn model(act: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(act);
}

#[test]
fn an_object_that_is_read_is_not_freed_and_placed_anew() {
    model(|| {
        let block = Arc::new(Block::new([State::Live, State::Unused]));
        let reader = Arc::clone(&block);
        let read = thread::spawn(move || reader.read(0));
        let freed = block.free(0);
        if freed.is_ok() {
            // The owner of the block gives the place away again.
            block.store(0, 5);
            block.stamps[0].set(Seen::new(State::Live, GENERATION + 1, 8));
        }
        let read = read.join().unwrap();
        match freed {
            Ok(()) => assert!(matches!(read, Ok(()) | Err(Refusal::Stale | Refusal::Again))),
            Err(refusal) => {
                assert_ne!(refusal, Refusal::Stale);
                assert_eq!(read, Ok(()));
            }
        }
    });
}

#[test]
fn one_of_two_frees_succeeds() {
    model(|| {
        let block = Arc::new(Block::new([State::Live, State::Unused]));
        let other = Arc::clone(&block);
        let first = thread::spawn(move || other.free(0));
        let second = block.free(0);
        assert!(first.join().unwrap().is_ok() != second.is_ok());
    });
}

#[test]
fn a_slide_passes_over_what_is_read_and_a_read_sees_all_of_it() {
    model(|| {
        let block = Arc::new(Block::new([State::Live, State::Unused]));
        let (reader, other) = (Arc::clone(&block), Arc::clone(&block));
        let first = thread::spawn(move || reader.read(0));
        let second = thread::spawn(move || other.free(0));
        let slid = block.slide(0);
        let (read, freed) = (first.join().unwrap(), second.join().unwrap());
        assert!(slid || read.is_ok() || freed.is_ok(), "nobody came first");
        if let Err(refusal) = freed {
            assert_ne!(refusal, Refusal::Stale);
        }
    });
}

#[test]
fn an_object_is_seen_as_it_was_placed() {
    model(|| {
        let block = Arc::new(Block::new([State::Unused, State::Unused]));
        let other = Arc::clone(&block);
        // A forged handle may name it before anybody was told of it.
        let read = thread::spawn(move || other.read(0));
        block.store(0, 3);
        block.stamps[0].set(Seen::new(State::Live, GENERATION, 8));
        let read = read.join().unwrap();
        assert!(matches!(read, Ok(()) | Err(Refusal::Stale | Refusal::Again)));
        assert_eq!(block.free(0), Ok(()));
    });
}

#[test]
fn frames_are_retired_once_and_under_nobody() {
    model(|| {
        let block = Arc::new(Block::new([State::Live, State::Live]));
        let (freer, liar) = (Arc::clone(&block), Arc::clone(&block));
        let first = thread::spawn(move || freer.free(0));
        let second = thread::spawn(move || liar.visit(|| liar.stamps[0].pin(GENERATION + 1)));
        assert_eq!(block.free(1), Ok(()));
        let mut retired = block.look(2);
        assert_eq!(first.join().unwrap(), Ok(()));
        assert!(!matches!(second.join().unwrap(), Some(Ok(_))), "a forged handle was accepted");
        retired |= !retired && block.look(2);
        if !retired {
            // It was looked at while somebody was inside: the next step tries again.
            assert_eq!(block.freed.load(Ordering::Relaxed), 2, "a free was forgotten");
            assert!(block.state.retire().is_some());
        }
    });
}

#[test]
fn a_relocation_leaves_one_of_two_copies() {
    model(|| {
        // Object 1 is the copy, its mover's own until the owner has decided.
        let block = Arc::new(Block::new([State::Live, State::Moving]));
        let (freer, reader) = (Arc::clone(&block), Arc::clone(&block));
        let freed = thread::spawn(move || freer.free(0));
        let read = thread::spawn(move || reader.read(1));
        let moved = block.stamps[0].hold_any();
        if let Some(old) = moved {
            block.store(1, 1);
            block.stamps[1].set(Seen::new(State::Live, GENERATION, 8));
            block.stamps[0].set(old.dead());
        }
        let (freed, read) = (freed.join().unwrap(), read.join().unwrap());
        assert!(moved.is_none() || freed.is_err(), "moved and freed");
        assert!(moved.is_some() || freed.is_ok(), "neither moved nor freed");
        assert!(moved.is_some() || read == Err(Refusal::Again), "a copy that was not finished");
    });
}

#[test]
fn a_free_counts_the_object_that_it_ended() {
    model(|| {
        let block = Arc::new(Block::new([State::Live, State::Unused]));
        let size = Arc::new(AtomicU32::new(3));
        let (owner, entry) = (Arc::clone(&block), Arc::clone(&size));
        // The owner of the block takes the entry back as soon as its object is gone, before that
        // was counted, and gives it to a larger one.
        let reused = thread::spawn(move || {
            if owner.stamps[0].seen().state() == State::Dead {
                entry.store(200, Ordering::Relaxed);
                owner.stamps[0].set(Seen::new(State::Live, GENERATION + 1, 8));
            }
        });
        block.state.enter();
        let freed = block.stamps[0].free(GENERATION, |_| size.load(Ordering::Relaxed));
        assert!(block.state.leave_freed(freed.unwrap()));
        reused.join().unwrap();
        assert_eq!(block.state.take_freed().freed(), 3);
    });
}

#[test]
fn a_block_is_published_under_who_follows_a_stale_handle() {
    model(|| {
        let block = Arc::new(Block::new([State::Unused, State::Unused]));
        assert!(block.state.retire().is_some());
        let (liar, other) = (Arc::clone(&block), Arc::clone(&block));
        let lies = thread::spawn(move || liar.visit(|| liar.stamps[0].seen()));
        let more = thread::spawn(move || other.visit(|| ()));
        // New frames, formatted before anybody is told of them.
        block.frames.with_mut(|frames| {
            // SAFETY: nobody is told of them yet; Loom checks it.
            unsafe { *frames = 1 };
        });
        block.state.publish(2 * ADDRESS, Use::Slotted, 2);
        block.stamps[0].set(Seen::new(State::Live, GENERATION, 8));
        assert_eq!(block.read(0), Ok(()));
        lies.join().unwrap();
        more.join().unwrap();
        let seen = block.state.seen();
        assert_eq!((seen.address(), seen.usage(), seen.order()), (2 * ADDRESS, Use::Slotted, 2));
        assert!(block.state.retire().is_some(), "a visit was not ended");
    });
}

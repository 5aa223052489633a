//! One block against a model: what is where, and that the directory tiles the block.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use std::alloc::{Layout, alloc, dealloc};
use std::vec::Vec;

use proptest::prelude::*;

use super::super::block::{Block, Pass};
use super::super::entry::units;
use super::super::front::{FRONT_BYTES, directory_end};
use super::super::name::Name;
use super::super::stamp::State;

/// A block on the host's heap.
struct Host {
    base: NonNull<u8>,
    layout: Layout,
}

impl Host {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 4096).unwrap();
        // SAFETY: the layout is not empty.
        Self { base: NonNull::new(unsafe { alloc(layout) }).unwrap(), layout }
    }

    fn format(&self) -> Block {
        // SAFETY: the bytes are ours alone.
        unsafe { Block::format(self.base, self.layout.size(), 1, 0x7ff0, 0) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Place(u32),
    Free(usize),
    OpenFreed,
    Slide(usize, usize),
    Leave(usize),
    Pin(usize),
    Unpin(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u32..2000).prop_map(Step::Place),
        2 => (1u32..60).prop_map(Step::Place),
        4 => any::<usize>().prop_map(Step::Free),
        3 => Just(Step::OpenFreed),
        4 => ((1usize..8000), (1usize..20)).prop_map(|(bytes, visits)| Step::Slide(bytes, visits)),
        1 => (0usize..3).prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::Pin),
        1 => any::<usize>().prop_map(Step::Unpin),
    ]
}

struct Object {
    index: u32,
    generation: u32,
    length: u32,
    owner: u32,
    pins: u32,
}

impl Object {
    fn byte(&self, at: usize) -> u8 {
        (self.owner as usize * 31 + at) as u8
    }
}

fn place(block: &Block, length: u32, owner: u32) -> Object {
    let handle = block.place(length, owner, State::Live).expect("an entry").handle;
    let Name { index, generation, .. } = Name::of(handle);
    block.refit();
    let object = Object { index, generation, length, owner, pins: 0 };
    let data = block.byte(block.entry(index).place().offset());
    for at in 0..length as usize {
        // SAFETY: the object has that many bytes.
        unsafe { data.add(at).write(object.byte(at)) };
    }
    object
}

fn free(block: &Block, object: &Object) {
    let entry = block.entry(object.index);
    let length = entry.stamp.free(object.generation, |seen| entry.place().length(seen));
    assert_eq!(length, Ok(object.length));
    block.front().freed.store(object.index as u16, Ordering::Relaxed);
    block.front().add_holes(units(object.length));
    assert!(entry.stamp.free(object.generation, |_| ()).is_err(), "freed twice");
}

fn verify(block: &Block, object: &Object) {
    let entry = block.entry(object.index);
    let seen = entry.stamp.seen();
    assert_eq!((seen.state(), seen.generation()), (State::Live, object.generation));
    assert_eq!(entry.place().length(seen), object.length);
    let data = block.byte(entry.place().offset());
    for at in 0..object.length as usize {
        // SAFETY: the object has that many bytes.
        assert_eq!(unsafe { data.add(at).read() }, object.byte(at), "byte {at}");
    }
}

fn run(steps: &[Step], bytes: usize) {
    let host = Host::new(bytes);
    let block = &host.format();
    let mut live: Vec<Object> = Vec::new();
    let mut pass: Option<Pass> = None;
    let mut owner = 0;
    for step in steps {
        match *step {
            Step::Place(length) if block.window() >= units(length) => {
                owner += 1;
                live.push(place(block, length, owner));
            }
            Step::Free(which) if !live.is_empty() => {
                let which = which % live.len();
                if live[which].pins == 0 {
                    free(block, &live.swap_remove(which));
                }
            }
            Step::OpenFreed => {
                pass = None;
                block.open_freed();
            }
            Step::Slide(most, visits) => {
                let mut now = pass.take().unwrap_or_else(|| block.pass());
                let slid = block.slide(&mut now, most, visits, 1 + most as u32 % 64);
                assert!(slid.bytes <= most && slid.visited <= visits);
                pass = if slid.won.is_none() { Some(now) } else { None };
            }
            Step::Leave(skip) => {
                pass = None;
                if let Some(leaving) = block.leave(skip) {
                    let entry = block.entry(leaving.index);
                    let at = live.iter().position(|object| object.owner == leaving.owner);
                    let at = at.expect("a live object leaves");
                    assert_eq!(live[at].pins, 0, "a pinned object leaves");
                    if skip == 0 {
                        entry.stamp.set(leaving.seen.dead());
                        block.front().add_holes(units(leaving.length));
                        live.swap_remove(at);
                    } else {
                        entry.stamp.set(leaving.seen.live());
                    }
                }
            }
            Step::Pin(which) if !live.is_empty() => {
                let count = live.len();
                let object = &mut live[which % count];
                object.pins += 1;
                block.entry(object.index).stamp.pin(object.generation).expect("a live object");
            }
            Step::Unpin(which) if !live.is_empty() => {
                let count = live.len();
                let object = &mut live[which % count];
                if object.pins > 0 {
                    object.pins -= 1;
                    block.entry(object.index).stamp.unpin();
                }
            }
            _ => {}
        }
        block.refit();
        block.check();
        let places: u32 = live.iter().map(|object| units(object.length)).sum();
        assert_eq!(block.front().live_units(), places, "live units");
        assert_eq!(block.count(), (live.len(), places as usize * 8));
    }
    for object in &live {
        (0..object.pins).for_each(|_| block.entry(object.index).stamp.unpin());
        verify(block, object);
    }
    for object in &live {
        free(block, object);
    }
    assert_eq!(block.front().live_units(), 0);
    while block.slide(&mut block.pass(), usize::MAX, usize::MAX, 0).won.is_none() {}
    block.check();
    let entries = block.front().entries() * 12;
    assert_eq!(block.free(), block.bytes() - FRONT_BYTES - entries, "an empty block is all free");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 150 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_block_keeps_what_it_was_given(
        steps in prop::collection::vec(step(), 1..if cfg!(miri) { 40 } else { 400 }),
        order in 0u32..4,
    ) {
        run(&steps, 4096 << order);
    }
}

#[test]
fn an_object_fits_exactly_the_room() {
    let host = Host::new(4096);
    let block = &host.format();
    let room = block.window();
    let object = place(block, room * 8, 1);
    assert_eq!(block.window(), 0);
    free(block, &object);
    block.slide(&mut block.pass(), 0, 2, 0);
    block.refit();
    let entry = directory_end(1) - directory_end(0);
    assert_eq!(block.window(), room - entry, "all but the entry that was added");
}

#[test]
fn the_hole_of_what_was_freed_is_filled_and_then_the_gap() {
    let host = Host::new(4096);
    let block = &host.format();
    let objects: Vec<Object> = (1..=3).map(|owner| place(block, 1000, owner)).collect();
    free(block, &objects[1]);
    block.open_freed();
    block.refit();
    assert_eq!(block.window(), 125, "the hole is larger than the gap");
    let filler = place(block, 900, 9);
    assert_eq!(filler.index, objects[1].index, "it has the entry that was there");
    let offset = |object: &Object| block.entry(object.index).place().offset();
    assert!(offset(&objects[2]) < offset(&filler) && offset(&filler) < offset(&objects[0]));
    block.check();
    assert!(block.window() > 100, "the gap is the window again");
    let low = place(block, 800, 10);
    assert!(offset(&low) < offset(&objects[2]));
    block.check();
    verify(block, &filler);
}

/// A hole is not the window any more when the directory has no room for another entry.
#[test]
fn a_hole_without_an_entry_has_no_room() {
    let host = Host::new(4096);
    let block = &host.format();
    let objects: Vec<Object> = (1..=3).map(|owner| place(block, 1000, owner)).collect();
    place(block, block.window() * 8, 4);
    free(block, &objects[1]);
    block.open_freed();
    let placed = block.place(100, 5, State::Live).expect("the entry that was freed");
    assert_eq!(placed.room, 0, "there is no other");
    block.check();
}

#[test]
fn a_pinned_object_stays_in_place() {
    let host = Host::new(4096);
    let block = &host.format();
    let (high, low) = (place(block, 500, 1), place(block, 500, 2));
    free(block, &high);
    block.entry(low.index).stamp.pin(low.generation).unwrap();
    let slid = block.slide(&mut block.pass(), usize::MAX, 8, 0);
    assert_eq!((slid.bytes, slid.won), (0, Some(0)));
    assert!(block.leave(0).is_none());
    block.entry(low.index).stamp.unpin();
    let mut pass = block.pass();
    let slid = block.slide(&mut pass, usize::MAX, 8, 0);
    assert_eq!((slid.bytes, slid.won), (500, None), "one object at a time");
    assert_eq!(block.slide(&mut pass, usize::MAX, 8, 0).won, Some(63));
    verify(block, &low);
}

#[test]
fn an_object_without_an_owner_does_not_leave() {
    let host = Host::new(4096);
    let block = &host.format();
    place(block, 500, zpool::Owner::NONE.0);
    assert!(block.leave(0).is_none());
}

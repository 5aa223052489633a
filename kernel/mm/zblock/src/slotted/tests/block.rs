//! One block against a model: what is where, and that the directory tiles the block.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc, dealloc};
use std::vec::Vec;

use proptest::prelude::*;

use super::super::block::{Block, HEADER_UNITS};

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
        unsafe { Block::format(self.base, self.layout.size()) }
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
    Alloc(u32),
    Free(usize),
    Slide,
    Evict(usize),
    Pin(usize),
    Unpin(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u32..2000).prop_map(Step::Alloc),
        2 => (1u32..60).prop_map(Step::Alloc),
        4 => any::<usize>().prop_map(Step::Free),
        4 => Just(Step::Slide),
        1 => (0usize..3).prop_map(Step::Evict),
        1 => any::<usize>().prop_map(Step::Pin),
        1 => any::<usize>().prop_map(Step::Unpin),
    ]
}

struct Object {
    index: u32,
    generation: u32,
    length: u32,
    pins: u32,
}

impl Object {
    fn byte(&self, at: usize) -> u8 {
        (self.generation as usize * 31 + at) as u8
    }
}

fn fill(block: &mut Block, object: &Object) {
    let data = block.data_of(object.index);
    for at in 0..object.length as usize {
        // SAFETY: the object has that many bytes.
        unsafe { data.add(at).write(object.byte(at)) };
    }
}

fn verify(block: &mut Block, object: &Object) {
    let entry = block.find(object.index, object.generation).expect("a live object is found");
    assert_eq!(block.length(entry), object.length as usize);
    assert_eq!(entry.pins(), object.pins);
    let data = block.data(entry);
    for at in 0..object.length as usize {
        // SAFETY: the object has that many bytes.
        assert_eq!(unsafe { data.add(at).read() }, object.byte(at), "byte {at}");
    }
}

fn run(steps: &[Step], bytes: usize) {
    let host = Host::new(bytes);
    let mut block = host.format();
    let mut live: Vec<Object> = Vec::new();
    let mut generation = 0;
    for step in steps {
        match *step {
            Step::Alloc(length) => {
                let usable = block.usable();
                generation += 1;
                match block.alloc(length, generation, generation) {
                    Some(index) => {
                        let object = Object { index, generation, length, pins: 0 };
                        fill(&mut block, &object);
                        live.push(object);
                    }
                    None => assert!(length > usable, "{length} refused, {usable} promised"),
                }
            }
            Step::Free(which) if !live.is_empty() => {
                let which = which % live.len();
                if live[which].pins == 0 {
                    let object = live.swap_remove(which);
                    block.release(object.index);
                    assert!(block.find(object.index, object.generation).is_none());
                }
            }
            Step::Slide => {
                if let Some(slide) = block.slide_begin(usize::MAX) {
                    // SAFETY: both places are inside the block.
                    unsafe { slide.to.copy_from(slide.from, slide.length) };
                    block.slide_end(slide);
                }
            }
            Step::Evict(skip) => {
                if let Some(leaving) = block.leave(skip) {
                    assert_eq!(leaving.owner, leaving.generation);
                    if skip == 0 {
                        block.release(leaving.entry);
                        live.retain(|object| object.generation != leaving.generation);
                    } else {
                        block.stay(leaving.entry);
                    }
                }
            }
            Step::Pin(which) if !live.is_empty() => {
                let count = live.len();
                let object = &mut live[which % count];
                object.pins += 1;
                block.pin(object.index);
            }
            Step::Unpin(which) if !live.is_empty() => {
                let count = live.len();
                let object = &mut live[which % count];
                if object.pins > 0 {
                    object.pins -= 1;
                    block.unpin(object.index);
                }
            }
            _ => {}
        }
        block.check();
        assert_eq!(block.live() as usize, live.len());
    }
    for object in &live {
        verify(&mut block, object);
    }
    for object in live {
        (0..object.pins).for_each(|_| block.unpin(object.index));
        block.release(object.index);
        block.check();
    }
    assert_eq!(block.free(), block.bytes() - HEADER_UNITS * 8, "an empty block is all free");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 300 },
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
fn an_object_fits_exactly_what_is_usable() {
    let host = Host::new(4096);
    let mut block = host.format();
    let usable = block.usable();
    let index = block.alloc(usable, 1, 1).expect("the whole block");
    assert_eq!(block.usable(), 0);
    assert!(block.alloc(1, 2, 2).is_none());
    block.release(index);
    assert_eq!(block.usable(), usable);
}

#[test]
fn a_pinned_object_stays_in_place() {
    let host = Host::new(4096);
    let mut block = host.format();
    let low = block.alloc(500, 1, 1).unwrap();
    let high = block.alloc(500, 2, 2).unwrap();
    block.release(low);
    block.pin(high);
    assert!(block.slide_begin(usize::MAX).is_none());
    assert!(block.leave(0).is_none());
    block.unpin(high);
    assert!(block.slide_begin(usize::MAX).is_some());
}

#[test]
fn an_object_without_an_owner_does_not_leave() {
    let host = Host::new(4096);
    let mut block = host.format();
    block.alloc(500, 1, zpool::Owner::NONE.0).unwrap();
    assert!(block.leave(0).is_none());
}

//! The allocator against a naive model: a set of free frames and a map of blocks handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use buddy::{Buddy, Error, FrameInfo, Granule, Granule4K, Granule16K, MAX_ORDER};
use proptest::prelude::*;

/// What the allocator is to be, without any structure.
struct Model {
    page: u64,
    ram: Vec<Range<u64>>,
    /// Addresses of free frames.
    free: BTreeSet<u64>,
    /// Address and order of what is handed out.
    allocated: BTreeMap<u64, u32>,
}

impl Model {
    fn new<G: Granule>(ram: &[Range<u64>], reserved: &[Range<u64>]) -> Self {
        let page = G::SIZE as u64;
        let mut free = BTreeSet::new();
        for range in ram {
            let mut address = range.start.next_multiple_of(page);
            while address + page <= range.end {
                let taken = |hole: &Range<u64>| {
                    !hole.is_empty() && hole.start < address + page && address < hole.end
                };
                if !reserved.iter().any(taken) {
                    free.insert(address);
                }
                address += page;
            }
        }
        Self { page, ram: ram.to_vec(), free, allocated: BTreeMap::new() }
    }

    /// Addresses of the frames of a block.
    fn frames(&self, address: u64, order: u32) -> impl Iterator<Item = u64> + use<> {
        let page = self.page;
        (0..1 << order).map(move |frame| address + frame * page)
    }

    /// Whether all of a block is free and in one RAM range.
    fn is_free(&self, address: u64, order: u32) -> bool {
        let end = address + (self.page << order);
        self.ram.iter().any(|range| range.start <= address && end <= range.end)
            && self.frames(address, order).all(|frame| self.free.contains(&frame))
    }

    /// The free blocks that merging leaves: the largest aligned ones that are wholly free.
    fn free_blocks(&self) -> [usize; MAX_ORDER as usize + 1] {
        let mut blocks = [0; MAX_ORDER as usize + 1];
        let mut seen = BTreeSet::new();
        for order in (0..=MAX_ORDER).rev() {
            let size = self.page << order;
            for address in self.free.iter().filter(|address| address.is_multiple_of(size)) {
                if !seen.contains(address) && self.is_free(*address, order) {
                    blocks[order as usize] += 1;
                    seen.extend(self.frames(*address, order));
                }
            }
        }
        blocks
    }

    fn allocated_block_of(&self, frame: u64) -> Option<(u64, u32)> {
        let (address, order) = self.allocated.range(..=frame).next_back()?;
        (frame < address + (self.page << order)).then_some((*address, *order))
    }

    fn check<G: Granule>(&self, buddy: &Buddy<'_, G>) {
        let statistics = buddy.statistics();
        assert_eq!(statistics.free_blocks, self.free_blocks());
        assert_eq!(statistics.free_frames, self.free.len());
        let allocated: usize = self.allocated.values().map(|order| 1 << order).sum();
        assert_eq!(statistics.allocated_frames(), allocated);
        let largest = (0..=MAX_ORDER).rev().find(|order| self.free_blocks()[*order as usize] > 0);
        assert_eq!(statistics.largest_free_order(), largest);
    }

    fn alloc<G: Granule>(&mut self, buddy: &mut Buddy<'_, G>, order: u32) {
        let possible = self.free_blocks()[order as usize..].iter().any(|count| *count > 0);
        match buddy.alloc(order) {
            Ok(address) => {
                assert!(possible && address.is_multiple_of(self.page << order));
                assert!(self.is_free(address, order), "{address:#x} of order {order}");
                for frame in self.frames(address, order) {
                    self.free.remove(&frame);
                }
                self.allocated.insert(address, order);
            }
            Err(error) => assert_eq!((error, possible), (Error::OutOfMemory(order), false)),
        }
    }

    fn free<G: Granule>(&mut self, buddy: &mut Buddy<'_, G>, address: u64, order: u32) {
        let expected = self.expected_of_free(address, order);
        assert_eq!(buddy.free(address, order), expected);
        if expected.is_ok() {
            self.allocated.remove(&address);
            self.free.extend(self.frames(address, order));
        }
    }

    fn expected_of_free(&self, address: u64, given: u32) -> Result<(), Error> {
        if given > MAX_ORDER {
            return Err(Error::OrderTooLarge(given));
        }
        if !address.is_multiple_of(self.page) {
            return Err(Error::Unaligned(address));
        }
        if self.free.contains(&address) {
            return Err(Error::DoubleFree(address));
        }
        match self.allocated_block_of(address) {
            Some((block, allocated)) if block == address && allocated == given => Ok(()),
            Some((block, allocated)) if block == address => {
                Err(Error::WrongOrder { address, allocated, given })
            }
            Some((block, _)) => Err(Error::InsideBlock { address, block }),
            None => {
                let inside =
                    |range: &Range<u64>| range.start <= address && address + self.page <= range.end;
                if self.ram.iter().any(inside) {
                    Err(Error::Reserved(address))
                } else {
                    Err(Error::Foreign(address))
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Alloc(u32),
    /// Frees a block that was handed out.
    Free(prop::sample::Index),
    /// Frees any frame of any range's neighbourhood with any order.
    Misuse(prop::sample::Index, i64, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![4 => 0..3u32, 2 => 0..=MAX_ORDER];
    prop_oneof![
        4 => order.prop_map(Step::Alloc),
        3 => any::<prop::sample::Index>().prop_map(Step::Free),
        2 => (any::<prop::sample::Index>(), -6000i64..6000, 0..=MAX_ORDER + 1)
            .prop_map(|(range, frame, order)| Step::Misuse(range, frame, order)),
    ]
}

/// Ascending ranges, from gaps and lengths in quarters of a page: few start on a page boundary.
fn ram(page: u64) -> impl Strategy<Value = Vec<Range<u64>>> {
    let piece = (prop_oneof![0..10u64, 0..10_000u64, Just(1u64 << 30)], 0..12_000u64);
    proptest::collection::vec(piece, 1..5).prop_map(move |pieces| {
        let mut start = 0;
        let range = |(gap, length): (u64, u64)| {
            start += gap * page / 4;
            let range = start..start + length * page / 4;
            start = range.end;
            range
        };
        pieces.into_iter().map(range).collect()
    })
}

/// Holes from a range of RAM, a distance in bytes from its start, and a length in bytes.
fn holes(page: u64) -> impl Strategy<Value = Vec<(prop::sample::Index, i64, u64)>> {
    let pages = page as i64;
    let hole = (any::<prop::sample::Index>(), -2 * pages..2000 * pages, 0..40 * page);
    proptest::collection::vec(hole, 0..6)
}

fn run<G: Granule>(ram: &[Range<u64>], holes: &[(prop::sample::Index, i64, u64)], steps: &[Step]) {
    let page = G::SIZE as u64;
    let reserved: Vec<_> = holes
        .iter()
        .map(|(range, distance, length)| {
            let start = ram[range.index(ram.len())].start.saturating_add_signed(*distance);
            start..start + length
        })
        .collect();
    // What the array holds before must not matter.
    let mut frames = vec![FrameInfo::default(); Buddy::<G>::metadata_entries(ram)];
    if let Ok(mut earlier) = Buddy::<G>::new(ram, &[], &mut frames) {
        while earlier.alloc(1).is_ok() {}
    }
    let mut buddy = Buddy::<G>::new(ram, &reserved, &mut frames).unwrap();
    let mut model = Model::new::<G>(ram, &reserved);
    model.check(&buddy);
    let start = buddy.statistics();
    for step in steps {
        match step {
            Step::Alloc(order) => model.alloc(&mut buddy, *order),
            Step::Free(which) if !model.allocated.is_empty() => {
                let position = which.index(model.allocated.len());
                let (address, order) = model.allocated.iter().nth(position).unwrap();
                let (address, order) = (*address, *order);
                model.free(&mut buddy, address, order);
                assert_eq!(buddy.free(address, order), Err(Error::DoubleFree(address)));
            }
            Step::Free(_) => {}
            Step::Misuse(range, frame, order) => {
                let base = ram[range.index(ram.len())].start.next_multiple_of(page);
                let address = base.saturating_add_signed(*frame * page as i64 / 2);
                model.free(&mut buddy, address, *order);
            }
        }
    }
    model.check(&buddy);
    for (address, order) in model.allocated.clone() {
        model.free(&mut buddy, address, order);
    }
    model.check(&buddy);
    assert_eq!(buddy.statistics(), start, "everything merges again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn follows_the_model_4k(
        ram in ram(4096),
        holes in holes(4096),
        steps in proptest::collection::vec(step(), 0..150),
    ) {
        run::<Granule4K>(&ram, &holes, &steps);
    }

    #[test]
    fn follows_the_model_16k(
        ram in ram(16384),
        holes in holes(16384),
        steps in proptest::collection::vec(step(), 0..150),
    ) {
        run::<Granule16K>(&ram, &holes, &steps);
    }

    #[test]
    fn unreserved_is_in_ram_and_lowest(
        ram in ram(4096),
        holes in holes(4096),
        pages in 1..3000u64,
        alignment in 0..8u32,
    ) {
        let reserved: Vec<_> = holes
            .iter()
            .map(|(range, distance, length)| {
                let start = ram[range.index(ram.len())].start.saturating_add_signed(*distance);
                start..start + length
            })
            .collect();
        let (bytes, alignment) = (pages * 4096, 4096 << alignment);
        let fits = |start: u64| {
            ram.iter().any(|range| range.start <= start && start + bytes <= range.end)
                && !reserved.iter().any(|hole| {
                    !hole.is_empty() && hole.start < start + bytes && start < hole.end
                })
        };
        // Everything aligned from each range's start, up to where it would not fit any more.
        let lowest = ram.iter().find_map(|range| {
            let first = range.start.next_multiple_of(alignment);
            (first..range.end).step_by(alignment as usize).find(|start| fits(*start))
        });
        let found = buddy::find_unreserved(&ram, &reserved, bytes, alignment);
        prop_assert_eq!(found, lowest.map(|start| start..start + bytes));
    }
}

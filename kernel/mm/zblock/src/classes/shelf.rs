//! The blocks of one class: lists through their headers, a bitmap of slots in each.
//!
//! A block starts with its header: two links, the number of free slots, the number its names are
//! recorded under, and the bitmap (1 = occupied). That is 40 bytes of a 4K page (128 bits) and 56
//! of a 16K page (256 bits), as in v4.

use core::marker::PhantomData;
use core::ptr::NonNull;

use zpool::Granule;

use super::policy::Policy;
use super::table::{Class, bitmap_words};

/// The list of blocks without a free slot.
pub(super) const FULL: usize = 8;

/// The blocks of one class. Accessed under the lock of the class.
pub(super) struct Shelf<G, P> {
    /// First block of each circular list.
    lists: [Option<NonNull<Header>>; FULL + 1],
    /// A block without objects, kept for the next allocation. On no list.
    empty: Option<NonNull<Header>>,
    /// Blocks on the lists, the empty one included.
    pub(super) blocks: usize,
    /// Occupied slots.
    pub(super) objects: usize,
    configuration: PhantomData<(G, P)>,
}

// SAFETY: the blocks a shelf points to belong to it alone; who has the shelf has them.
unsafe impl<G: Granule, P: Policy> Send for Shelf<G, P> {}

#[repr(C)]
struct Header {
    next: NonNull<Header>,
    previous: NonNull<Header>,
    free: u32,
    record: u32,
    // The bitmap follows: `bitmap_words::<G>()` words.
}

/// What became of a block that lost an object.
pub(super) enum Put {
    /// It stays with the shelf.
    Kept,
    /// It stays as the empty one.
    KeptEmpty,
    /// It was the last object, and the block is no longer the shelf's.
    Emptied,
    /// The slot was free before: nothing was done.
    WasFree,
}

impl<G: Granule, P: Policy> Shelf<G, P> {
    pub(super) const fn new() -> Self {
        const {
            assert!(
                size_of::<Header>() + bitmap_words::<G>() * 8
                    == if G::SHIFT == 12 { 40 } else { 56 }
            )
        };
        Self {
            lists: [None; FULL + 1],
            empty: None,
            blocks: 0,
            objects: 0,
            configuration: PhantomData,
        }
    }

    /// Takes the lowest free slot of the first block with one: block, record, slot.
    pub(super) fn take(&mut self, class: &Class) -> Option<(NonNull<u8>, u32, usize)> {
        let first = self.lists[..FULL].iter().position(Option::is_some);
        let header = match first.and_then(|list| self.lists[list]) {
            Some(header) => header,
            None => {
                let empty = self.empty.take()?;
                self.push_front(P::list(class.slots, class.slots), empty);
                empty
            }
        };
        // SAFETY: blocks on lists are the shelf's, headers initialised.
        let (slot, free, record) = unsafe {
            let slot = claim_lowest::<G>(header)?;
            let free = (*header.as_ptr()).free - 1;
            (*header.as_ptr()).free = free;
            (slot, free as usize, (*header.as_ptr()).record)
        };
        let (from, to) = (P::list(free + 1, class.slots), P::list(free, class.slots));
        if from != to {
            self.remove(from, header);
            self.push_front(to, header);
        }
        self.objects += 1;
        Some((header.cast(), record, slot))
    }

    /// Adds a new block and takes its first slot.
    ///
    /// # Safety
    /// `block` is a block of the class that nobody else uses, and is the shelf's from now on.
    pub(super) unsafe fn add_taken(&mut self, class: &Class, block: NonNull<u8>, record: u32) {
        // SAFETY: as promised by the caller.
        let header = unsafe { initialise::<G>(block, class, record) };
        // SAFETY: just initialised; the first slot is free.
        unsafe {
            claim_lowest::<G>(header);
            (*header.as_ptr()).free -= 1;
        }
        self.push_front(P::list(class.slots - 1, class.slots), header);
        self.blocks += 1;
        self.objects += 1;
    }

    /// Keeps a new block as the empty one, unless there is one.
    ///
    /// # Safety
    /// As for [`Shelf::add_taken`], if the answer is true.
    pub(super) unsafe fn add_empty(
        &mut self,
        class: &Class,
        block: NonNull<u8>,
        record: u32,
    ) -> bool {
        if self.empty.is_some() {
            return false;
        }
        // SAFETY: as promised by the caller.
        self.empty = Some(unsafe { initialise::<G>(block, class, record) });
        self.blocks += 1;
        true
    }

    /// Frees a slot.
    ///
    /// # Safety
    /// `block` is the shelf's, of this class; `slot` is below its number of slots.
    pub(super) unsafe fn put(&mut self, class: &Class, block: NonNull<u8>, slot: usize) -> Put {
        let header: NonNull<Header> = block.cast();
        // SAFETY: the block is the shelf's, its header initialised.
        let free = unsafe {
            if !release(header, slot) {
                return Put::WasFree;
            }
            (*header.as_ptr()).free += 1;
            (*header.as_ptr()).free as usize
        };
        self.objects -= 1;
        let (from, to) = (P::list(free - 1, class.slots), P::list(free, class.slots));
        if free == class.slots {
            self.remove(from, header);
            if P::KEEPS_EMPTY && self.empty.is_none() {
                self.empty = Some(header);
                return Put::KeptEmpty;
            }
            self.blocks -= 1;
            return Put::Emptied;
        }
        if from != to {
            self.remove(from, header);
            if P::REJOINS_LAST {
                self.push_back(to, header);
            } else {
                self.push_front(to, header);
            }
        }
        Put::Kept
    }

    /// What the names of a block are recorded under.
    ///
    /// # Safety
    /// `block` is a shelf's, so its header is initialised.
    pub(super) unsafe fn record(block: NonNull<u8>) -> u32 {
        // SAFETY: the caller's promise; the record does not change while the block is a shelf's.
        unsafe { (*block.cast::<Header>().as_ptr()).record }
    }

    /// Gives up the empty block: block and record.
    pub(super) fn take_empty(&mut self) -> Option<(NonNull<u8>, u32)> {
        let header = self.empty.take()?;
        self.blocks -= 1;
        // SAFETY: the block was the shelf's, its header initialised.
        Some((header.cast(), unsafe { (*header.as_ptr()).record }))
    }

    /// Gives up every block, with objects or not.
    pub(super) fn dissolve(&mut self, mut found: impl FnMut(NonNull<u8>)) {
        for list in 0..=FULL {
            while let Some(header) = self.lists[list] {
                self.remove(list, header);
                found(header.cast());
            }
        }
        if let Some((block, _)) = self.take_empty() {
            found(block);
        }
    }

    fn push_front(&mut self, list: usize, header: NonNull<Header>) {
        self.push_back(list, header);
        self.lists[list] = Some(header);
    }

    fn push_back(&mut self, list: usize, header: NonNull<Header>) {
        let first = *self.lists[list].get_or_insert(header);
        // SAFETY: blocks on lists and the one that joins are the shelf's; a list is a circle,
        // and the one that joins an empty list becomes a circle of one.
        unsafe {
            let last = if first == header { header } else { (*first.as_ptr()).previous };
            (*header.as_ptr()).next = first;
            (*header.as_ptr()).previous = last;
            (*last.as_ptr()).next = header;
            (*first.as_ptr()).previous = header;
        }
    }

    fn remove(&mut self, list: usize, header: NonNull<Header>) {
        // SAFETY: the block is on that list, whose blocks are all the shelf's.
        let next = unsafe {
            let Header { next, previous, .. } = header.read();
            (*previous.as_ptr()).next = next;
            (*next.as_ptr()).previous = previous;
            next
        };
        if self.lists[list] == Some(header) {
            self.lists[list] = (next != header).then_some(next);
        }
    }
}

/// # Safety
/// `block` is a block of the class that nobody else uses.
unsafe fn initialise<G: Granule>(
    block: NonNull<u8>,
    class: &Class,
    record: u32,
) -> NonNull<Header> {
    let header: NonNull<Header> = block.cast();
    // SAFETY: a block is at least a page, and the caller's alone.
    unsafe {
        header.write(Header { next: header, previous: header, free: class.slots as u32, record });
        bitmap(header).write_bytes(0, bitmap_words::<G>());
    }
    header
}

/// Marks the lowest free slot occupied. It exists when the block counts a free slot.
///
/// # Safety
/// The block is the caller's, its header initialised.
unsafe fn claim_lowest<G: Granule>(header: NonNull<Header>) -> Option<usize> {
    for index in 0..bitmap_words::<G>() {
        // SAFETY: the word is one of the bitmap, which is the caller's.
        let word = unsafe { &mut *bitmap(header).add(index).as_ptr() };
        if *word != u64::MAX {
            let bit = word.trailing_ones();
            *word |= 1 << bit;
            return Some(index * 64 + bit as usize);
        }
    }
    None
}

/// Marks a slot free; false if it was.
///
/// # Safety
/// The block is the caller's, its header initialised, the slot one of the bitmap.
unsafe fn release(header: NonNull<Header>, slot: usize) -> bool {
    // SAFETY: the word is one of the bitmap, which is the caller's.
    let word = unsafe { &mut *bitmap(header).add(slot / 64).as_ptr() };
    let bit = 1 << (slot % 64);
    let occupied = *word & bit != 0;
    *word &= !bit;
    occupied
}

fn bitmap(header: NonNull<Header>) -> NonNull<u64> {
    // SAFETY: the bitmap follows the header in the same block.
    unsafe { header.add(1).cast() }
}

#[cfg(test)]
impl<G: Granule, P: Policy> Shelf<G, P> {
    /// The blocks of a list, first to last.
    pub(super) fn list(&self, list: usize) -> std::vec::Vec<NonNull<u8>> {
        let mut blocks = std::vec::Vec::new();
        let mut next = self.lists[list];
        while let Some(header) = next {
            blocks.push(header.cast());
            // SAFETY: blocks on lists are the shelf's, headers initialised.
            next =
                unsafe { Some((*header.as_ptr()).next) }.filter(|&n| Some(n) != self.lists[list]);
        }
        blocks
    }

    /// Number of free slots of a block, and its bitmap, lowest word first.
    pub(super) fn inspect(&self, block: NonNull<u8>) -> (usize, std::vec::Vec<u64>) {
        let header: NonNull<Header> = block.cast();
        // SAFETY: the block is the shelf's, its header initialised.
        unsafe {
            let words = NonNull::slice_from_raw_parts(bitmap(header), bitmap_words::<G>());
            ((*header.as_ptr()).free as usize, words.as_ref().to_vec())
        }
    }
}

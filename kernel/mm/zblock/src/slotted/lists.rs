//! Lists of blocks by how much room they have: found by find-first-set, never searched.

/// In no list.
pub(super) const NOWHERE: u8 = u8::MAX;
/// Lists of one kind, at most.
pub(super) const LISTS: usize = 64;

/// Neighbours in a list, by block number; zero is none.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Link {
    pub(super) next: u32,
    pub(super) previous: u32,
}

/// What blocks are listed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The largest object that fits.
    Room = 0,
    /// Free bytes beside the largest place.
    Scattered = 1,
    /// The free share of the block.
    Free = 2,
}

/// Heads of the lists of one kind, and which of them are not empty.
pub(super) struct Heads {
    first: [u32; LISTS],
    filled: u64,
}

/// Where the links of a block are.
pub(super) trait Links {
    /// Neighbours of that block in lists of that kind.
    fn link(&mut self, block: u32, kind: Kind) -> &mut Link;
}

impl Heads {
    /// Empty lists.
    pub(super) const fn new() -> Self {
        Self { first: [0; LISTS], filled: 0 }
    }

    /// First block of that list; zero if it is empty.
    pub(super) fn first(&self, list: u8) -> u32 {
        self.first[usize::from(list)]
    }

    /// The first list from `list` on that is not empty.
    pub(super) fn from(&self, list: u8) -> Option<u8> {
        let filled = self.filled.checked_shr(u32::from(list))?;
        (filled != 0).then(|| list + filled.trailing_zeros() as u8)
    }

    /// The last list that is not empty.
    pub(super) fn last(&self) -> Option<u8> {
        (self.filled != 0).then(|| 63 - self.filled.leading_zeros() as u8)
    }

    /// Puts a block at the front of a list.
    #[inline(always)]
    pub(super) fn push(&mut self, links: &mut impl Links, kind: Kind, list: u8, block: u32) {
        let head = self.first(list);
        *links.link(block, kind) = Link { next: head, previous: 0 };
        if head != 0 {
            links.link(head, kind).previous = block;
        }
        self.first[usize::from(list)] = block;
        self.filled |= 1 << list;
    }

    /// Takes a block out of its list.
    #[inline(always)]
    pub(super) fn remove(&mut self, links: &mut impl Links, kind: Kind, list: u8, block: u32) {
        let Link { next, previous } = *links.link(block, kind);
        if next != 0 {
            links.link(next, kind).previous = previous;
        }
        if previous != 0 {
            links.link(previous, kind).next = next;
        } else {
            self.first[usize::from(list)] = next;
            if next == 0 {
                self.filled &= !(1 << list);
            }
        }
    }
}

/// The list of [`Kind::Room`] for blocks that take an object of `bytes`: 48 linear ones below a
/// page of `1 << shift` bytes, four for each doubling above.
pub(super) const fn room(bytes: u32, shift: u32) -> u8 {
    if bytes >> shift == 0 {
        return ((bytes as u64 * 48) >> shift) as u8;
    }
    let doublings = 31 - bytes.leading_zeros() - shift;
    let quarter = bytes >> (shift + doublings - 2) & 3;
    let list = 48 + 4 * doublings + quarter;
    if list > 63 { 63 } else { list as u8 }
}

/// The list of [`Kind::Scattered`]: 1/32 of a page each.
pub(super) const fn scattered(bytes: u32, shift: u32) -> u8 {
    let list = bytes >> (shift - 5);
    if list > 63 { 63 } else { list as u8 }
}

/// The list of [`Kind::Free`]: 1/64 of the block each.
pub(super) const fn free(bytes: u32, block_bytes: u32) -> u8 {
    let list = bytes / (block_bytes / 64);
    if list > 63 { 63 } else { list as u8 }
}

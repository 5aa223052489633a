//! Which block a size goes to: the descriptor tables.

use zpool::Granule;

/// A type of block: how many objects of which size it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Class {
    /// Objects a block holds.
    pub(super) slots: usize,
    /// Binary logarithm of the pages of a block.
    pub(super) order: u32,
    /// Bytes in front of the first slot; 0 for the class of whole pages, which has no header.
    pub(super) header: usize,
    /// Bytes of a slot.
    pub(super) slot_size: usize,
}

impl Class {
    /// Pages of a block.
    pub(super) const fn pages(&self) -> usize {
        1 << self.order
    }

    /// One object that fills its page: no header, never partly used, never on a list.
    pub(super) const fn is_whole_page(&self) -> bool {
        self.header == 0
    }
}

/// The classes of one page size, in ascending order of their slots.
pub(super) struct Table {
    pub(super) classes: &'static [Class],
    /// Smallest class with a slot of at least `8 * index` bytes; `classes.len()` where none has.
    by_words: &'static [u8],
    /// The class to try when there are no frames for this one: larger slots, smaller blocks.
    pub(super) fallback: &'static [Option<u8>],
}

impl Table {
    /// The table of zblock v4 as posted: 31 types of 4K pages, 40 of 16K pages.
    pub(super) const fn v4<G: Granule>() -> &'static Self {
        match G::SHIFT {
            12 => &V4_4K,
            14 => &V4_16K,
            _ => panic!("zblock has tables for pages of 4K and 16K"),
        }
    }

    /// The table of v4 with its defects mended, up to objects of a whole page.
    pub(super) const fn fixed<G: Granule>() -> &'static Self {
        match G::SHIFT {
            12 => &FIXED_4K,
            14 => &FIXED_16K,
            _ => panic!("zblock has tables for pages of 4K and 16K"),
        }
    }

    /// The smallest class whose slots hold `size` bytes, at most a page, by one lookup.
    pub(super) fn smallest_fit(&self, size: usize) -> Option<usize> {
        let class = usize::from(self.by_words[size.div_ceil(8)]);
        (class < self.classes.len()).then_some(class)
    }

    /// The class v4 picks for `size`: the smallest whose slots are larger, by binary search.
    pub(super) fn first_larger(&self, size: usize) -> Option<usize> {
        let class = self.classes.partition_point(|class| class.slot_size <= size);
        (class < self.classes.len()).then_some(class)
    }
}

/// 2^this slots can be told apart by the bitmap of a block.
pub(super) const fn slot_bits<G: Granule>() -> u32 {
    if G::SHIFT == 12 { 7 } else { 8 }
}

/// Words of the bitmap of a block.
pub(super) const fn bitmap_words<G: Granule>() -> usize {
    (1 << slot_bits::<G>()) / 64
}

/// (slots, order); the slot sizes follow.
type Shape = (usize, u32);

const SHAPES_4K: [Shape; 31] = [
    (63, 0),
    (32, 0),
    (21, 0),
    (15, 0),
    (12, 0),
    (10, 0),
    (9, 0),
    (8, 0),
    (29, 2),
    (13, 1),
    (6, 0),
    (11, 1),
    (5, 0),
    (9, 1),
    (8, 1),
    (29, 3),
    (13, 2),
    (12, 2),
    (11, 2),
    (10, 2),
    (9, 2),
    (17, 3),
    (8, 2),
    (15, 3),
    (14, 3),
    (13, 3),
    (6, 2),
    (11, 3),
    (10, 3),
    (9, 3),
    (4, 2),
];

const SHAPES_16K: [Shape; 40] = [
    (255, 0),
    (185, 0),
    (145, 0),
    (113, 0),
    (92, 0),
    (75, 0),
    (60, 0),
    (51, 0),
    (43, 0),
    (37, 0),
    (32, 0),
    (27, 0),
    (23, 0),
    (19, 0),
    (17, 0),
    (15, 0),
    (13, 0),
    (11, 0),
    (10, 0),
    (9, 0),
    (8, 0),
    (15, 1),
    (14, 1),
    (13, 1),
    (12, 1),
    (11, 1),
    (10, 1),
    (9, 1),
    (8, 1),
    (15, 2),
    (14, 2),
    (13, 2),
    (12, 2),
    (11, 2),
    (10, 2),
    (9, 2),
    (8, 2),
    (7, 2),
    (6, 2),
    (5, 2),
];

static V4_4K: Table = Table {
    classes: &{ derive::<31>(4096, 40, SHAPES_4K) },
    by_words: &lookup::<31, 513>(&derive(4096, 40, SHAPES_4K)),
    fallback: &[None; 31],
};

static V4_16K: Table = Table {
    classes: &{ derive::<40>(16384, 56, SHAPES_16K) },
    by_words: &lookup::<40, 2049>(&derive(16384, 56, SHAPES_16K)),
    fallback: &[None; 40],
};

/// v4's types with 33 instead of 32 slots of 120 bytes, and whole pages in place of the last one:
/// four objects of up to 4080 bytes in four pages are no denser than an object a page.
const CLASSES_FIXED_4K: [Class; 31] = {
    let mut shapes = SHAPES_4K;
    shapes[1] = (33, 0);
    let mut classes = derive::<31>(4096, 40, shapes);
    classes[30] = whole_page(4096);
    classes
};

/// v4's types, nine objects of up to 14552 bytes in eight pages, and whole pages.
const CLASSES_FIXED_16K: [Class; 42] = {
    let v4 = derive::<40>(16384, 56, SHAPES_16K);
    let mut classes = [whole_page(16384); 42];
    let mut index = 0;
    while index < 40 {
        classes[index] = v4[index];
        index += 1;
    }
    classes[40] = derive::<1>(16384, 56, [(9, 3)])[0];
    classes
};

static FIXED_4K: Table = Table {
    classes: &CLASSES_FIXED_4K,
    by_words: &lookup::<31, 513>(&CLASSES_FIXED_4K),
    fallback: &fallbacks(&CLASSES_FIXED_4K),
};

static FIXED_16K: Table = Table {
    classes: &CLASSES_FIXED_16K,
    by_words: &lookup::<42, 2049>(&CLASSES_FIXED_16K),
    fallback: &fallbacks(&CLASSES_FIXED_16K),
};

const fn whole_page(page: usize) -> Class {
    Class { slots: 1, order: 0, header: 0, slot_size: page }
}

const fn derive<const N: usize>(page: usize, header: usize, shapes: [Shape; N]) -> [Class; N] {
    let mut classes = [whole_page(page); N];
    let mut index = 0;
    while index < N {
        let (slots, order) = shapes[index];
        let slot_size = ((page << order) - header) / slots / 8 * 8;
        classes[index] = Class { slots, order, header, slot_size };
        assert!(index == 0 || classes[index - 1].slot_size < slot_size);
        index += 1;
    }
    classes
}

const fn lookup<const N: usize, const WORDS: usize>(classes: &[Class; N]) -> [u8; WORDS] {
    let mut table = [0; WORDS];
    let mut class = 0;
    let mut words = 0;
    while words < WORDS {
        while class < N && classes[class].slot_size < words * 8 {
            class += 1;
        }
        table[words] = class as u8;
        words += 1;
    }
    table
}

const fn fallbacks<const N: usize>(classes: &[Class; N]) -> [Option<u8>; N] {
    let mut table = [None; N];
    let mut class = 0;
    while class < N {
        let mut larger = class + 1;
        while larger < N && classes[larger].order >= classes[class].order {
            larger += 1;
        }
        if larger < N {
            table[class] = Some(larger as u8);
        }
        class += 1;
    }
    table
}

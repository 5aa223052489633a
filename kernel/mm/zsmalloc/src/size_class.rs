//! Which sizes share a class, and how many pages a zspage of it has.

use alloc::vec::Vec;

use buddy::Granule;

/// Bytes in front of an object that say whose it is.
pub(crate) const HEADER: usize = 8;
/// Smallest object.
const SIZE_MIN: usize = 32;

/// The layout of the zspages of one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// Bytes of an object, header included.
    pub(crate) size: usize,
    /// Pages of a zspage.
    pub(crate) pages: usize,
    /// Objects of a zspage.
    pub(crate) objects: usize,
}

impl Layout {
    /// The chain that wastes the least at its end; the shorter one of equals.
    fn best<G: Granule>(size: usize, longest_chain: usize) -> Self {
        let waste = |pages: usize| (pages * G::SIZE) % size;
        let pages = if size.is_power_of_two() {
            1
        } else {
            // The first of equal minima is the shortest chain.
            (1..=longest_chain).min_by_key(|&pages| waste(pages)).unwrap_or(1)
        };
        Self { size, pages, objects: pages * G::SIZE / size }
    }

    /// The object is the page: it has no header.
    pub(crate) fn is_huge(&self) -> bool {
        self.pages == 1 && self.objects == 1
    }

    /// Bytes that an object has for its owner.
    pub(crate) fn capacity(&self) -> usize {
        self.size - self.header()
    }

    /// Bytes of the header.
    pub(crate) fn header(&self) -> usize {
        if self.is_huge() { 0 } else { HEADER }
    }
}

/// All classes of a pool: the distinct layouts, and which one each nominal size uses.
pub(crate) struct SizeClasses {
    /// Smallest first.
    pub(crate) layouts: Vec<Layout>,
    /// Position in `layouts` by class index.
    pub(crate) by_index: Vec<u16>,
}

impl SizeClasses {
    /// Nominal sizes whose zspages would have as many pages and objects as the next larger one's
    /// use that one.
    pub(crate) fn new<G: Granule>(longest_chain: usize) -> Self {
        let mut layouts: Vec<Layout> = Vec::new();
        let mut by_index = Vec::new();
        for index in (0..=last_index::<G>()).rev() {
            let layout = Layout::best::<G>(nominal_size::<G>(index), longest_chain);
            let same =
                |larger: &&Layout| (larger.pages, larger.objects) == (layout.pages, layout.objects);
            if layouts.last().filter(same).is_none() {
                layouts.push(layout);
            }
            by_index.push(layouts.len() as u16 - 1);
        }
        layouts.reverse();
        by_index.reverse();
        let last = layouts.len() as u16 - 1;
        by_index.iter_mut().for_each(|position| *position = last - *position);
        Self { layouts, by_index }
    }
}

/// The class index of a request, by its bytes with the header.
pub(crate) fn class_index<G: Granule>(bytes: usize) -> usize {
    bytes.saturating_sub(SIZE_MIN).div_ceil(delta::<G>()).min(last_index::<G>())
}

/// Step between nominal sizes.
const fn delta<G: Granule>() -> usize {
    G::SIZE >> 8
}

const fn last_index<G: Granule>() -> usize {
    (G::SIZE - SIZE_MIN).div_ceil(delta::<G>())
}

fn nominal_size<G: Granule>(index: usize) -> usize {
    (SIZE_MIN + index * delta::<G>()).min(G::SIZE)
}

#[cfg(test)]
mod tests {
    use zpool::{Granule4K, Granule16K};

    use super::*;

    fn layout<G: Granule>(classes: &SizeClasses, request: usize) -> (usize, usize, usize) {
        let index = class_index::<G>(request + HEADER);
        let layout = classes.layouts[usize::from(classes.by_index[index])];
        (layout.size, layout.pages, layout.objects)
    }

    #[test]
    fn classes_merge_to_the_documented_numbers() {
        // Chains of 4, 5, 6, 7, 8, 9, 10 and 16 pages.
        let chains =
            [(4, 69), (5, 86), (6, 94), (7, 110), (8, 119), (9, 136), (10, 141), (16, 192)];
        for (chain, distinct) in chains {
            assert_eq!(SizeClasses::new::<Granule4K>(chain).layouts.len(), distinct);
        }
        assert_eq!(SizeClasses::new::<Granule4K>(8).by_index.len(), 255);
        assert_eq!(SizeClasses::new::<Granule16K>(8).by_index.len(), 257);
        assert_eq!(SizeClasses::new::<Granule16K>(8).layouts.len(), 121);
    }

    #[test]
    fn requests_find_their_class_4k() {
        let classes = SizeClasses::new::<Granule4K>(8);
        for (request, expected) in [
            (1, (32, 1, 128)),
            (24, (32, 1, 128)),
            (25, (48, 3, 256)),
            (40, (48, 3, 256)),
            (100, (112, 7, 256)),
            (1000, (1024, 1, 4)),
            (1017, (1056, 8, 31)),
            (2000, (2048, 1, 2)),
            (2041, (2176, 8, 15)),
            (3000, (3072, 3, 4)),
            (3264, (3408, 5, 6)),
            (3624, (3632, 8, 9)),
            (3625, (4096, 1, 1)),
            (4096, (4096, 1, 1)),
        ] {
            assert_eq!(layout::<Granule4K>(&classes, request), expected, "{request} bytes");
        }
    }

    #[test]
    fn requests_find_their_class_16k() {
        let classes = SizeClasses::new::<Granule16K>(8);
        for (request, expected) in [
            (1, (32, 1, 512)),
            (25, (96, 3, 512)),
            (1000, (1056, 2, 31)),
            (4000, (4064, 1, 4)),
            (4096, (4192, 8, 31)),
            (8152, (8160, 1, 2)),
            (8153, (8736, 8, 15)),
            (14552, (14560, 8, 9)),
            (14553, (16384, 1, 1)),
            (16384, (16384, 1, 1)),
        ] {
            assert_eq!(layout::<Granule16K>(&classes, request), expected, "{request} bytes");
        }
    }
}

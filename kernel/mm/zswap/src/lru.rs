//! Second chance over the entries of a table: oldest first, exact.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// No entry.
const END: u32 = u32::MAX;

/// A list of entries, by number, from the oldest to the newest. Every operation is O(1).
pub(crate) struct Lru {
    links: Box<[Link]>,
    oldest: u32,
    newest: u32,
    length: usize,
}

#[derive(Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
    listed: bool,
    /// It is passed over once.
    referenced: bool,
}

/// What a look at the oldest entry came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visit {
    /// There is none.
    Empty,
    /// It was referenced: not any more, and it is the newest now.
    Rotated,
    /// It was not: it is the newest now, and to be written back.
    Chosen(u32),
}

impl Lru {
    /// Room for entries with numbers below `entries`; `None` when the heap has none.
    pub(crate) fn new(entries: usize) -> Option<Self> {
        let mut links = Vec::new();
        links.try_reserve_exact(entries).ok()?;
        let link = Link { older: END, newer: END, listed: false, referenced: false };
        links.resize(entries, link);
        Some(Self { links: links.into_boxed_slice(), oldest: END, newest: END, length: 0 })
    }

    /// Entries in the list.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Adds an entry as the newest, referenced.
    pub(crate) fn push(&mut self, entry: u32) {
        self.append(entry);
        self.links[entry as usize].referenced = true;
    }

    /// Takes an entry out, if it is in.
    pub(crate) fn remove(&mut self, entry: u32) {
        let Link { older, newer, listed, .. } = self.links[entry as usize];
        if !listed {
            return;
        }
        match older {
            END => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            END => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        self.links[entry as usize].listed = false;
        self.length -= 1;
    }

    /// Looks at the oldest entry and makes it the newest.
    pub(crate) fn visit(&mut self) -> Visit {
        let entry = self.oldest;
        if entry == END {
            return Visit::Empty;
        }
        self.remove(entry);
        self.append(entry);
        match core::mem::take(&mut self.links[entry as usize].referenced) {
            true => Visit::Rotated,
            false => Visit::Chosen(entry),
        }
    }

    /// Gives an entry a second chance.
    #[cfg(test)]
    pub(crate) fn reference(&mut self, entry: u32) {
        self.links[entry as usize].referenced = true;
    }

    fn append(&mut self, entry: u32) {
        let older = self.newest;
        let link = &mut self.links[entry as usize];
        debug_assert!(!link.listed, "entry {entry} is in the list");
        *link = Link { older, newer: END, listed: true, ..*link };
        match older {
            END => self.oldest = entry,
            older => self.links[older as usize].newer = entry,
        }
        self.newest = entry;
        self.length += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn order(lru: &Lru) -> Vec<u32> {
        let existing = |entry| (entry != END).then_some(entry);
        let next = |&entry: &u32| existing(lru.links[entry as usize].newer);
        std::iter::successors(existing(lru.oldest), next).collect()
    }

    #[test]
    fn the_oldest_gets_a_second_chance() {
        let mut lru = Lru::new(4).unwrap();
        assert_eq!(lru.visit(), Visit::Empty);
        (0..3).for_each(|entry| lru.push(entry));
        assert_eq!(order(&lru), [0, 1, 2]);
        assert_eq!(lru.visit(), Visit::Rotated);
        assert_eq!(order(&lru), [1, 2, 0]);
        assert_eq!((lru.visit(), lru.visit()), (Visit::Rotated, Visit::Rotated));
        assert_eq!(lru.visit(), Visit::Chosen(0));
        assert_eq!(order(&lru), [1, 2, 0]);
    }

    #[test]
    fn entries_leave_from_anywhere() {
        let mut lru = Lru::new(5).unwrap();
        (0..5).for_each(|entry| lru.push(entry));
        for (entry, left) in
            [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3]), (1, vec![3]), (3, vec![])]
        {
            lru.remove(entry);
            lru.remove(entry);
            assert_eq!((order(&lru), lru.length()), (left.clone(), left.len()));
        }
        lru.push(2);
        assert_eq!(order(&lru), [2]);
    }
}

//! What holds of every block between operations.

use std::vec;

use super::super::entry::{Entry, NIL, State};
use super::{Block, HEADER_UNITS, UNIT};

impl Block {
    /// Panics where the directory and the header disagree.
    pub(in crate::slotted) fn check(&mut self) {
        let (bump, entries) = (u32::from(self.header().bump), u32::from(self.header().entries));
        assert!(bump * UNIT + entries * Entry::BYTES <= self.bytes, "objects meet the directory");
        let mut seen = vec![false; entries as usize];
        let (mut offset, mut previous) = (HEADER_UNITS, NIL);
        let (mut live, mut dead, mut holes) = (0, 0, 0);
        let mut index = u32::from(self.header().first);
        while index != NIL {
            let entry = self.entry(index);
            assert!(!core::mem::replace(&mut seen[index as usize], true), "entry {index} twice");
            assert_eq!(entry.offset(), offset, "entry {index} does not begin where one ends");
            assert_eq!(entry.previous(), previous, "the chain is not the same both ways");
            let end = self.end(entry);
            assert!(end > offset, "entry {index} is empty");
            match entry.state() {
                State::Hole => {
                    dead += end - offset;
                    holes += 1;
                    let before = if previous == NIL { None } else { Some(self.entry(previous)) };
                    assert!(
                        before.is_none_or(|before| before.state() != State::Hole),
                        "two holes side by side"
                    );
                    assert_ne!(entry.next(), NIL, "a hole at the gap");
                }
                State::Live => live += 1,
                state => panic!("entry {index} is {state:?} in the chain"),
            }
            (offset, previous, index) = (end, index, entry.next());
        }
        assert_eq!((offset, previous), (bump, u32::from(self.header().last)), "the chain's end");
        assert_eq!((live, dead), (self.live(), u32::from(self.header().dead)), "live and dead");
        let (mut hole, mut before) = (u32::from(self.header().holes), NIL);
        while hole != NIL {
            let entry = self.entry(hole);
            assert_eq!(entry.state(), State::Hole, "an entry in the list of holes");
            assert_eq!(entry.neighbours().0, before, "the list of holes is not the same both ways");
            (before, hole, holes) = (hole, entry.neighbours().1, holes - 1);
        }
        assert_eq!(holes, 0, "holes that are in no list");
        let mut unused = u32::from(self.header().unused);
        while unused != NIL {
            assert_eq!(self.entry(unused).state(), State::Unused);
            assert!(!core::mem::replace(&mut seen[unused as usize], true), "entry {unused} twice");
            unused = self.entry(unused).next();
        }
        assert!(seen.iter().all(|&seen| seen), "an entry that is neither used nor unused");
    }
}

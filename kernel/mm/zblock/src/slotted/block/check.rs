//! What holds of every block between operations.

use std::vec;

use super::super::entry::{NIL, units};
use super::super::stamp::State;
use super::Block;

impl Block {
    /// Panics where the directory and the front disagree.
    pub(in crate::slotted) fn check(&self) {
        let front = self.front();
        let entries = front.entries();
        let gap = self.gap();
        assert!(gap < self.bytes(), "objects meet the directory");
        let mut seen = vec![false; entries as usize];
        let (mut ceiling, mut previous) = (front.end.get(), NIL);
        let mut live = 0;
        let window = if front.ceiling.get() == 0 { NIL } else { front.last.get() };
        let mut met = front.ceiling.get() == 0 || window == NIL;
        let mut index = front.first.get();
        while index != NIL {
            let entry = self.entry(index);
            assert!(!core::mem::replace(&mut seen[index as usize], true), "entry {index} twice");
            let stamp = entry.stamp.seen();
            let length = entry.place().length(stamp);
            let top = entry.place().offset() + units(length);
            assert_ne!(stamp.state(), State::Unused, "entry {index} is unused in the chain");
            if stamp.state() != State::Dead {
                assert!(top <= ceiling, "entry {index} reaches into the one above");
                live += units(length);
                ceiling = entry.place().offset();
            }
            met |= index == window;
            (previous, index) = (index, entry.place().next());
        }
        assert!(met, "the object above the window is not in the chain");
        let last = if front.ceiling.get() == 0 { front.last.get() } else { front.gap_last.get() };
        assert_eq!(last, previous, "the end of the chain");
        assert!(ceiling >= front.bottom(), "an object below all objects");
        let known = front.live_units();
        assert!(known >= live, "{known} units are live, as far as known, but {live} are");
        let mut unused = front.unused.get();
        if window != NIL && unused == window {
            // It is in the chain still, where the next object gets it.
            assert_eq!(self.entry(unused).stamp.seen().state(), State::Dead);
            unused = self.entry(unused).owner();
        }
        while unused != NIL {
            assert_eq!(self.entry(unused).stamp.seen().state(), State::Unused);
            assert!(!core::mem::replace(&mut seen[unused as usize], true), "entry {unused} twice");
            unused = self.entry(unused).owner();
        }
        assert!(seen.iter().all(|&seen| seen), "an entry that is neither used nor unused");
    }
}

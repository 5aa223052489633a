//! A fixed sequence of allocations and frees.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use report::Step;

use crate::random::Random;

/// How many notes each step takes, the last one at its end.
const NOTES: [(Step, usize); 5] = [
    (Step::Fill, 10),
    (Step::Churn, 10),
    (Step::Half, 5),
    (Step::Quarter, 5),
    (Step::Compacted, 1),
];

/// What is done with a pool: how many objects of which sizes, in which order.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// Objects of the full pool.
    pub objects: usize,
    /// How many of them are replaced, at random.
    pub replacements: usize,
    /// Sizes to draw from.
    pub sizes: &'a [u16],
    /// Seed of the order.
    pub seed: u64,
}

/// One step of a course. Places are numbered from zero and hold one object at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Allocate an object.
    Allocate {
        /// Where it is kept; nothing is there.
        place: usize,
        /// Its size in bytes.
        size: usize,
    },
    /// Free the object of that place, or forget that it was refused.
    Free {
        /// Where it was kept.
        place: usize,
    },
    /// Compact to completion.
    Compact,
    /// Note what the pool holds.
    Note(Step),
}

impl Course<'_> {
    /// Gives the course command by command; stops when `act` fails.
    ///
    /// It ends with a quarter of the objects live and compacted.
    ///
    /// # Errors
    /// The first error of `act`.
    pub fn walk<E>(&self, mut act: impl FnMut(Command) -> Result<(), E>) -> Result<(), E> {
        let mut random = Random(self.seed);
        let mut live: Vec<u32> = Vec::with_capacity(self.objects);
        let size = |random: &mut Random| usize::from(self.sizes[random.below(self.sizes.len())]);
        for (step, notes) in NOTES {
            let operations = self.operations(step, live.len());
            for number in 0..operations {
                match step {
                    Step::Fill => {
                        live.push(number as u32);
                        act(Command::Allocate { place: number, size: size(&mut random) })?;
                    }
                    Step::Churn => {
                        let place = live[random.below(live.len())] as usize;
                        act(Command::Free { place })?;
                        act(Command::Allocate { place, size: size(&mut random) })?;
                    }
                    Step::Half | Step::Quarter => {
                        let place = live.swap_remove(random.below(live.len())) as usize;
                        act(Command::Free { place })?;
                    }
                    Step::Compacted => act(Command::Compact)?,
                }
                // After each of `notes` equal parts of the step.
                if (number + 1) * notes / operations != number * notes / operations {
                    act(Command::Note(step))?;
                }
            }
        }
        Ok(())
    }

    /// How often a step does what it does, with so many objects live.
    fn operations(&self, step: Step, live: usize) -> usize {
        match step {
            Step::Fill => self.objects,
            Step::Churn => self.replacements,
            Step::Half => live - self.objects / 2,
            Step::Quarter => live - self.objects / 4,
            Step::Compacted => 1,
        }
    }

    /// The course as a trace for `replay`, up to compaction: `a ID SIZE`, `f ID`, and `q` where
    /// the pool is noted.
    #[must_use]
    pub fn trace(&self) -> String {
        let mut trace = String::new();
        let mut ids: Vec<u32> = alloc::vec![0; self.objects];
        let mut next = 0_u32;
        // Writing to a string does not fail.
        let _ = self.walk(|command| match command {
            Command::Allocate { place, size } => {
                ids[place] = next;
                next += 1;
                writeln!(trace, "a {} {size}", ids[place])
            }
            Command::Free { place } => writeln!(trace, "f {}", ids[place]),
            Command::Note(Step::Compacted) | Command::Compact => Ok(()),
            Command::Note(_) => writeln!(trace, "q"),
        });
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_in_turn_and_steps_end_where_they_should() {
        let course = Course { objects: 1000, replacements: 3000, sizes: &[10, 20, 30], seed: 7 };
        let mut live = std::vec![false; 1000];
        let mut ends = std::collections::BTreeMap::new();
        let mut notes = 0;
        let done: Result<(), ()> = course.walk(|command| {
            match command {
                Command::Allocate { place, size } => {
                    assert!(!core::mem::replace(&mut live[place], true));
                    assert!([10, 20, 30].contains(&size));
                }
                Command::Free { place } => assert!(core::mem::take(&mut live[place])),
                Command::Compact => {}
                Command::Note(step) => {
                    notes += 1;
                    ends.insert(step.text(), live.iter().filter(|live| **live).count());
                }
            }
            Ok(())
        });
        assert_eq!(done, Ok(()));
        assert_eq!(notes, 31);
        let expected = [
            ("25 % left", 250),
            ("50 % left", 500),
            ("churned", 1000),
            ("compacted", 250),
            ("filled", 1000),
        ];
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_seed_gives_one_course() {
        let course = |seed| Course { objects: 50, replacements: 50, sizes: &[1, 2], seed }.trace();
        assert_eq!(course(1), course(1));
        assert_ne!(course(1), course(2));
        assert!(course(1).starts_with("a 0 "));
    }
}

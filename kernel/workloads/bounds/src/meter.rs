//! What operations took: the distribution, the most, and in which state that was.

use alloc::string::String;
use alloc::vec::Vec;

use report::{Bound, StateBound};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Malloc,
    Free,
    Read,
    Write,
    Maintain,
    /// A step of background work, less one for each byte that it copied.
    MaintainBesidesCopying,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] = [
        Self::Malloc,
        Self::Free,
        Self::Read,
        Self::Write,
        Self::Maintain,
        Self::MaintainBesidesCopying,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Malloc => "malloc",
            Self::Free => "free",
            Self::Read => "read and end",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::MaintainBesidesCopying => "maintain besides copying",
        }
    }
}

/// Durations that are counted one by one; longer ones count as longest.
const LONGEST: usize = 1 << 15;

/// One operation.
struct Tally {
    counts: Vec<u32>,
    /// The longest, the size of the object, and the number of the state.
    worst: (u64, usize, usize),
    /// The longest of each state.
    states: Vec<u64>,
}

/// All operations.
pub(crate) struct Meter {
    tallies: [Tally; Operation::ALL.len()],
    states: Vec<&'static str>,
    state: usize,
    /// Random operations are counted one by one, directed ones only for the longest.
    pub(crate) counting: bool,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let tally =
            |_| Tally { counts: alloc::vec![0; LONGEST + 1], worst: (0, 0, 0), states: Vec::new() };
        Self { tallies: core::array::from_fn(tally), states: Vec::new(), state: 0, counting: false }
    }

    /// From now on the state is this one.
    pub(crate) fn enter(&mut self, state: &'static str) {
        let known = self.states.iter().position(|&known| known == state);
        self.state = known.unwrap_or(self.states.len());
        if known.is_none() {
            self.states.push(state);
            self.tallies.iter_mut().for_each(|tally| tally.states.push(0));
        }
    }

    /// An operation on an object of that size took so long.
    pub(crate) fn record(&mut self, operation: Operation, took: u64, size: usize) {
        let state = self.state;
        let tally = &mut self.tallies[operation as usize];
        if took > tally.worst.0 {
            tally.worst = (took, size, state);
        }
        tally.states[state] = tally.states[state].max(took);
        if self.counting {
            tally.counts[(took as usize).min(LONGEST)] += 1;
        }
    }

    /// The operations, with the distribution of the random ones.
    pub(crate) fn bounds(&self) -> Vec<Bound> {
        let bound = |operation: Operation| {
            let tally = &self.tallies[operation as usize];
            let (max, size, state) = tally.worst;
            Bound {
                operation: operation.name().into(),
                count: tally.counts.iter().map(|&count| u64::from(count)).sum(),
                median: tally.exceeded_by(500_000),
                percent_99: tally.exceeded_by(10_000),
                percent_99_99: tally.exceeded_by(100),
                max,
                worst_state: String::from(self.states[state]),
                worst_size: size as u64,
            }
        };
        Operation::ALL.into_iter().map(bound).collect()
    }

    /// The longest of each state, operations in the order of [`Meter::bounds`].
    pub(crate) fn states(&self) -> Vec<StateBound> {
        let states = self.states.iter().enumerate().map(|(number, &state)| StateBound {
            state: state.into(),
            max: self.tallies.iter().map(|tally| tally.states[number]).collect(),
        });
        states.collect()
    }
}

impl Tally {
    /// The shortest duration that at most `share` of a million samples exceed.
    fn exceeded_by(&self, share: u64) -> u64 {
        let total: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        let mut left = total;
        let index = self.counts.iter().position(|&count| {
            left -= u64::from(count);
            left * 1_000_000 <= total * share
        });
        index.map_or(0, |duration| duration as u64)
    }
}

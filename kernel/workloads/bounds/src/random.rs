//! Random operations, in phases.

use crate::Machine;
use crate::objects::MOST;
use crate::search::Search;

/// Operations of a phase, background work not counted.
const PHASE: usize = 1 << 14;

/// How often background work is done, and what the state is called then.
const MAINTENANCE: [(&str, Option<usize>); 3] = [
    ("random, maintained after each", Some(1)),
    ("random, maintained now and then", Some(64)),
    ("random, never maintained", None),
];

/// What sizes are up to, as a share of the page.
const SHARES: [usize; 4] = [1, 2, 8, 64];

/// Makes at least `operations` random operations on one pool, which grows and shrinks meanwhile.
pub(crate) fn run<M: Machine>(
    search: &mut Search<'_, M>,
    operations: u64,
) -> Result<(), &'static str> {
    search.fresh()?;
    search.meter.counting = true;
    let mut course = Course { objects: 0, largest: 1 };
    for phase in 0.. {
        let (state, period) = MAINTENANCE[phase % MAINTENANCE.len()];
        search.meter.enter(state);
        for operation in 0..PHASE {
            if search.operations >= operations {
                search.meter.counting = false;
                return Ok(());
            }
            if operation.is_multiple_of(2048) {
                let share = SHARES[search.random.below(SHARES.len())];
                course = Course {
                    objects: search.random.below(MOST * 3 / 4),
                    largest: search.machine.page_size() / share,
                };
            }
            step(search, &course);
            if period.is_some_and(|period| operation.is_multiple_of(period)) {
                search.maintain();
            }
        }
    }
    Ok(())
}

/// Where the pool goes.
struct Course {
    /// As many objects, sooner or later.
    objects: usize,
    /// The largest of them, in bytes.
    largest: usize,
}

fn step<M: Machine>(search: &mut Search<'_, M>, course: &Course) {
    let position = search.any_position();
    let growing = search.objects.len() < course.objects;
    match search.random.below(16) {
        0..2 => search.read(position),
        2 => search.write(position),
        choice => {
            // Mostly towards the target.
            if (choice < 12) == growing {
                let size = 1 + search.random.below(course.largest);
                search.malloc(size);
            } else {
                search.free(position);
            }
        }
    }
}

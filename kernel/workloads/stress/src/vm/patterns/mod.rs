//! The stressor `vm`: fill memory, exercise it, check it.
//!
//! `--vm-bytes` is divided among the instances, in whole pages. Each loop maps the memory anew
//! (`--vm-keep`: once), and runs one method over it. The first touch of a page is the method's
//! own. Bits that are not as written are counted always and fail the run; `--verify` adds a
//! message for each page.

mod bits;
mod corpus;
mod driver;
mod fills;
mod lines;
mod method;
mod primes;
mod swap;
mod walks;

use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, class};
use crate::worker::Worker;
use method::{METHOD_NAMES, METHODS, Run};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "vm",
    about: "fill memory, exercise it, check it",
    classes: class::VM | class::MEMORY | class::OS,
    settings: &[
        Setting {
            name: "bytes",
            kind: Kind::Size(256 << 20),
            about: "memory of all workers together; % of RAM",
        },
        Setting {
            name: "method",
            kind: Kind::Choice(METHOD_NAMES),
            about: "how memory is filled and checked",
        },
        Setting {
            name: "keep",
            kind: Kind::Flag,
            about: "keep the memory mapped from loop to loop",
        },
    ],
    tick_shift: 12,
    memory: Memory::Shared("bytes"),
    checks: |options| options.verify || !method::is_unchecked(options.choice("vm", "method")),
    run,
    measures: &[
        Measure { name: "method loops begun", of: Of::Total(LOOPS) },
        Measure { name: "pages checked", of: Of::Checks },
    ],
};

/// Number of the counter of loops among the worker's extras.
const LOOPS: usize = 0;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let chosen = worker.choice("method");
    let taken = |method: &&'static method::Method| match chosen {
        "all" => method.in_all,
        name => method.name == name,
    };
    for (number, method) in METHODS.iter().filter(taken).cycle().enumerate() {
        let seed = mix(worker.options.seed ^ mix(number as u64) ^ (worker.instance as u64) << 48);
        let go_on = (method.run)(&mut Run::new(worker, method, arena.words(), number, seed));
        worker.count(LOOPS, 1);
        worker.note_resident(&*arena);
        if !go_on {
            break;
        }
        if !worker.flag("keep")
            && let Err(error) = arena.discard()
        {
            return worker.no_resource(format_args!("mapping memory again: {error}"));
        }
    }
    worker.finish();
}

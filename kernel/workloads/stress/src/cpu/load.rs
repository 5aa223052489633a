//! The stressor `cpu`: compute, as background load.
//!
//! One bogo operation is one call of a method. Each computes something whose result is known, which is
//! compared always.

use super::{integers, numbers};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "cpu",
    about: "compute by 20 of stress-ng's methods, or ones like them",
    classes: class::CPU | class::COMPUTE | class::INTEGER,
    settings: &[
        Setting { name: "method", kind: Kind::Choice(NAMES), about: "what is computed" },
        Setting {
            name: "load",
            kind: Kind::Number { default: 100, least: 1, most: 100 },
            about: "percent of a CPU that each worker uses",
        },
    ],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

/// Computes something, and says what it is known to be.
pub(super) type Method = fn() -> (u64, u64);

const NAMES: &[&str] = &[
    "all",
    "ackermann",
    "bitops",
    "collatz",
    "crc16",
    "djb2a",
    "euler",
    "factorial",
    "fibonacci",
    "fnv1a",
    "gcd",
    "gray",
    "hamming",
    "hanoi",
    "matrixprod",
    "nsqrt",
    "parity",
    "phi",
    "pi",
    "queens",
    "sieve",
];

/// In the order of [`NAMES`], without the first.
const METHODS: [Method; 20] = [
    integers::ackermann,
    integers::bitops,
    integers::collatz,
    integers::crc16,
    integers::djb2a,
    numbers::euler,
    numbers::factorial,
    integers::fibonacci,
    integers::fnv1a,
    integers::gcd,
    integers::gray,
    integers::hamming,
    integers::hanoi,
    numbers::matrixprod,
    numbers::nsqrt,
    integers::parity,
    numbers::phi,
    numbers::pi,
    integers::queens,
    integers::sieve,
];

fn run(worker: &Worker<'_>) {
    let chosen = NAMES.iter().position(|&name| name == worker.choice("method")).unwrap_or(0);
    let load = worker.number("load");
    let methods = METHODS.iter().enumerate().filter(|(at, _)| chosen == 0 || at + 1 == chosen);
    for (at, method) in methods.cycle() {
        let start_ns = worker.machine.now_ns();
        let (found, expected) = method();
        worker.expect(found ^ worker.injection(), expected, NAMES[at + 1]);
        if !worker.step(1) {
            break;
        }
        if load < 100 {
            let now_ns = worker.machine.now_ns();
            let busy_ns = now_ns.saturating_sub(start_ns);
            worker.machine.sleep_until(now_ns + busy_ns * (100 - load) / load);
        }
    }
    worker.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_finds_what_is_known() {
        assert_eq!(METHODS.len() + 1, NAMES.len());
        for (at, method) in METHODS.iter().enumerate() {
            let (found, expected) = method();
            assert_eq!(found, expected, "{}", NAMES[at + 1]);
        }
    }
}

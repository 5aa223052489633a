//! The table of options.

use alloc::string::{String, ToString};

use report::text::Table;

use super::settings::{INSTANCES, SIZE};
use super::value::{amount, duration_ns, fail_point, number, percent, positive};
use super::{Action, Heap, Injection, Log, Options, SwapRam, selection};
use crate::stressors::CLASS_NAMES;

/// One option or kernel word.
pub struct OptionEntry {
    /// The word: `--vm-bytes`, or `granule` for `granule=4k`.
    pub name: &'static str,
    /// The short form, such as `-t`, or the same as a word; empty when there is none.
    pub short: &'static str,
    /// What the value is, for the help text; empty for an option without a value.
    pub accepted: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Puts the value where it belongs, or says what is wrong with it.
    pub(super) set: fn(&mut Options, &str) -> Result<(), String>,
}

impl OptionEntry {
    /// Whether a value follows.
    #[must_use]
    pub fn takes_value(&self) -> bool {
        !self.accepted.is_empty()
    }
}

const OPERATIONS: &str = "a number above zero";
const MICROSECONDS: &str = "microseconds, above zero";
const FAIL_POINT: &str = "N for the call of that number, N+ for all from there on";
const DURATION: &str = "a time such as 5, 5s, 2m, 1h, 1d, 500ms; 0 for no limit";

/// Every option that is not a stressor's, and every kernel word, in the order of the help text.
pub static TABLE: &[OptionEntry] = &[
    option(
        "--cyclictest",
        "",
        "measure wake-up latency; takes cyclictest's -t -a -i -d -l -h -p -D -q -N",
        |options, _| {
            options.latency.cyclictest.get_or_insert_default();
            Ok(())
        },
    ),
    option("--latency", "", "how long stores, loads, faults, mallocs ... take", |options, _| {
        set(&mut options.latency.operations, Ok(true))
    }),
    option(
        "--latency-trace",
        MICROSECONDS,
        "keep what happened before the first latency above that",
        |options, value| set(&mut options.latency.trace_us, positive(value).map(Some)),
    ),
    option(
        "--irqsoff",
        "",
        "longest times without interrupts or preemption, locks",
        |options, _| set(&mut options.latency.sections, Ok(true)),
    ),
    option("--noise", DURATION, "look for gaps on each CPU before the run", |options, value| {
        set(&mut options.latency.noise_ns, duration_ns(value).map(Some))
    }),
    option(
        "--inject-delay",
        MICROSECONDS,
        "mask interrupts across a deadline, to see it measured",
        |options, value| set(&mut options.latency.inject_us, positive(value).map(Some)),
    ),
    OptionEntry {
        name: "--timeout",
        short: "-t",
        accepted: DURATION,
        about: "stop after that time (1 day; under --seq 60s each)",
        set: |options, value| set(&mut options.timeout_ns, duration_ns(value).map(Some)),
    },
    option(
        "--resident",
        SIZE,
        "memory that may be mapped at once (25%); % of the working sets",
        |options, value| set(&mut options.resident, amount(value)),
    ),
    option(
        "--max-pool-percent",
        "1 to 100",
        "most of RAM that the pool may take (50)",
        |options, value| set(&mut options.max_pool_percent, percent(value, 100)),
    ),
    option(
        "--accept-threshold-percent",
        "1 to 100",
        "part of that at which a pool that was full takes pages again (90)",
        |options, value| set(&mut options.accept_threshold_percent, percent(value, 100)),
    ),
    option(
        "--verify",
        "",
        "check where checking is optional, and report each finding",
        |options, _| set(&mut options.verify, Ok(true)),
    ),
    option("--metrics", "", "print the metrics table", |options, _| {
        set(&mut options.metrics, Ok(Table::Full))
    }),
    option("--metrics-brief", "", "print the metrics table with fewer columns", |options, _| {
        set(&mut options.metrics, Ok(Table::Brief))
    }),
    option("--times", "", "print how much CPU time was used of what there was", |options, _| {
        set(&mut options.times, Ok(true))
    }),
    OptionEntry {
        name: "--all",
        short: "-a",
        accepted: INSTANCES,
        about: "start N workers of every stressor, all at once",
        set: selection::set_all,
    },
    option(
        "--seq",
        INSTANCES,
        "start N workers of every stressor, one stressor after the other",
        selection::set_sequential,
    ),
    option("--sequential", INSTANCES, "the same as --seq", selection::set_sequential),
    option(
        "--class",
        CLASS_NAMES,
        "with --all or --seq: stressors of these classes; `NAME?` lists a class",
        selection::set_class,
    ),
    option(
        "--with",
        "names of stressors, separated by commas",
        "with --all or --seq: these stressors, besides those of --class",
        selection::set_with,
    ),
    OptionEntry {
        name: "--exclude",
        short: "-x",
        accepted: "names of stressors, separated by commas",
        about: "leave these stressors out",
        set: selection::set_exclude,
    },
    option("--aggressive", "", "touch and check more, where a stressor says so", |options, _| {
        set(&mut options.aggressive, Ok(true))
    }),
    option("--seed", "a number", "seed of everything random (0)", |options, value| {
        set(&mut options.seed, number(value))
    }),
    option("--stressors", "", "list the stressors", |options, _| {
        set(&mut options.action, Ok(Action::ListStressors))
    }),
    OptionEntry {
        name: "--compare",
        short: "compare",
        accepted: "",
        about: "take every allocator through the same operations",
        set: |options, _| set(&mut options.action, Ok(Action::Compare)),
    },
    option(
        "--bounds",
        OPERATIONS,
        "measure the worst cases of the allocator, and N random operations",
        |options, value| set(&mut options.action, positive(value).map(Action::Bounds)),
    ),
    option("--quick", "", "compare by a short sequence", |options, _| {
        set(&mut options.quick, Ok(true))
    }),
    option(
        "--only",
        "names of allocators, separated by commas",
        "compare these allocators",
        |options, value| set(&mut options.only, name(value)),
    ),
    OptionEntry {
        name: "--verbose",
        short: "-v",
        accepted: "",
        about: "say more",
        set: |options, _| set(&mut options.verbose, Ok(true)),
    },
    OptionEntry {
        name: "--help",
        short: "-h",
        accepted: "",
        about: "print this",
        set: |options, _| set(&mut options.action, Ok(Action::Help)),
    },
    option("granule", "4k or 16k", "page size (4k)", |options, value| {
        set(&mut options.boot.page_size, choose(value, &[("4k", 4096), ("16k", 16384)]))
    }),
    option(
        "zpool",
        "the name of an allocator",
        "allocator of compressed pages (zblock)",
        |options, value| set(&mut options.boot.zpool, name(value)),
    ),
    option(
        "compressor",
        "NAME or NAME:LEVEL",
        "compressor of the store (lz4)",
        |options, value| set(&mut options.boot.compressor, name(value)),
    ),
    option("heap", "tlsf or llff", "allocator of the kernel's heap (tlsf)", |options, value| {
        let heaps = [("tlsf", Heap::Tlsf), ("llff", Heap::LinkedListFirstFit)];
        set(&mut options.boot.heap, choose(value, &heaps))
    }),
    option("log", "defmt, text or off", "how log messages leave (text)", |options, value| {
        let logs = [("defmt", Log::Defmt), ("text", Log::Text), ("off", Log::Off)];
        set(&mut options.boot.log, choose(value, &logs))
    }),
    option("exit", "semihosting or psci", "how to leave at the end (psci)", |options, value| {
        let ways = [("semihosting", true), ("psci", false)];
        set(&mut options.boot.exit_by_semihosting, choose(value, &ways))
    }),
    option(
        "selftest",
        "0 or 1",
        "check the kernel's own parts before the workload (0)",
        |options, value| {
            set(&mut options.boot.self_test, choose(value, &[("0", false), ("1", true)]))
        },
    ),
    option("icount", "0 or 1", "time is instructions executed (0)", |options, value| {
        set(&mut options.boot.icount, choose(value, &[("0", false), ("1", true)]))
    }),
    option(
        "fragmented",
        "0 or 1",
        "pools get single page frames only, as from fragmented RAM (0)",
        |options, value| {
            set(&mut options.boot.fragmented, choose(value, &[("0", false), ("1", true)]))
        },
    ),
    option("progress", DURATION, "time between progress lines (1s)", |options, value| {
        set(&mut options.progress_ns, duration_ns(value))
    }),
    option(
        "preempt-seed",
        "a number",
        "preempt after times drawn from it (0: turns of 10 ms)",
        |options, value| set(&mut options.boot.preempt_seed, number(value)),
    ),
    option(
        "swap-ram",
        "a size, a percentage of RAM, or off",
        "RAM that is a second tier behind the store (off; on a Raspberry Pi 5 a 16th)",
        |options, value| {
            let off = value.eq_ignore_ascii_case("off");
            let bytes = |value| amount(value).map(SwapRam::Bytes);
            set(&mut options.boot.swap_ram, if off { Ok(SwapRam::Off) } else { bytes(value) })
        },
    ),
    option("checksum", "0 or 1", "keep a checksum of each stored page", |options, value| {
        set(&mut options.boot.checksum, choose(value, &[("0", false), ("1", true)]))
    }),
    option(
        "recompress",
        "a name, and a level after a colon",
        "compress cold pages once more, by this compressor",
        |options, value| set(&mut options.boot.recompress, name(value).map(Some)),
    ),
    option(
        "recompress-after",
        "a time",
        "time after which a stored page is cold (1s)",
        |options, value| set(&mut options.boot.recompress_after_ns, duration_ns(value)),
    ),
    option(
        "recompress-least",
        SIZE,
        "leave objects of fewer bytes (0); % of a page",
        |options, value| {
            let bytes = amount(value).map(|least| least.bytes_of(options.boot.page_size as u64));
            set(&mut options.boot.recompress_least, bytes)
        },
    ),
    option("fail-object", FAIL_POINT, "flip a bit of objects of pools", |options, value| {
        set(&mut options.boot.fail_object, fail_point(value).map(Some))
    }),
    option("fail-frame", FAIL_POINT, "make allocations of page frames fail", |options, value| {
        set(&mut options.boot.fail_frame, fail_point(value).map(Some))
    }),
    option("fail-disk", FAIL_POINT, "make accesses to the second tier fail", |options, value| {
        set(&mut options.boot.fail_disk, fail_point(value).map(Some))
    }),
    option(
        "inject",
        "verify, panic, pointer or stack",
        "provoke a fault, to see it caught",
        |options, value| {
            let injections = [
                ("verify", Some(Injection::Verify)),
                ("panic", Some(Injection::Panic)),
                ("pointer", Some(Injection::WildPointer)),
                ("stack", Some(Injection::StackOverflow)),
            ];
            set(&mut options.boot.injection, choose(value, &injections))
        },
    ),
];

const fn option(
    name: &'static str,
    accepted: &'static str,
    about: &'static str,
    set: fn(&mut Options, &str) -> Result<(), String>,
) -> OptionEntry {
    OptionEntry { name, short: "", accepted, about, set }
}

fn set<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn choose<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
    choice.map(|&(_, choice)| choice).ok_or_else(|| "not one of the choices".to_string())
}

fn name(value: &str) -> Result<String, String> {
    if value.is_empty() { Err("empty".to_string()) } else { Ok(value.to_string()) }
}

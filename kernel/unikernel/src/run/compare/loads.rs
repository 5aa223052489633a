//! Stressors on memory larger than their allowance, with an allocator behind it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use report::{
    Contestant, Distribution, Document, LatencyHistogram, Load, Response, SectionKind, Unit,
};
use stress::Options;
use zswap::{Settings, Store};

use super::Common;
use super::contestant::new_pool;
use crate::memory::pager;
use crate::run::measure;

/// The loads. The first is the one whose faults and wake-ups are looked at; the next two have the
/// shape behind the claim of 5 to 10 % more bogo operations: four workers whose memory together is
/// that of the machine, here an allowance with a little less, by all methods and by one.
const LOADS: [&str; 11] = [
    "--vm 1 --vm-bytes 4M --vm-method corpus --resident 25%",
    "--vm 4 --vm-bytes 8M --vm-keep --resident 90%",
    "--vm 4 --vm-bytes 8M --vm-keep --vm-method flip --resident 90%",
    "--bigheap 1 --bigheap-bytes 4M --resident 25%",
    "--brk 1 --brk-bytes 4M --resident 25%",
    "--madvise 1 --resident 25%",
    "--mmap 1 --mmap-bytes 4M --resident 25%",
    "--mremap 1 --mremap-bytes 4M --resident 25%",
    "--pageswap 1 --pageswap-bytes 4M --resident 25%",
    "--swap 1 --resident 25%",
    "--fault 1 --resident 25%",
];

/// Wake-ups beside the first load: every 100 us, one thread.
const CYCLICTEST: &str = "--cyclictest -t 1 -i 100 -p 90 -q";

/// The same where probes are armed.
const TRACED: &str = "--cyclictest -t 1 -i 100 -p 90 -q --irqsoff";

/// Runs all loads, or in a traced boot the first, with a store of the contestant's allocator and
/// compressor behind the arenas. The store is kept for ever, since background work may still look
/// at it.
pub fn run(common: &Common<'_>, contestant: &mut Contestant) -> Result<(), &'static str> {
    let paging = pager::get().ok_or("paging was not set up")?;
    let pool = Box::leak(new_pool(common, &contestant.zpool)?);
    // One compressor: the contexts have no second one.
    let settings = Settings { recompress: false, ..*paging.store().settings() };
    let store: &'static Store<'static> =
        Box::leak(Box::new(Store::new(pool, common.contexts, settings)));
    let before = paging.exchange_store(store);
    let loads = if common.traced { &LOADS[..1] } else { &LOADS[..] };
    let done = loads.iter().enumerate().try_for_each(|(number, command)| {
        let latency = match (number, common.traced) {
            (0, false) => CYCLICTEST,
            (0, true) => TRACED,
            _ => "",
        };
        let document = load(common, contestant, command, latency)?;
        if number == 0 {
            contestant.response = response(&document);
            let faults = document.latencies.iter().find(|times| times.name == "major fault");
            let icount = document.settings.icount;
            contestant.operations.extend(faults.map(|times| distribution(times, icount)));
        }
        keep(contestant, command, document);
        Ok(())
    });
    paging.exchange_store(before);
    done
}

fn load(
    common: &Common<'_>,
    contestant: &Contestant,
    command: &str,
    latency: &str,
) -> Result<Document, &'static str> {
    // The memory of the four workers is large: the first pages are stored late.
    let longer = if command.contains("--vm-keep") { 5 } else { 1 };
    let milliseconds = longer * common.plan.load_ms;
    let line = format!("{command} --timeout {milliseconds}ms {latency}");
    let mut options = Options::parse(&line).map_err(|_| "a load is not understood")?;
    options.boot = common.boot.options.boot.clone();
    options.boot.zpool = contestant.zpool.clone();
    options.boot.compressor = contestant.compressor.clone();
    options.seed = common.options.seed;
    options.progress_ns = 0;
    measure(common.boot, &options, &line, common.cpus, common.corpus)
        .map_err(|_| "a load could not begin")
}

fn keep(contestant: &mut Contestant, command: &str, document: Document) {
    for result in &document.stressors {
        contestant.balance.checks += result.checks();
        contestant.balance.verify_errors += result.verify_errors();
    }
    contestant.loads.push(Load {
        command: command.to_string(),
        stressors: document.stressors,
        memory: document.memory,
    });
}

/// What the wake-ups beside a load were like.
fn response(document: &Document) -> Option<Response> {
    let latency = document.latency.as_ref()?;
    let thread = latency.cyclictest.as_ref()?.threads.first()?;
    let scale = |ticks: u64| crate::arch::clock::ticks_to_ns(ticks);
    let longest = |kind: SectionKind| {
        let sections = latency.tracer.iter().flat_map(|tracer| &tracer.sections);
        sections.filter(|section| section.kind == kind).map(|section| section.net).max()
    };
    Some(Response {
        masked_section: longest(SectionKind::InterruptsOff),
        preemption_section: longest(SectionKind::PreemptionOff),
        masked_max: Some(scale(thread.vector.max)),
        wakeup_max: Some(scale(thread.woken.max)),
        wakeups: thread.woken.count,
    })
}

/// A histogram of nanoseconds as a distribution. Under `-icount` a nanosecond is an instruction.
fn distribution(times: &LatencyHistogram, icount: bool) -> Distribution {
    Distribution {
        name: times.name.clone(),
        unit: (!icount).then_some(Unit::Nanoseconds),
        count: times.count,
        sum: times.sum_ns,
        min: times.min_ns,
        max: times.max_ns,
        buckets: times
            .buckets
            .iter()
            .map(|bucket| (bucket.low_ns, bucket.high_ns, bucket.count))
            .collect(),
    }
}

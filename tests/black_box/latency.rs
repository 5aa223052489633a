//! Wake-up latency, the tracer, and what shows that both can be believed.

use report::{Document, LatencyReport, Section, SectionKind};
use serde_json::Value;
use zlab::vm::Outcome;

use crate::machine::{TemporaryFile, Words, assert_line, cores, machine, succeed};

fn latency(document: &Document) -> &LatencyReport {
    document.latency.as_ref().expect("latency was measured")
}

/// The longest section with interrupts masked.
fn longest_masked(document: &Document) -> &Section {
    let tracer = latency(document).tracer.as_ref().expect("sections were traced");
    let masked = |section: &&Section| section.kind == SectionKind::InterruptsOff;
    let sections = tracer.sections.iter().filter(masked);
    sections.max_by_key(|section| section.net).expect("interrupts are masked at times")
}

/// A line has addresses of the image and this function among their names.
#[track_caller]
fn assert_named(outcome: &Outcome, function: &str) {
    assert_line(outcome, &["image+", function]);
}

#[test]
fn cyclictest_runs_beside_load() {
    let words = "--vm 1 --vm-method gray --vm-bytes 4M --resident 1M --cyclictest -i 100 -l 2000 \
                 -h 20 -p 95 --seed 3";
    let (document, outcome) = succeed(&machine().with(words));
    let found = latency(&document).cyclictest.as_ref().expect("cyclictest ran");
    let thread = &found.threads[0];
    assert_eq!((found.threads.len(), thread.woken.count, thread.lost), (1, 2000, 0));
    for point in thread.points() {
        let counted: u64 = point.buckets.iter().map(|&(_, _, count)| count).sum();
        assert_eq!(counted, point.count);
    }
    assert!(thread.vector.max <= thread.handler.max && thread.handler.max <= thread.woken.max);
    assert!(document.memory.paging.major_faults > 0, "there was load");
    let in_histogram: u64 = thread.histogram.iter().map(|&(_, count)| count).sum();
    assert_eq!(in_histogram + thread.overflows, 2000);
    assert_line(&outcome, &["T: 0 (", "P:95 I:100 C:   2000 Min:"]);
    assert_line(&outcome, &["# Total: 00000"]);
    let rows = outcome.lines.iter().filter(|line| line.starts_with("0000") && line.len() == 13);
    assert_eq!(rows.count(), 20);
}

/// A thread that wakes more often than turns end does not make them endless.
#[test]
fn equals_take_turns_beside_wake_ups() {
    let words = "--vm 2 --vm-method gray --vm-bytes 1M --resident 256k --cyclictest -i 1000 -l 200";
    let (document, _) = succeed(&machine().with(words));
    let took = document.stressors[0].instances.iter().map(|one| one.user_ns + one.system_ns);
    let (least, most) = (took.clone().min().unwrap_or(0), took.max().unwrap_or(0));
    assert!(most < 2 * least, "{least} ns and {most} ns of 200 ms");
}

#[test]
fn files_of_cyclictest_are_written_by_the_launcher() {
    let json = TemporaryFile::new("cyclictest.json", &[]);
    let histogram = TemporaryFile::new("cyclictest.hist", &[]);
    let status = crate::launcher::launch(&format!(
        "run --icount --smp 1 --host-timeout 120 --cyclictest-json {} --histfile {} --cyclictest \
         -i 200 -l 500 -h 30 -q -N",
        json.path().display(),
        histogram.path().display()
    ));
    assert_eq!(status, 0);
    let json = std::fs::read_to_string(json.path()).expect("the launcher wrote it");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["file_version"], &json["num_threads"]), (&1.into(), &1.into()));
    assert_eq!(json["thread"]["0"]["cycles"], 500);
    let ticks = &json["thread"]["0"]["ticks"];
    assert_eq!(ticks["max"].as_u64().map(|ticks| ticks * 16), json["thread"]["0"]["max"].as_u64());
    let histogram = std::fs::read_to_string(histogram.path()).expect("the launcher wrote it");
    assert!(histogram.starts_with("# Histogram\n000000 "), "{histogram}");
    assert!(histogram.contains("\n# Histogram Overflows: 00500\n"), "{histogram}");
}

/// Interrupts masked across a deadline: the latency is there, and the tracer says where from.
#[test]
fn a_delay_on_purpose_is_seen() {
    for words in
        ["--cyclictest -i 300 -l 200", "granule=16k --vm 1 --vm-bytes 1M --cyclictest -l 100"]
    {
        let (document, outcome) = succeed(&machine().with(words).with("--inject-delay 500"));
        let injected = latency(&document).injected.as_ref().expect("a delay was injected");
        assert!(injected.found && injected.cause_found && injected.in_bucket == 1, "{injected:?}");
        let section = longest_masked(&document);
        assert!((500_000..520_000).contains(&section.net), "{section:?}");
        assert_named(&outcome, "delay_wake_up");
    }
}

/// The same load on the two heaps: the slow one keeps interrupts masked for longer, and is named.
#[test]
fn a_slow_heap_shows() {
    let words = "--heap 1 --cyclictest -i 100 -l 1000 --irqsoff";
    let (fast, _) = succeed(&machine().with(words));
    let (slow, outcome) = succeed(&machine().with(words).with("heap=llff"));
    let (fast, slow) = (longest_masked(&fast).net, longest_masked(&slow).net);
    assert!(slow > 2 * fast, "{slow} is not much more than {fast} instructions");
    assert_named(&outcome, "llff");
}

#[test]
fn events_before_a_latency_are_kept() {
    let words = "--vm 1 --vm-method gray --vm-bytes 4M --resident 1M --cyclictest -i 100 -l 300 \
                 --latency-trace 1 --latency";
    let (document, outcome) = succeed(&machine().with(words));
    let tracer = latency(&document).tracer.as_ref().expect("the tracer was armed");
    let trace = tracer.trace.as_ref().expect("with the tracer at work every wake-up takes longer");
    assert!(trace.events.len() > 10, "{trace:?}");
    let mut before = trace.events.iter().map(|event| event.before);
    assert!(before.clone().zip(before.clone().skip(1)).all(|(one, next)| one >= next), "{trace:?}");
    assert!(before.next() > Some(0));
    assert!(trace.events.iter().any(|event| event.what.contains("pending")), "{trace:?}");
    assert_line(&outcome, &["latency above 1 us", "zpool zblock"]);
    let names: Vec<&str> = tracer.operations.iter().map(|one| one.name.as_str()).collect();
    for name in
        ["minor fault", "major fault", "eviction", "store", "load", "malloc", "free", "read"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for operation in &tracer.operations {
        assert!(operation.net.max <= operation.raw.max, "{operation:?}");
        assert!(operation.net.count > 0 && operation.instructions.count > 0, "{operation:?}");
    }
}

#[test]
fn every_core_has_a_thread_and_a_noise_floor() {
    let words = "--cyclictest -t -i 2000 -l 20 -q -h 5 --noise 5ms --heap 2 --heap-blocks 64";
    let (document, _) = succeed(&cores(3).with(words));
    let found = latency(&document);
    let threads = &found.cyclictest.as_ref().expect("cyclictest ran").threads;
    let cpus: Vec<u32> = threads.iter().map(|thread| thread.cpu).collect();
    assert_eq!(cpus, [0, 1, 2]);
    assert!(threads.iter().all(|thread| thread.woken.count == 20), "{threads:?}");
    let noise = found.noise.as_ref().expect("noise was looked for");
    // A core that the host does not run meanwhile sees one long gap.
    assert_eq!(noise.cpus.len(), 3);
    assert!(noise.cpus.iter().all(|one| one.gaps.count > 0), "{noise:?}");
}

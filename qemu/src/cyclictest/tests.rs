//! Readers as people have them for rt-tests' files: by their layout alone.

use report::{ClockFacts, MachineDescription, Settings, Snapshot, Status, TickHistogram, Verdict};
use serde_json::Value;

use super::*;

fn ticks(samples: &[u64]) -> TickHistogram {
    TickHistogram {
        count: samples.len() as u64,
        sum: samples.iter().sum(),
        min: *samples.iter().min().unwrap(),
        max: *samples.iter().max().unwrap(),
        overflow: 0,
        buckets: samples.iter().map(|&sample| (sample, sample, 1)).collect(),
    }
}

fn sampled(cpu: u32, samples: &[u64], histogram: &[(u32, u64)]) -> CyclictestThread {
    CyclictestThread {
        cpu,
        thread: 7 + cpu,
        priority: 95,
        lost: 1,
        last: *samples.last().unwrap(),
        vector: ticks(samples),
        handler: ticks(samples),
        woken: ticks(samples),
        histogram: histogram.to_vec(),
        overflows: samples.len() as u64 - histogram.iter().map(|&(_, count)| count).sum::<u64>(),
        overflow_samples: vec![2; usize::from(cpu == 1)],
        ..Default::default()
    }
}

/// 54 ticks are a microsecond.
fn document() -> Document {
    let threads =
        vec![sampled(0, &[54, 108, 113], &[(1, 1), (2, 2)]), sampled(1, &[108, 540], &[(2, 1)])];
    Document {
        version: "0.1.0".into(),
        machine: MachineDescription { board: "a board".into(), ..Default::default() },
        settings: Settings { command: "--cyclictest -h 4".into(), ..Default::default() },
        elapsed_ns: 3_000_000_000,
        stressors: Vec::new(),
        memory: Snapshot::default(),
        latencies: Vec::new(),
        latency: Some(LatencyReport {
            clock: ClockFacts { counter_hz: 54_000_000, ..Default::default() },
            cyclictest: Some(Cyclictest {
                interval_us: 100,
                distance_us: 0,
                buckets: 4,
                unit_ns: 1000,
                quiet: true,
                threads,
            }),
            ..Default::default()
        }),
        verdict: Verdict::of(Status::Success),
        ..blank()
    }
}

/// What this file does not care about.
fn blank() -> Document {
    let text = r#"{"version":"","machine":{"board":"","cpus":1,"memory_bytes":0,"page_size":4096,
        "counter_hz":1},"settings":{"command":"","zpool":"zblock","compressor":"lz4","seed":0,
        "icount":false},"elapsed_ns":0,"stressors":[],"memory":{"paging":PAGING},
        "verdict":{"status":0,"text":""}}"#;
    let paging = serde_json::to_string(&Snapshot::default().paging).unwrap();
    Document::from_json(&text.replace("PAGING", &paging)).unwrap()
}

#[test]
fn json_has_the_keys_of_cyclictest() {
    let text = json(&document(), None).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "file_version",
        "cmdline:",
        "rt_test_version:",
        "start_time",
        "end_time",
        "return_code",
        "sysinfo",
        "num_threads",
        "resolution_in_ns",
        "thread",
    ] {
        assert!(keys.contains(&key), "{key} in {text}");
    }
    assert_eq!((&file["file_version"], &file["return_code"]), (&1.into(), &0.into()));
    assert_eq!((&file["num_threads"], &file["resolution_in_ns"]), (&2.into(), &0.into()));
    assert!(file["rt_test_version:"].as_str().unwrap().parse::<f64>().is_ok());
    for key in ["sysname", "nodename", "release", "version", "machine"] {
        assert!(file["sysinfo"][key].is_string(), "{key}");
    }
    assert!(file["sysinfo"]["realtime"].is_u64());
    assert_eq!(file["start_time"], "Thu, 01 Jan 1970 00:00:00 +0000");
    assert_eq!(file["end_time"], "Thu, 01 Jan 1970 00:00:03 +0000");
    let first = &file["thread"]["0"];
    assert_eq!(first["histogram"], serde_json::json!({"1": 1, "2": 2}));
    assert_eq!((&first["min"], &first["max"]), (&1.into(), &2.into()));
    assert_eq!(
        (&first["cycles"], &first["cpu"], &first["node"]),
        (&3.into(), &0.into(), &0.into())
    );
    assert_eq!(first["avg"], 1.7, "275 ticks of 3 samples");
    assert_eq!(first["ticks"]["per_second"], 54_000_000);
    assert_eq!(first["ticks"]["max"], 113, "exactly");
    assert_eq!(first["ticks"]["histograms"]["vector"][2], serde_json::json!([113, 113, 1]));
    assert_eq!(file["thread"]["1"]["cpu"], 1);
}

#[test]
fn nanoseconds_are_said_to_be() {
    let mut document = document();
    let found = document.latency.as_mut().and_then(|latency| latency.cyclictest.as_mut());
    found.unwrap().unit_ns = 1;
    let file: Value = serde_json::from_str(&json(&document, None).unwrap()).unwrap();
    assert_eq!(file["resolution_in_ns"], 1);
    assert_eq!(file["thread"]["0"]["min"], 1000);
}

/// The figures of a `# NAME: a b` line.
fn figures(text: &str, name: &str) -> Vec<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {name}:")));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.split_whitespace().map(|figure| figure.parse().unwrap()).collect()
}

#[test]
fn the_histogram_is_read_by_its_columns() {
    let text = histogram(&document()).unwrap();
    let rows: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(
        rows,
        [
            "000000 000000\t000000",
            "000001 000001\t000000",
            "000002 000002\t000001",
            "000003 000000\t000000"
        ]
    );
    let mut totals = [0, 0];
    for (number, row) in rows.iter().enumerate() {
        let (unit, counts) = row.split_once(' ').unwrap();
        assert_eq!(unit.parse::<usize>().unwrap(), number);
        for (total, count) in totals.iter_mut().zip(counts.split('\t')) {
            *total += count.parse::<u64>().unwrap();
        }
    }
    assert_eq!(figures(&text, "Total"), totals);
    assert_eq!(figures(&text, "Min Latencies"), [1, 2]);
    assert_eq!(figures(&text, "Avg Latencies"), [1, 6]);
    assert_eq!(figures(&text, "Max Latencies"), [2, 10]);
    assert_eq!(figures(&text, "Histogram Overflows"), [0, 1]);
    assert_eq!(figures(&text, "Thread 1"), [2]);
    assert!(text.starts_with("# Histogram\n"));
    assert!(text.contains("\n# Histogram Overflow at cycle number:\n# Thread 0:\n"));
}

#[test]
fn lines_of_threads_are_read_by_their_names() {
    let document = document();
    let latency = document.latency.as_ref().unwrap();
    let mut text = String::new();
    latency.cyclictest.as_ref().unwrap().write_threads(&latency.clock, &mut text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "T: 0 (    7) P:95 I:100 C:      3 Min:      1 Act:    2 Avg:    1 Max:       2"
    );
    assert_eq!(
        lines[1],
        "T: 1 (    8) P:95 I:100 C:      2 Min:      2 Act:   10 Avg:    6 Max:      10"
    );
}

#[test]
fn without_cyclictest_there_is_no_file() {
    let none = blank();
    assert!(json(&none, None).is_err() && histogram(&none).is_err());
    let mut no_buckets = document();
    let found = no_buckets.latency.as_mut().and_then(|latency| latency.cyclictest.as_mut());
    found.unwrap().buckets = 0;
    assert!(histogram(&no_buckets).is_err());
}

#[test]
fn results_have_the_keys_of_cyclictest_too() {
    let document = document();
    let text = crate::outputs::json(&document, None).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let file: Value = serde_json::from_str(&json(&document, None).unwrap()).unwrap();
    for (key, value) in file.as_object().unwrap() {
        assert_eq!(&results[key], value, "{key}");
    }
    assert_eq!(Document::from_json(&text).unwrap(), document, "and they are read as ever");
}

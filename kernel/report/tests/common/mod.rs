//! A document with a bit of everything.

use report::{
    Bucket, Document, InstanceResult, LatencyHistogram, MachineDescription, Metric, MetricKind,
    Outcome, PagingCounters, PoolStatistics, Settings, Snapshot, Status, StoreCounters,
    StressorResult, Verdict,
};

/// One instance that passed.
pub fn instance(bogo_ops: u64) -> InstanceResult {
    InstanceResult {
        outcome: Outcome::Passed,
        bogo_ops,
        real_ns: 3_040_000_000,
        user_ns: 695_000_000,
        system_ns: 25_000_000,
        checks: 8192,
        verify_errors: 0,
        resident_max_bytes: 35_692 * 1024,
    }
}

/// A successful run of two stressors.
pub fn document() -> Document {
    Document {
        version: "0.1.0".into(),
        machine: MachineDescription {
            board: "virt".into(),
            cpus: 4,
            memory_bytes: 512 << 20,
            page_size: 4096,
            counter_hz: 62_500_000,
        },
        settings: Settings {
            command: "--vm 2 --zswap 1 quote='x'".into(),
            zpool: "zblock".into(),
            compressor: "lz4".into(),
            seed: 7,
            icount: true,
        },
        elapsed_ns: 3_060_000_000,
        stressors: vec![
            StressorResult {
                name: "vm".into(),
                method: Some("flip".into()),
                bytes: 64 << 20,
                metrics: vec![Metric {
                    name: "% pages swapped".into(),
                    value: 2.5,
                    kind: MetricKind::GeometricMean,
                }],
                instances: vec![instance(40_000), instance(52_160)],
            },
            StressorResult {
                name: "zswap".into(),
                method: None,
                bytes: 16 << 20,
                metrics: vec![],
                instances: vec![instance(1000)],
            },
        ],
        memory: Snapshot {
            paging: PagingCounters { minor_faults: 16_384, stored: 9000, ..Default::default() },
            store: Some(StoreCounters {
                stored_pages: 9000,
                same_filled_pages: 1000,
                zswpout: 12_000,
                stored_bytes: 12_000_000,
                ..Default::default()
            }),
            pool: Some(PoolStatistics {
                pool_pages: 3000,
                metadata_bytes: 12_000,
                objects: 8000,
                idle_bytes: 100_000,
                live_bytes: 12_000_000,
            }),
        },
        latencies: vec![LatencyHistogram {
            name: "major fault".into(),
            count: 4,
            sum_ns: 10_000,
            min_ns: 1000,
            max_ns: 5000,
            resolution_ns: 16,
            buckets: vec![
                Bucket { low_ns: 960, high_ns: 1023, count: 2 },
                Bucket { low_ns: 2944, high_ns: 3007, count: 1 },
                Bucket { low_ns: 4992, high_ns: 5119, count: 1 },
            ],
        }],
        comparison: None,
        bounds: None,
        board: None,
        latency: None,
        runs: Vec::new(),
        verdict: Verdict::of(Status::Success),
    }
}

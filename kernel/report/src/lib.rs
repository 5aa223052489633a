#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod block;
mod board;
mod bounds;
mod comparison;
mod document;
mod error;
mod histogram;
mod latency;
mod memory;
mod status;
mod stressor;
pub mod text;
pub mod yaml;

pub use block::{ANSWER, BEGIN, END, LINE_LIMIT, PROMPT, parse_block};
pub use board::{BoardState, BoardStates};
pub use bounds::{Bound, Bounds, StateBound};
pub use comparison::{
    Balance, Comparison, CompressedSizes, Contestant, Distribution, Load, PoolPoint, PoolRun,
    Response, Step, Unit,
};
pub use document::{Document, MachineDescription, Settings, Verdict};
pub use error::ReportError;
pub use histogram::{Bucket, LatencyHistogram};
pub use latency::{
    ClockFacts, Cyclictest, CyclictestThread, InjectedDelay, LatencyReport, LatencyTrace,
    LockTimes, Noise, NoiseOfCpu, OperationTimes, POINTS, Place, Section, SectionKind,
    TickHistogram, TraceEvent, TracerReport,
};
pub use memory::{PagingCounters, PoolStatistics, Snapshot, StoreCounters};
pub use status::{Outcome, Status};
pub use stressor::{InstanceResult, Metric, MetricKind, StressorResult};

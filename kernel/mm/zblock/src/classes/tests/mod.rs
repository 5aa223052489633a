//! What the configurations promise.

mod ablation;
mod conformance;
mod exact;
mod fixed;
mod invariants;
mod tables;
mod v4;
mod vectors;

//! Black-box tests: boot the image under QEMU and read the UART. See README.md.
#![forbid(unsafe_code)]

mod boot;
mod compare;
mod determinism;
mod failures;
mod jobs;
mod latency;
mod launcher;
mod machine;
mod options;
mod races;
mod second_tier;
mod shell;
mod store;
mod stressors;

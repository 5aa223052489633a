#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod corpus;
mod counters;
mod cpu;
mod cyclic;
mod heap;
mod job;
pub mod job_file;
mod machine;
mod memory;
mod metrics;
pub mod options;
mod random;
mod result;
mod scheduler;
mod search;
mod store;
mod stressors;
mod vm;
mod worker;

pub use corpus::Corpus;
pub use job::{RunReport, run};
pub use machine::{
    Advice, Arena, LoadError, Machine, Mutex, OutOfMemory, PageStore, Pool, Refusal, Semaphore,
    ThreadTimes, WorkerEnd,
};
pub use options::{Options, help};
pub use stressors::{STRESSORS, Stressor};

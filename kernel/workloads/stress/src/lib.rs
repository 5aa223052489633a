#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod corpus;
mod job;
pub mod job_file;
mod machine;
pub mod options;
mod random;
mod stressors;
mod vm;
mod worker;
mod zpool;
mod zswap;

pub use corpus::Corpus;
pub use job::{RunReport, run};
pub use machine::{
    Arena, LoadError, Machine, OutOfMemory, PageStore, Pool, Refusal, ThreadTimes, WorkerEnd,
};
pub use options::{Options, help};
pub use stressors::{STRESSORS, Stressor};

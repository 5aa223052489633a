//! Stressors in the manner of stress-ng.
//!
//! A kernel implements [`Machine`], the stressors do the rest.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod machine;

pub use machine::{
    Arena, LoadError, Machine, OutOfMemory, PageStore, Pool, Refusal, ThreadTimes, WorkerEnd,
};

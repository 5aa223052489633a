#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod course;
mod objects;
mod pages;
mod pool;
mod random;
mod stopwatch;

pub use course::{Command, Course};
pub use pages::{PageRun, run_pages, sizes_of};
pub use pool::{CourseRun, run_course};
pub use stopwatch::{Stopwatch, distribution};

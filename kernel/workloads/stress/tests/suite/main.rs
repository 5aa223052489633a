//! The stressors on a machine made of the host's threads and memory.

mod corpus;
mod every;
mod job;
mod machine;
mod memory;
mod options;
mod primitives;
mod selection;
mod vm;

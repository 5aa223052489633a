//! The stressors on a machine made of the host's threads and memory.

mod corpus;
mod job;
mod machine;
mod options;
mod vm;

//! Tests of the back end as a whole.

mod block;
mod conformance;
mod frames;
mod handles;
mod threads;

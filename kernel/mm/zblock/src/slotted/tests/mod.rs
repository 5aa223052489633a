//! Tests of the back end as a whole.

mod block;
mod conformance;
mod frames;
mod handles;
mod retired;
mod threads;

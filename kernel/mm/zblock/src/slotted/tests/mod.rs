//! Tests of the back end as a whole.

mod block;
mod conformance;
mod handles;
mod retired;
mod threads;

//! What the configurations promise.

mod conformance;

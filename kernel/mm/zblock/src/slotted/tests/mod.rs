//! Tests of the back end as a whole.

mod conformance;

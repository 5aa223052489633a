//! Stressors that search and sort.

pub(crate) mod bsearch;
pub(crate) mod hsearch;
pub(crate) mod qsort;
pub(crate) mod tree;

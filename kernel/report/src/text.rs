//! The results as people know them.

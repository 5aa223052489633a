//! Log-linear latency histograms.
#![no_std]

//! Stressors in the manner of stress-ng.
#![no_std]

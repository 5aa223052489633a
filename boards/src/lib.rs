//! From a device tree to a machine description.
#![no_std]

//! The allocators for compressed pages, by name.
#![no_std]

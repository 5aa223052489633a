//! Allocator for compressed pages: zblock.
#![no_std]

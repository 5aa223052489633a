//! Allocator for compressed pages: zbud.
#![no_std]

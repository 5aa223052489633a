//! Allocator for compressed pages: zsmalloc.
#![no_std]

//! Allocator for compressed pages: z3fold.
#![no_std]

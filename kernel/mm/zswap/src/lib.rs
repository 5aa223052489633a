//! Compressed page store: compressors above an allocator of compressed pages.
#![no_std]

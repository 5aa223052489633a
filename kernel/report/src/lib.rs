//! Result types shared by the kernel, the host and the tests.
#![no_std]

//! Black-box tests: boot the image under QEMU and read the UART.
#![no_std]

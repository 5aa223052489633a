//! Leaving QEMU with a status.

use core::arch::asm;

/// Ends QEMU with this exit status. Only when the launcher asked for it (`exit=semihosting`): on
/// a board without a debugger the instruction is undefined.
pub fn exit(status: u8) -> ! {
    /// SYS_EXIT_EXTENDED of the semihosting specification.
    const EXIT_EXTENDED: u64 = 0x20;
    /// ADP_Stopped_ApplicationExit.
    const APPLICATION_EXIT: u64 = 0x20026;
    let block = [APPLICATION_EXIT, u64::from(status)];
    // SAFETY: the call reads the block of two words and does not return.
    unsafe {
        asm!("hlt #0xf000", in("x0") EXIT_EXTENDED, in("x1") block.as_ptr(), options(nostack));
    }
    crate::cpu::halt()
}

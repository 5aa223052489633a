//! What an exception saves of the interrupted code.

/// Every register of the interrupted code, FP/SIMD included, as the vectors store it.
#[repr(C, align(16))]
pub struct TrapFrame {
    /// x0 to x30.
    pub x: [u64; 31],
    /// Stack pointer before the exception.
    pub sp: u64,
    /// Where to return to.
    pub elr: u64,
    /// State to return to.
    pub spsr: u64,
    /// FPCR.
    pub fpcr: u64,
    /// FPSR.
    pub fpsr: u64,
    /// q0 to q31.
    pub q: [u128; 32],
}

/// Bytes of a [`TrapFrame`].
pub const FRAME_BYTES: usize = size_of::<TrapFrame>();

impl TrapFrame {
    /// Whether the interrupted code had IRQ masked.
    pub fn interrupts_masked(&self) -> bool {
        self.spsr & (1 << 7) != 0
    }
}

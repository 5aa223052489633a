//! Random numbers that depend on nothing but a seed.

/// The 64-bit mixing function of SplitMix64: a bijection whose output looks random.
#[must_use]
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (Steele, Lea, Flood 2014): any seed is as good as any other, so that each page can
/// have a sequence of its own.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence number `index` of `seed`.
    pub const fn of(seed: u64, index: u64) -> Self {
        Self(mix(mix(seed).wrapping_add(index.wrapping_mul(STEP))))
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// The next number below `limit`, which is above zero.
    pub const fn below(&mut self, limit: usize) -> usize {
        // The upper half of the product: unbiased enough for limits far below 2^64.
        ((self.next() as u128 * limit as u128) >> 64) as usize
    }
}

//! A device that fails when the boot arguments say so (`fail-disk=`).

use alloc::boxed::Box;

use stress::options::FailPoint;
use zswap::{Tier, TierError};

use crate::memory::failing::Failing;

/// A device whose operations are counted, reads and writes together; some of them fail, and leave
/// behind what a device might.
pub struct Faulty {
    tier: Box<dyn Tier>,
    operations: Failing,
}

impl Faulty {
    /// `tier`, failing at `point`.
    pub fn new(tier: Box<dyn Tier>, point: FailPoint) -> Self {
        Self { tier, operations: Failing::new(point) }
    }

    fn fails(&self) -> bool {
        self.operations.call().is_some()
    }
}

impl Tier for Faulty {
    fn slots(&self) -> usize {
        self.tier.slots()
    }

    fn read(&self, slot: usize, page: &mut [u8]) -> Result<(), TierError> {
        if self.fails() {
            page.fill(0xbd);
            return Err(TierError);
        }
        self.tier.read(slot, page)
    }

    fn write(&self, slot: usize, page: &[u8]) -> Result<(), TierError> {
        if self.fails() {
            return Err(TierError);
        }
        self.tier.write(slot, page)
    }
}

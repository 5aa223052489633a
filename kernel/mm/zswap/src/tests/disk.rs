//! A disk in memory that fails when it is told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec;
use std::vec::Vec;

use super::PAGE;
use crate::{Tier, TierError};

/// Slots that hold pages of the tests' size.
pub struct Disk {
    pages: Vec<Mutex<Option<Vec<u8>>>>,
    /// Every read fails.
    pub fail_reads: AtomicBool,
    /// Every write fails, half done.
    pub fail_writes: AtomicBool,
}

impl Disk {
    /// A disk of that many slots.
    pub fn new(slots: usize) -> Self {
        Self {
            pages: (0..slots).map(|_| Mutex::new(None)).collect(),
            fail_reads: AtomicBool::new(false),
            fail_writes: AtomicBool::new(false),
        }
    }
}

impl Tier for Disk {
    fn slots(&self) -> usize {
        self.pages.len()
    }

    fn read(&self, slot: usize, page: &mut [u8]) -> Result<(), TierError> {
        if self.fail_reads.load(Ordering::Relaxed) {
            page.fill(0xbd);
            return Err(TierError);
        }
        let stored = self.pages[slot].lock().unwrap();
        page.copy_from_slice(stored.as_ref().expect("the slot was written"));
        Ok(())
    }

    fn write(&self, slot: usize, page: &[u8]) -> Result<(), TierError> {
        let mut stored = self.pages[slot].lock().unwrap();
        if self.fail_writes.load(Ordering::Relaxed) {
            *stored = Some(vec![0xbd; PAGE]);
            return Err(TierError);
        }
        *stored = Some(page.to_vec());
        Ok(())
    }
}

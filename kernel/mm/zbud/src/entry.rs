//! What a pool knows of a page outside of it: where it is, and who uses its objects.

use core::sync::atomic::{AtomicU64, Ordering};

use zpool::HandleError;

/// Which of the two objects of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Buddy {
    /// Behind the header.
    First,
    /// Flush with the end of the page.
    Last,
}

impl Buddy {
    const fn live(self) -> u64 {
        match self {
            Self::First => 1,
            Self::Last => 2,
        }
    }

    const fn users(self) -> u32 {
        match self {
            Self::First => 48,
            Self::Last => 56,
        }
    }
}

/// One page: its address (bits 12 to 47), which objects are live (bits 0 and 1), and who uses
/// each (bits 48 to 56, 56 to 64): nobody, so many readers, or a writer. Zero without a page.
///
/// The original's handles are addresses and it trusts them; this is what a checked handle names.
#[derive(Debug, Default)]
pub(crate) struct Entry(AtomicU64);

const ADDRESS: u64 = (1 << 48) - (1 << 12);
const WRITER: u64 = 0xFF;

impl Entry {
    /// A page without objects is there from now on; or no page, for zero.
    pub(crate) fn set(&self, address: usize) {
        self.0.store(address as u64, Ordering::Release);
    }

    /// Address of the page, zero without one.
    pub(crate) fn address(&self) -> usize {
        (self.0.load(Ordering::Relaxed) & ADDRESS) as usize
    }

    /// The object is live from now on.
    pub(crate) fn begin(&self, buddy: Buddy) {
        self.0.fetch_or(buddy.live(), Ordering::Release);
    }

    /// Ends the object: whoever succeeds, frees it. The address of the page.
    pub(crate) fn claim(&self, buddy: Buddy) -> Result<usize, HandleError> {
        self.update(buddy, |word, users| {
            if users == 0 { Ok(word & !buddy.live()) } else { Err(HandleError::Busy) }
        })
    }

    /// Joins the readers of the object. The address of the page.
    pub(crate) fn pin_shared(&self, buddy: Buddy) -> Result<usize, HandleError> {
        self.update(buddy, |word, users| {
            // One more reader than 254 would be a writer.
            if users < WRITER - 1 {
                Ok(word + (1 << buddy.users()))
            } else {
                Err(HandleError::Busy)
            }
        })
    }

    /// Leaves the readers.
    pub(crate) fn unpin_shared(&self, buddy: Buddy) {
        self.0.fetch_sub(1 << buddy.users(), Ordering::Release);
    }

    /// Becomes the only user of the object. The address of the page.
    pub(crate) fn pin_exclusive(&self, buddy: Buddy) -> Result<usize, HandleError> {
        self.update(buddy, |word, users| {
            if users == 0 { Ok(word | WRITER << buddy.users()) } else { Err(HandleError::Busy) }
        })
    }

    /// Ends what [`Entry::pin_exclusive`] began.
    pub(crate) fn unpin_exclusive(&self, buddy: Buddy) {
        self.0.fetch_and(!(WRITER << buddy.users()), Ordering::Release);
    }

    fn update(
        &self,
        buddy: Buddy,
        change: impl Fn(u64, u64) -> Result<u64, HandleError>,
    ) -> Result<usize, HandleError> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & buddy.live() == 0 {
                return Err(HandleError::Stale);
            }
            let changed = change(word, word >> buddy.users() & WRITER)?;
            match self.0.compare_exchange_weak(word, changed, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok((word & ADDRESS) as usize),
                Err(now) => word = now,
            }
        }
    }
}

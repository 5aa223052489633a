//! The word a handle names: where its object is now, and who uses it.

use core::sync::atomic::{AtomicU64, Ordering};

use zpool::HandleError;

/// Where an object is: its zspage and its index there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Location {
    pub(crate) zspage: u32,
    pub(crate) index: u16,
}

/// One word of the handle cache. Zero while no object has it.
///
/// Bits 0..16 are the index, 16..48 the zspage, bit 48 says that the word is in use, and 56..64
/// say who uses the object: nobody, so many readers, or [`WRITER`].
#[derive(Debug, Default)]
pub(crate) struct HandleWord(AtomicU64);

const LIVE: u64 = 1 << 48;
const USERS: u32 = 56;
const READER: u64 = 1 << USERS;
const WRITER: u64 = 0xFF << USERS;

impl HandleWord {
    /// The object is there from now on. The caller has the class lock, and nobody uses the object.
    pub(crate) fn set(&self, location: Location) {
        let Location { zspage, index } = location;
        self.0.store(LIVE | u64::from(zspage) << 16 | u64::from(index), Ordering::Release);
    }

    /// Joins the readers of the object.
    pub(crate) fn pin_shared(&self) -> Result<Location, HandleError> {
        self.update(|word| match word >> USERS {
            // 254 readers are as many as there is room for; the next one would be a writer.
            254.. => Err(HandleError::Busy),
            _ => Ok(word + READER),
        })
    }

    /// Leaves the readers.
    pub(crate) fn unpin_shared(&self) {
        self.0.fetch_sub(READER, Ordering::Release);
    }

    /// Becomes the only user of the object.
    pub(crate) fn pin_exclusive(&self) -> Result<Location, HandleError> {
        self.update(
            |word| if word >> USERS == 0 { Ok(word | WRITER) } else { Err(HandleError::Busy) },
        )
    }

    /// Ends what [`HandleWord::pin_exclusive`] began.
    pub(crate) fn unpin_exclusive(&self) {
        self.0.fetch_and(!WRITER, Ordering::Release);
    }

    /// Takes the object away from its handle: whoever succeeds, frees it.
    pub(crate) fn claim(&self) -> Result<Location, HandleError> {
        self.update(|word| if word >> USERS == 0 { Ok(0) } else { Err(HandleError::Busy) })
    }

    /// Where the object is, from someone who has pinned it.
    pub(crate) fn location(&self) -> Location {
        location(self.0.load(Ordering::Relaxed))
    }

    fn update(
        &self,
        change: impl Fn(u64) -> Result<u64, HandleError>,
    ) -> Result<Location, HandleError> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & LIVE == 0 {
                return Err(HandleError::Stale);
            }
            match self.0.compare_exchange_weak(
                word,
                change(word)?,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(location(word)),
                Err(now) => word = now,
            }
        }
    }
}

fn location(word: u64) -> Location {
    Location { zspage: (word >> 16) as u32, index: word as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_exclude_each_other() {
        let word = HandleWord::default();
        let place = Location { zspage: 0xFFFF_FFFE, index: 4095 };
        assert_eq!(word.claim(), Err(HandleError::Stale));
        word.set(place);
        for _ in 0..254 {
            assert_eq!(word.pin_shared(), Ok(place));
        }
        assert_eq!(word.pin_shared(), Err(HandleError::Busy));
        assert_eq!(word.claim(), Err(HandleError::Busy));
        assert_eq!(word.pin_exclusive(), Err(HandleError::Busy));
        (0..254).for_each(|_| word.unpin_shared());
        assert_eq!(word.pin_exclusive(), Ok(place));
        assert_eq!(word.pin_shared(), Err(HandleError::Busy));
        word.unpin_exclusive();
        assert_eq!(word.location(), place);
        assert_eq!(word.claim(), Ok(place));
        assert_eq!(word.pin_shared(), Err(HandleError::Stale));
    }
}

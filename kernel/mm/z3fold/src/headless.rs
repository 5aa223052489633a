//! Headless pages: one object that leaves no room for a header.

use core::sync::atomic::{AtomicU64, Ordering};

use zpool::{AllocError, Env, Handle, HandleError};

use crate::Z3fold;
use crate::page::CHUNKS;
use crate::slots::Name;

/// The address of a headless page, and in bits 48 to 56 who uses its object: nobody, so many
/// readers, or a writer. Zero without a page.
///
/// The original keeps the flags of such a page in the kernel's page descriptor.
#[derive(Debug, Default)]
pub(crate) struct Headless(AtomicU64);

const USERS: u32 = 48;
const READER: u64 = 1 << USERS;
const WRITER: u64 = 0xFF << USERS;

impl Headless {
    /// Address of the page, zero without one.
    pub(crate) fn address(&self) -> usize {
        (self.0.load(Ordering::Relaxed) & (READER - 1)) as usize
    }

    /// Ends the object: whoever succeeds, frees the page. Its address.
    fn claim(&self) -> Result<usize, HandleError> {
        self.update(|word| if word >> USERS == 0 { Ok(0) } else { Err(HandleError::Busy) })
    }

    /// Joins the readers of the object. The address of the page.
    pub(crate) fn pin_shared(&self) -> Result<usize, HandleError> {
        self.update(|word| match word >> USERS {
            // One more reader would be a writer.
            254.. => Err(HandleError::Busy),
            _ => Ok(word + READER),
        })
    }

    /// Becomes the only user of the object. The address of the page.
    pub(crate) fn pin_exclusive(&self) -> Result<usize, HandleError> {
        self.update(
            |word| if word >> USERS == 0 { Ok(word | WRITER) } else { Err(HandleError::Busy) },
        )
    }

    /// Ends a read.
    pub(crate) fn unpin_shared(&self) {
        self.0.fetch_sub(READER, Ordering::Release);
    }

    /// Ends a write.
    pub(crate) fn unpin_exclusive(&self) {
        self.0.fetch_and(!WRITER, Ordering::Release);
    }

    fn update(
        &self,
        change: impl Fn(u64) -> Result<u64, HandleError>,
    ) -> Result<usize, HandleError> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word == 0 {
                return Err(HandleError::Stale);
            }
            match self.0.compare_exchange_weak(
                word,
                change(word)?,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok((word & (READER - 1)) as usize),
                Err(now) => word = now,
            }
        }
    }
}

impl<E: Env> Z3fold<E> {
    /// A page for one object.
    pub(crate) fn allocate_headless(&self) -> Result<Handle, AllocError> {
        let frame = self.env.alloc(0).ok_or(AllocError::NoMemory)?;
        let number = self.headless.alloc();
        let reading = self.enter();
        let entry = number.and_then(|number| Some((number, self.headless.get(&reading, number)?)));
        let Some((number, entry)) = entry else {
            // SAFETY: the frame was just handed out, and nobody has seen it.
            unsafe { self.env.free(frame, 0) };
            return Err(AllocError::NoMemory);
        };
        entry.0.store(frame.as_ptr().expose_provenance() as u64, Ordering::Release);
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.count(CHUNKS);
        Ok(Name::Headless(number).handle())
    }

    /// Ends the object of a headless page and gives the page back.
    pub(crate) fn free_headless(&self, number: u32) -> Result<(), HandleError> {
        let reading = self.enter();
        let entry = self.headless.get(&reading, number).ok_or(HandleError::Invalid)?;
        let address = entry.claim()?;
        // SAFETY: only one caller claims the page, when nobody has it pinned.
        unsafe { self.give_back(address) };
        self.pages.fetch_sub(1, Ordering::Relaxed);
        self.discount(CHUNKS);
        self.headless.free(&reading, number);
        Ok(())
    }
}

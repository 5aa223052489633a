//! Reading an object in place.

use core::ops::Deref;

/// The bytes of an object, pinned: while this lives the object is neither freed nor moved.
pub struct ReadGuard<'a> {
    bytes: &'a [u8],
    end: Option<(&'a dyn ReadEnd, u64)>,
}

/// What a back end does when a read ends (unpin, unlock).
pub trait ReadEnd {
    /// The read that was begun with this token is over.
    fn read_end(&self, token: u64);
}

impl<'a> ReadGuard<'a> {
    /// Bytes that need no pin: copied to the caller's scratch, or immovable.
    #[must_use]
    pub const fn unpinned(bytes: &'a [u8]) -> Self {
        Self { bytes, end: None }
    }

    /// Bytes that stay valid until `end.read_end(token)` is called, once, by this guard.
    #[must_use]
    pub const fn pinned(bytes: &'a [u8], end: &'a dyn ReadEnd, token: u64) -> Self {
        Self { bytes, end: Some((end, token)) }
    }
}

impl Deref for ReadGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        if let Some((end, token)) = self.end {
            end.read_end(token);
        }
    }
}

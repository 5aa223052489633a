//! Objects in a page of their own: all there is to say about one fits the word of its descriptor.
//!
//! ```text
//! length - 1 : 14 | 1 : 1 | moving : 1 | pins : 16
//! ```

/// Set while the object is being written.
pub(super) const BUSY: u32 = 1 << 15;
/// One reader.
pub(super) const PIN: u32 = 1 << 16;

/// The word of an object of that length.
pub(super) const fn word(length: usize) -> u32 {
    (length - 1) as u32 | 1 << 14
}

/// Bytes of the object.
pub(super) const fn length(word: u32) -> usize {
    (word & ((1 << 14) - 1)) as usize + 1
}

/// Readers of the object.
pub(super) const fn pins(word: u32) -> u32 {
    word >> 16
}

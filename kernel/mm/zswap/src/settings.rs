//! What a store is told at creation.

use crate::Reject;

/// What a store is told at creation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes of a page: 4096 or 16384.
    pub page_size: usize,
    /// Page frames that `max_pool_percent` refers to.
    pub ram_pages: usize,
    /// Limit on the pool's frames, percent of `ram_pages`.
    pub max_pool_percent: u32,
    /// Where storing resumes after the limit was met, percent of the limit; 100 for at once.
    pub accept_threshold_percent: u32,
    /// What is done with pages that repeat one word.
    pub same_filled: SameFilled,
    /// What is done with pages that do not become smaller.
    pub incompressible: Incompressible,
    /// Whether an object carries a checksum of its page. It takes four bytes of each; a page that
    /// does not become smaller by that much is refused, since wrong bytes in it would not be seen.
    pub checksum: bool,
    /// Whether an object says in one byte which compressor it is from, as
    /// [`Store::recompress`](crate::Store::recompress) needs it.
    pub recompress: bool,
    /// Whether the holder of a [`Stored`](crate::Stored) has room for this word. Other words become
    /// objects of the pool ([`Stored::Word`](crate::Stored::Word)).
    pub word_fits: fn(u64) -> bool,
    /// Called after a refusal that pages written back would have avoided: the pool is full, or got
    /// no memory ([`Reject::AllocFail`]).
    pub refused: fn(Reject),
}

impl Settings {
    /// A limit of 50 %, an acceptance threshold of 90 %, repeated words detected and all of them
    /// fitting, incompressible pages kept, no checksums, no second compressor.
    #[must_use]
    pub const fn new(page_size: usize, ram_pages: usize) -> Self {
        Self {
            page_size,
            ram_pages,
            max_pool_percent: 50,
            accept_threshold_percent: 90,
            same_filled: SameFilled::Word,
            incompressible: Incompressible::Keep,
            checksum: false,
            recompress: false,
            word_fits: |_| true,
            refused: |_| {},
        }
    }
}

/// What is done with pages that repeat one machine word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SameFilled {
    /// They are compressed like any other.
    Off,
    /// Zero pages are kept by the swap layer, before the limits are looked at and whether or not
    /// the store is enabled, and counted apart. Linux since 6.12.
    Zero,
    /// Any repeated word is kept as that word, after the limits were looked at. Linux until 6.11,
    /// zram.
    Word,
}

/// What is done with pages that do not become smaller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Incompressible {
    /// They are refused. zswap of Linux 6.12.
    Refuse,
    /// They are kept as they are, in an object of the length of a page, if the pool stores that.
    /// zram.
    Keep,
}

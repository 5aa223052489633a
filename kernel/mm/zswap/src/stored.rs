//! What names a stored page.

use zpool::Handle;

use crate::Slot;

/// Names one stored page. Whoever holds it gives it back once, by [`Store::discard`](crate::Store::discard).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stored {
    /// A page that repeats this word.
    Same(u64),
    /// A page that repeats the word in this object of 8 bytes.
    Word(Handle),
    /// A compressed page, or one as it is.
    Object {
        /// The object that holds it.
        handle: Handle,
        /// Bytes of it: 1 to the length of a page, which means the page as it is.
        length: u32,
    },
    /// A page in the second tier.
    Swapped(Slot),
}

/// Why a page leaves the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leave {
    /// It was loaded; whoever did has the only copy.
    Loaded,
    /// It is not needed any more.
    Invalidated,
    /// It is in the second tier now.
    WrittenBack,
    /// Another object has it now.
    Recompressed,
}

impl Stored {
    /// The object of the pool, if there is one.
    #[must_use]
    pub const fn handle(self) -> Option<Handle> {
        match self {
            Self::Same(_) | Self::Swapped(_) => None,
            Self::Word(handle) | Self::Object { handle, .. } => Some(handle),
        }
    }

    /// The same page after its object moved to `handle`.
    #[must_use]
    pub const fn with_handle(self, handle: Handle) -> Self {
        match self {
            Self::Same(_) | Self::Swapped(_) => self,
            Self::Word(_) => Self::Word(handle),
            Self::Object { length, .. } => Self::Object { handle, length },
        }
    }
}

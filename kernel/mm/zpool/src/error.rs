//! Why an operation was refused.

/// Why [`ZPool::malloc`](crate::ZPool::malloc) gave no object. Nothing has changed in the pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AllocError {
    /// The size is not one that can be asked for (`INVAL`), such as zero.
    Invalid,
    /// The size is larger than this back end stores (`NOSPC`).
    NoSpace,
    /// The environment supplied no page frame (`NOMEM`).
    NoMemory,
}

impl AllocError {
    /// The name results use: `INVAL`, `NOSPC` or `NOMEM`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVAL",
            Self::NoSpace => "NOSPC",
            Self::NoMemory => "NOMEM",
        }
    }
}

impl core::fmt::Display for AllocError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Invalid => "size cannot be asked for (INVAL)",
            Self::NoSpace => "size is larger than the allocator stores (NOSPC)",
            Self::NoMemory => "no page frame left (NOMEM)",
        })
    }
}

impl core::error::Error for AllocError {}

/// Why a handle was refused. Nothing has changed in the pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HandleError {
    /// The bits name no place that could hold an object: forged, or of another pool.
    Invalid,
    /// The place exists but this object is gone: freed before, or its place reused since.
    Stale,
    /// More bytes than the object has.
    Length,
    /// The object is being read; it can be neither freed nor written now.
    Busy,
}

impl core::fmt::Display for HandleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Invalid => "handle names no object of this pool",
            Self::Stale => "handle names an object that was freed",
            Self::Length => "length exceeds the object",
            Self::Busy => "object is being read",
        })
    }
}

impl core::error::Error for HandleError {}

//! The core: a page in, what names it out. Whoever holds that (a page-table entry, a table of
//! keys) is the index.

use core::sync::atomic::{AtomicBool, Ordering};

use zpool::{AllocError, Handle, HandleError, Owner, ZPool};

use crate::counters::Live;
use crate::same;
use crate::{Admission, CompressError, Context, Contexts, Counters, Limits, LoadError, Reject};

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
    /// Whether the holder of a [`Stored`] has room for this word. Other words become objects of
    /// the pool ([`Stored::Word`]).
    pub word_fits: fn(u64) -> bool,
}

impl Settings {
    /// A limit of 50 %, an acceptance threshold of 90 %, repeated words detected and all of them
    /// fitting, incompressible pages kept.
    #[must_use]
    pub const fn new(page_size: usize, ram_pages: usize) -> Self {
        Self {
            page_size,
            ram_pages,
            max_pool_percent: 50,
            accept_threshold_percent: 90,
            same_filled: SameFilled::Word,
            incompressible: Incompressible::Keep,
            word_fits: |_| true,
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

/// Names one stored page. Whoever holds it gives it back once, by [`Store::discard`].
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
}

impl Stored {
    /// The object of the pool, if there is one.
    #[must_use]
    pub const fn handle(self) -> Option<Handle> {
        match self {
            Self::Same(_) => None,
            Self::Word(handle) | Self::Object { handle, .. } => Some(handle),
        }
    }

    /// The same page after its object moved to `handle`.
    #[must_use]
    pub const fn with_handle(self, handle: Handle) -> Self {
        match self {
            Self::Same(_) => self,
            Self::Word(_) => Self::Word(handle),
            Self::Object { length, .. } => Self::Object { handle, length },
        }
    }
}

/// A compressed page store. Shared by all CPUs; it has no lock of its own, only those of the pool
/// and of the contexts it borrows.
pub struct Store<'a> {
    pool: &'a dyn ZPool,
    contexts: &'a dyn Contexts,
    settings: Settings,
    limits: Limits,
    enabled: AtomicBool,
    counters: Live,
}

impl<'a> Store<'a> {
    /// An empty, enabled store. `contexts` are for pages of `settings.page_size` bytes, and `pool`
    /// is used by nobody else.
    #[must_use]
    pub fn new(pool: &'a dyn ZPool, contexts: &'a dyn Contexts, settings: Settings) -> Self {
        Self {
            pool,
            contexts,
            limits: Limits::new(
                settings.ram_pages,
                settings.max_pool_percent,
                settings.accept_threshold_percent,
            ),
            settings,
            enabled: AtomicBool::new(true),
            counters: Live::default(),
        }
    }

    /// The pool, for its statistics and its maintenance.
    #[must_use]
    pub const fn pool(&self) -> &'a dyn ZPool {
        self.pool
    }

    /// What the store was created with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The limits in force.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether new pages are taken. Stored ones stay readable either way.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let bytes = self.pool.total_pages() * self.settings.page_size;
        self.counters.snapshot(bytes as u64)
    }

    /// Stores a page. `owner` is told when its object moves.
    ///
    /// # Errors
    /// A [`Reject`], counted under the name the kernel has for it.
    pub fn put(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if let Some(zero) = self.put_zero(page) {
            return Ok(zero);
        }
        self.admit()?;
        self.put_admitted(page, owner)
    }

    /// Restores a page, which stays stored.
    ///
    /// # Errors
    /// A [`LoadError`]. [`LoadError::Damaged`] is counted; the page is zero then.
    pub fn get(&self, stored: Stored, page: &mut [u8]) -> Result<(), LoadError> {
        if page.len() != self.settings.page_size {
            return Err(LoadError::PageSize);
        }
        match stored {
            Stored::Same(word) => same::fill(page, word),
            Stored::Word(handle) => same::fill(page, self.read_word(handle)?),
            Stored::Object { handle, length } => self.decompress(handle, length as usize, page)?,
        }
        if self.is_swap_layers(stored) {
            self.counters.swpin_zero.add(1);
        } else {
            self.counters.zswpin.add(1);
        }
        Ok(())
    }

    /// Forgets a page.
    ///
    /// # Errors
    /// What the pool says, which is counted too; the page counts as stored still.
    pub fn discard(&self, stored: Stored) -> Result<(), HandleError> {
        if let Some(handle) = stored.handle() {
            self.pool.free(handle).inspect_err(|_| self.counters.free_fail.add(1))?;
        }
        match stored {
            Stored::Same(_) => self.counters.same_filled_pages.subtract(1),
            Stored::Word(_) => {
                self.counters.same_filled_pages.subtract(1);
                self.counters.same_filled_objects.subtract(1);
            }
            Stored::Object { length, .. } => {
                self.counters.compressed_pages.subtract(1);
                self.counters.compressed_bytes.subtract(length.into());
                if self.is_whole_page(length as usize) {
                    self.counters.stored_incompressible_pages.subtract(1);
                }
            }
        }
        if !self.is_swap_layers(stored) {
            self.counters.stored_pages.subtract(1);
        }
        Ok(())
    }

    /// What the swap layer does before the store is asked, under [`SameFilled::Zero`].
    pub(crate) fn put_zero(&self, page: &[u8]) -> Option<Stored> {
        if self.settings.same_filled != SameFilled::Zero
            || page.len() != self.settings.page_size
            || same::repeated_word(page) != Some(0)
        {
            return None;
        }
        self.counters.swpout_zero.add(1);
        self.counters.same_filled_pages.add(1);
        Some(Stored::Same(0))
    }

    /// Whether an attempt to store goes on.
    pub(crate) fn admit(&self) -> Result<(), Reject> {
        if !self.enabled.load(Ordering::Relaxed) {
            return Err(Reject::Disabled);
        }
        match self.limits.check(self.pool.total_pages()) {
            Admission::Accept => Ok(()),
            Admission::LimitHit => {
                self.counters.pool_limit_hit.add(1);
                Err(Reject::PoolLimit)
            }
            Admission::Hysteresis => {
                self.counters.reject_hysteresis.add(1);
                Err(Reject::PoolLimit)
            }
        }
    }

    /// The rest of [`Store::put`].
    pub(crate) fn put_admitted(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if page.len() != self.settings.page_size {
            return Err(Reject::PageSize);
        }
        let stored = self.place(page, owner).inspect_err(|reject| self.count(*reject))?;
        match stored {
            Stored::Same(_) => self.counters.same_filled_pages.add(1),
            Stored::Word(_) => {
                self.counters.same_filled_pages.add(1);
                self.counters.same_filled_objects.add(1);
            }
            Stored::Object { length, .. } => {
                self.counters.compressed_pages.add(1);
                self.counters.compressed_bytes.add(length.into());
                if self.is_whole_page(length as usize) {
                    self.counters.stored_incompressible_pages.add(1);
                }
            }
        }
        self.counters.stored_pages.add(1);
        self.counters.zswpout.add(1);
        Ok(stored)
    }

    /// Counts a rejection that [`Store::admit`] has not counted.
    pub(crate) fn count(&self, reject: Reject) {
        match reject {
            Reject::CompressFail => self.counters.reject_compress_fail.add(1),
            Reject::CompressPoor => self.counters.reject_compress_poor.add(1),
            Reject::AllocFail => self.counters.reject_alloc_fail.add(1),
            Reject::NoEntry => self.counters.reject_kmemcache_fail.add(1),
            Reject::Disabled | Reject::PoolLimit | Reject::NoContext | Reject::PageSize => {}
        }
    }

    fn place(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if self.settings.same_filled == SameFilled::Word
            && let Some(word) = same::repeated_word(page)
        {
            if (self.settings.word_fits)(word) {
                return Ok(Stored::Same(word));
            }
            return self.new_object(&word.to_ne_bytes(), owner).map(Stored::Word);
        }
        let mut result = Err(Reject::NoContext);
        self.contexts.with(&mut |context| result = self.compress(context, page, owner));
        result
    }

    fn compress(&self, context: &mut Context, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        let Context { compressor, output, .. } = context;
        let length = match compressor.compress(page, output) {
            Ok(length) if !self.is_whole_page(length) => length,
            Ok(_) | Err(CompressError::TooLong) => return self.keep_whole(page, owner),
            Err(CompressError::Failed) => return Err(Reject::CompressFail),
        };
        let handle = self.new_object(&output[..length], owner)?;
        Ok(Stored::Object { handle, length: length as u32 })
    }

    /// Stores a page that does not become smaller.
    fn keep_whole(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if self.settings.incompressible == Incompressible::Refuse {
            return Err(Reject::CompressFail);
        }
        match self.pool.malloc(page.len(), owner) {
            Ok(handle) => {
                self.write(handle, page)?;
                Ok(Stored::Object { handle, length: page.len() as u32 })
            }
            Err(AllocError::NoMemory) => Err(Reject::AllocFail),
            // This back end has no objects of that length.
            Err(AllocError::Invalid | AllocError::NoSpace) => Err(Reject::CompressFail),
        }
    }

    fn new_object(&self, bytes: &[u8], owner: Owner) -> Result<Handle, Reject> {
        let handle = self.pool.malloc(bytes.len(), owner).map_err(|error| match error {
            AllocError::NoSpace => Reject::CompressPoor,
            AllocError::Invalid | AllocError::NoMemory => Reject::AllocFail,
        })?;
        self.write(handle, bytes)?;
        Ok(handle)
    }

    /// Fills a new object, or gives it up.
    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), Reject> {
        if self.pool.write(handle, bytes).is_ok() {
            return Ok(());
        }
        if self.pool.free(handle).is_err() {
            self.counters.free_fail.add(1);
        }
        Err(Reject::AllocFail)
    }

    fn read_word(&self, handle: Handle) -> Result<u64, LoadError> {
        let mut scratch = [0; 8];
        let object = self.pool.read(handle, 8, &mut scratch).map_err(LoadError::Handle)?;
        let bytes = object.as_array().ok_or(LoadError::Handle(HandleError::Length))?;
        Ok(u64::from_ne_bytes(*bytes))
    }

    fn decompress(&self, handle: Handle, length: usize, page: &mut [u8]) -> Result<(), LoadError> {
        if length > page.len() {
            return Err(LoadError::Handle(HandleError::Length));
        }
        let mut result = Err(LoadError::NoContext);
        self.contexts.with(&mut |context| {
            let Context { compressor, object, .. } = context;
            result = self.pool.read(handle, length, object).map_err(LoadError::Handle).and_then(
                |bytes| {
                    if self.is_whole_page(length) {
                        page.copy_from_slice(&bytes);
                        return Ok(());
                    }
                    compressor.decompress(&bytes, page).map_err(|_| LoadError::Damaged)
                },
            );
        });
        if result == Err(LoadError::Damaged) {
            self.counters.decompress_fail.add(1);
            page.fill(0);
        }
        result
    }

    /// Whether an object of this length holds a page as it is.
    fn is_whole_page(&self, length: usize) -> bool {
        length == self.settings.page_size && self.settings.incompressible == Incompressible::Keep
    }

    /// Whether this page is one of those that [`Store::put_zero`] kept.
    fn is_swap_layers(&self, stored: Stored) -> bool {
        self.settings.same_filled == SameFilled::Zero && stored == Stored::Same(0)
    }
}

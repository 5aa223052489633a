//! The core: a page in, what names it out. Whoever holds that (a page-table entry, a table of
//! keys) is the index.

use core::sync::atomic::{AtomicBool, Ordering};

use zpool::{AllocError, Handle, HandleError, Owner, ZPool};

use crate::counters::Live;
use crate::object::{Codec, Trailer, checksum};
use crate::same;
use crate::{
    Admission, CompressError, Context, Contexts, Counters, Incompressible, Leave, Limits,
    LoadError, Reject, SameFilled, Settings, Stored, SwapArea,
};

/// A compressed page store. Shared by all CPUs; it has no lock of its own, only those of the pool
/// and of the contexts it borrows.
pub struct Store<'a> {
    pool: &'a dyn ZPool,
    pub(crate) contexts: &'a dyn Contexts,
    pub(crate) settings: Settings,
    pub(crate) trailer: Trailer,
    pub(crate) limits: Limits,
    enabled: AtomicBool,
    pub(crate) area: Option<&'a SwapArea<'a>>,
    pub(crate) counters: Live,
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
            trailer: Trailer::of(&settings),
            settings,
            enabled: AtomicBool::new(true),
            area: None,
            counters: Live::default(),
        }
    }

    /// The store with a second tier, which others may share: pages that the pool refuses go there,
    /// and pages of the pool can be written back to it.
    #[must_use]
    pub const fn with_area(self, area: &'a SwapArea<'a>) -> Self {
        Self { area: Some(area), ..self }
    }

    /// The second tier.
    #[must_use]
    pub const fn area(&self) -> Option<&'a SwapArea<'a>> {
        self.area
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

    /// Stores a page: in the pool, or in the second tier if the pool refuses it. `owner` is told
    /// when its object moves.
    ///
    /// # Errors
    /// A [`Reject`], counted under the name the kernel has for it.
    pub fn put(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if let Some(zero) = self.put_zero(page) {
            return Ok(zero);
        }
        self.admit()
            .and_then(|()| self.put_admitted(page, owner))
            .or_else(|reject| self.put_elsewhere(page, reject))
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
            Stored::Word(handle) => {
                let word = self.read_word(handle).inspect_err(|error| self.damaged(error, page));
                same::fill(page, word?);
            }
            Stored::Object { handle, length } => self.decompress(handle, length as usize, page)?,
            Stored::Swapped(slot) => return self.swap_in(slot, page),
        }
        if self.is_swap_layers(stored) {
            self.counters.swpin_zero.add(1);
        } else {
            self.counters.zswpin.add(1);
        }
        Ok(())
    }

    /// Forgets a page that is not needed any more.
    ///
    /// # Errors
    /// As [`Store::release`].
    pub fn discard(&self, stored: Stored) -> Result<(), HandleError> {
        self.release(stored, Leave::Invalidated)
    }

    /// Forgets a page.
    ///
    /// # Errors
    /// What the pool says, which is counted too; the page counts as stored still.
    pub fn release(&self, stored: Stored, why: Leave) -> Result<(), HandleError> {
        if let Stored::Swapped(slot) = stored {
            return self.release_slot(slot);
        }
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
            // Released above.
            Stored::Swapped(_) => {}
        }
        if self.is_swap_layers(stored) {
            return Ok(());
        }
        self.counters.stored_pages.subtract(1);
        match why {
            Leave::Loaded => self.counters.loaded_pages.add(1),
            Leave::Invalidated => self.counters.invalidated_pages.add(1),
            Leave::WrittenBack => self.counters.written_back_pages.add(1),
            // It is stored still.
            Leave::Recompressed => {}
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
            // Not what `place` answers.
            Stored::Swapped(_) => {}
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
            let (object, length) = self.trailer.word(word);
            return self.new_object(&object[..length], owner).map(Stored::Word);
        }
        let mut result = Err(Reject::NoContext);
        self.contexts.with(&mut |context| result = self.compress(context, page, owner));
        result
    }

    fn compress(&self, context: &mut Context, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        let Context { compressor, output, .. } = context;
        let compressed = match compressor.compress(page, output) {
            Ok(length) => self.trailer.append(output, length, page, Codec::First),
            Err(CompressError::TooLong) => None,
            Err(CompressError::Failed) => return Err(Reject::CompressFail),
        };
        let fits = |length: &usize| *length <= page.len() && !self.is_whole_page(*length);
        let Some(length) = compressed.filter(fits) else { return self.keep_whole(page, owner) };
        let handle = self.new_object(&output[..length], owner)?;
        Ok(Stored::Object { handle, length: length as u32 })
    }

    /// Stores a page that does not become smaller.
    fn keep_whole(&self, page: &[u8], owner: Owner) -> Result<Stored, Reject> {
        if self.settings.incompressible == Incompressible::Refuse || self.settings.checksum {
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

    pub(crate) fn new_object(&self, bytes: &[u8], owner: Owner) -> Result<Handle, Reject> {
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
        let mut scratch = [0; 12];
        let length = self.trailer.word_length();
        let object = self.pool.read(handle, length, &mut scratch).map_err(LoadError::Handle)?;
        self.trailer.read_word(&object).ok_or(LoadError::Damaged)
    }

    pub(crate) fn decompress(
        &self,
        handle: Handle,
        length: usize,
        page: &mut [u8],
    ) -> Result<(), LoadError> {
        if length > page.len() {
            return Err(LoadError::Handle(HandleError::Length));
        }
        let mut result = Err(LoadError::NoContext);
        self.contexts.with(&mut |context| {
            result = self.decode(context, Codec::First, handle, length, page);
        });
        if result == Ok(Codec::Second) {
            result = Err(LoadError::NoContext);
            self.contexts.with_second(&mut |context| {
                result = self.decode(context, Codec::Second, handle, length, page);
            });
        }
        result.map(|_| ()).inspect_err(|error| self.damaged(error, page))
    }

    /// Restores a page if its object is from the compressor `codec`, which is the context's; says
    /// which one it is from.
    fn decode(
        &self,
        context: &mut Context,
        codec: Codec,
        handle: Handle,
        length: usize,
        page: &mut [u8],
    ) -> Result<Codec, LoadError> {
        let Context { compressor, object, .. } = context;
        let bytes = self.pool.read(handle, length, object).map_err(LoadError::Handle)?;
        if self.is_whole_page(length) {
            page.copy_from_slice(&bytes);
            return Ok(Codec::First);
        }
        let parts = self.trailer.split(&bytes).ok_or(LoadError::Damaged)?;
        if parts.codec != codec {
            return Ok(parts.codec);
        }
        compressor.decompress(parts.body, page).map_err(|_| LoadError::Damaged)?;
        match parts.sum {
            Some(sum) if sum != checksum(page) => Err(LoadError::Damaged),
            _ => Ok(codec),
        }
    }

    /// Which compressor an object is from.
    pub(crate) fn codec_of(&self, handle: Handle, length: usize) -> Result<Codec, LoadError> {
        if self.is_whole_page(length) {
            return Ok(Codec::First);
        }
        let mut codec = Err(LoadError::NoContext);
        self.contexts.with(&mut |context| {
            let object = self.pool.read(handle, length, &mut context.object);
            codec = object.map_err(LoadError::Handle).and_then(|object| {
                self.trailer.split(&object).map(|parts| parts.codec).ok_or(LoadError::Damaged)
            });
        });
        codec
    }

    /// Counts a page that could not be restored, and shows nothing of it.
    fn damaged(&self, error: &LoadError, page: &mut [u8]) {
        if *error == LoadError::Damaged {
            self.counters.decompress_fail.add(1);
            page.fill(0);
        }
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

//! Compressing cold pages once more, by a stronger compressor that would be too slow for every one.

use zpool::Owner;

use crate::object::Codec;
use crate::{CompressError, Context, Leave, Store, Stored};

/// An object is replaced when it becomes smaller by so great a part of a page.
const LEAST_SAVING: usize = 64;

impl Store<'_> {
    /// Compresses a page of the pool by the second compressor, by way of `buffer`, which is one page
    /// long. The caller, whose page nobody else loads, discards or moves meanwhile, puts what it gets
    /// in the place of `stored`, and then lets that go ([`Leave::Recompressed`]).
    ///
    /// `None` when the page stays as it is: it is no object, or one of fewer bytes than `least`, or
    /// has been recompressed, or would not become smaller by a 64th of a page, or there is no
    /// memory for the new object. What was tried in vain is counted (`recompress_poor`).
    #[cold]
    pub fn recompress(
        &self,
        stored: Stored,
        owner: Owner,
        least: usize,
        buffer: &mut [u8],
    ) -> Option<Stored> {
        let Stored::Object { handle, length } = stored else { return None };
        let before = length as usize;
        if !self.settings.recompress
            || before < least.max(1)
            || buffer.len() != self.settings.page_size
        {
            return None;
        }
        if self.codec_of(handle, before).ok()? == Codec::Second {
            return None;
        }
        self.decompress(handle, before, buffer).ok()?;
        let most = before.checked_sub(self.settings.page_size / LEAST_SAVING)?;
        let mut object = None;
        self.contexts.with_second(&mut |context| {
            let Context { compressor, output, .. } = context;
            let length = match compressor.compress(buffer, output) {
                Ok(length) => self.trailer.append(output, length, buffer, Codec::Second),
                Err(CompressError::TooLong | CompressError::Failed) => None,
            };
            let Some(length) = length.filter(|&length| length <= most) else {
                self.counters.recompress_poor.add(1);
                return;
            };
            object = self.new_object(&output[..length], owner).ok().map(|handle| (handle, length));
        });
        let (handle, length) = object?;
        self.counters.compressed_pages.add(1);
        self.counters.compressed_bytes.add(length as u64);
        self.counters.stored_pages.add(1);
        self.counters.recompressed_pages.add(1);
        self.counters.recompress_saved_bytes.add((before - length) as u64);
        Some(Stored::Object { handle, length: length as u32 })
    }

    /// Gives up what [`Store::recompress`] made of `stored`, which is what is kept.
    #[cold]
    pub(crate) fn undo_recompress(&self, stored: Stored, smaller: Stored) {
        let length = |stored| match stored {
            Stored::Object { length, .. } => u64::from(length),
            _ => 0,
        };
        self.counters.recompressed_pages.subtract(1);
        self.counters.recompress_saved_bytes.subtract(length(stored) - length(smaller));
        // A refusal is counted by the store.
        let _counted = self.release(smaller, Leave::Recompressed);
    }
}

//! Compressing cold pages once more.

use core::sync::atomic::Ordering;

use zpool::Env;

use super::Keyed;
use crate::Leave;

impl<E: Env> Keyed<'_, E> {
    /// Entries that there are, taken or not: a turn of [`Keyed::recompress`].
    #[must_use]
    pub fn entries(&self) -> usize {
        self.shards.len() * self.shard_capacity as usize
    }

    /// Looks at the next `entries` entries, going round, and gives each page that is cold to
    /// [`Store::recompress`](crate::Store::recompress) with `least` and `buffer`: once, a turn after
    /// the page was stored or last loaded at the earliest.
    ///
    /// For one caller at a time; others go on where he is.
    #[cold]
    pub fn recompress(&self, entries: usize, least: usize, buffer: &mut [u8]) {
        let turn = self.entries();
        for _ in 0..entries {
            let at = self.hand.load(Ordering::Relaxed);
            self.hand.store((at + 1) % turn, Ordering::Relaxed);
            self.recompress_entry(at as u32, least, buffer);
        }
    }

    #[cold]
    fn recompress_entry(&self, at: u32, least: usize, buffer: &mut [u8]) {
        let (number, index) = ((at / self.shard_capacity) as usize, at % self.shard_capacity);
        let shard = self.shard(number);
        let Some(stored) = shard.lock(&self.env).begin_if_cold(index) else { return };
        let smaller = self.store.recompress(stored, self.owner(number, index), least, buffer);
        let mut locked = shard.lock(&self.env);
        if let Some(smaller) = smaller
            && locked.replace(index, smaller)
        {
            drop(locked);
            // A refusal is counted by the store.
            let _counted = self.store.release(stored, Leave::Recompressed);
            self.maintain();
            return;
        }
        // It stays as it is, or was loaded or replaced meanwhile.
        let ended = locked.end(index);
        drop(locked);
        if let Some(smaller) = smaller {
            self.store.undo_recompress(stored, smaller);
        }
        self.discard(ended);
    }
}

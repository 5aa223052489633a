//! Pages by key, for whoever has no page tables: the front end of Linux's zswap.

mod recompress;
#[cfg(test)]
mod tests;
mod write_back;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use zpool::{Budget, Env, Handle, Owner, Owners, SpinLock, Work};

use crate::lru::Lru;
use crate::table::{Removed, Shard};
use crate::{Leave, LoadError, Reject, Store, Stored};

pub use write_back::Run;

/// Entries to a shard before there is another one, and shards at most.
const SHARD_ENTRIES: usize = 1024;
const MAX_SHARDS: usize = 64;

/// A store whose pages are named by keys, such as the page number within a swap area.
///
/// Keys are kept in a hash table of fixed size, split into shards with a lock each that is held
/// while at most 16 entries are looked at, never while a page is compressed or decompressed.
///
/// The caller serialises operations on one key, as the kernel does by the lock of the page that is
/// being swapped. If it does not, each still sees a page that was stored under the key, or none.
pub struct Keyed<'a, E> {
    store: &'a Store<'a>,
    env: E,
    shards: Vec<Line>,
    /// Entries of one shard: the owner of an object is shard times this plus entry.
    shard_capacity: u32,
    /// Objects that may be written back, by owner. Locked after a shard.
    lru: Option<SpinLock<Lru>>,
    /// Loads from the second tier that no call of [`Keyed::shrink`] has taken into account.
    swapins: AtomicUsize,
    /// Entry at which [`Keyed::recompress`] goes on.
    hand: AtomicUsize,
}

/// A shard by itself in its cache lines.
#[repr(align(64))]
struct Line(SpinLock<Shard>);

impl<'a, E: Env> Keyed<'a, E> {
    /// An empty table above `store`. `env` masks interrupts while a lock is held.
    ///
    /// There is room for `capacity` pages and a quarter more, which absorbs the unevenness of
    /// hashed keys (eight standard deviations) and replacements under way. The table takes 44 to
    /// 48 bytes of heap per page of that room, and 12 more if the store has a second tier; `None`
    /// when the heap does not have them.
    pub fn new(store: &'a Store<'a>, env: E, capacity: usize) -> Option<Self> {
        let shards = (capacity / SHARD_ENTRIES).clamp(1, MAX_SHARDS);
        let shards = 1 << shards.ilog2();
        // The owner of an object has 32 bits, one value of which means nobody.
        let most = (u32::MAX as usize - 1) / shards;
        let share = capacity.div_ceil(shards);
        let shard_capacity = share.saturating_add(share / 4).clamp(1, most) as u32;
        let shard = || Some(Line(SpinLock::new(Shard::new(shard_capacity)?)));
        let entries = shards * shard_capacity as usize;
        let shards: Option<_> = core::iter::repeat_with(shard).take(shards).collect();
        let lru = match store.area() {
            Some(_) => Some(SpinLock::new(Lru::new(entries)?)),
            None => None,
        };
        Some(Self {
            store,
            env,
            shards: shards?,
            shard_capacity,
            lru,
            swapins: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        })
    }

    /// Stores `page` under `key`, in place of an older page of that key.
    ///
    /// # Errors
    /// A [`Reject`], counted. Whatever the reason, an older page of the key is gone: it would be
    /// stale.
    pub fn store(&self, key: u64, page: &[u8]) -> Result<(), Reject> {
        self.try_store(key, page).inspect_err(|_| {
            self.invalidate(key);
        })
    }

    /// Restores the page of `key`, which is no longer stored then. False when there is none.
    ///
    /// # Errors
    /// As [`Store::get`]. The page is no longer stored then either.
    pub fn load(&self, key: u64, page: &mut [u8]) -> Result<bool, LoadError> {
        self.load_as(key, page, true)
    }

    /// Restores the page of `key`, which stays stored. False when there is none.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn read(&self, key: u64, page: &mut [u8]) -> Result<bool, LoadError> {
        self.load_as(key, page, false)
    }

    /// Forgets the page of `key`. False when there is none.
    pub fn invalidate(&self, key: u64) -> bool {
        let hash = hash(key);
        let number = self.number(hash);
        let mut shard = self.shard(number).lock(&self.env);
        let removed = shard.remove(key, hash);
        self.unlist(number, removed);
        drop(shard);
        self.discard(removed.and_then(|removed| removed.stored));
        removed.is_some()
    }

    /// One bounded step of the pool's background work, with the table's objects following moves.
    pub fn maintain(&self) -> Work {
        let bytes = 2 * self.store.settings().page_size;
        self.store.pool().maintain(Budget { bytes, objects: 1 }, self)
    }

    fn try_store(&self, key: u64, page: &[u8]) -> Result<(), Reject> {
        let hash = hash(key);
        let number = self.number(hash);
        let zero = self.store.put_zero(page);
        let admitted = if zero.is_some() { Ok(()) } else { self.store.admit() };
        if self.store.area().is_none() {
            admitted?;
        }
        let reserved = self.shard(number).lock(&self.env).reserve(key, hash);
        let Some(index) = reserved else {
            self.discard(zero);
            self.store.count(Reject::NoEntry);
            return Err(Reject::NoEntry);
        };
        let owner = self.owner(number, index);
        let stored = match zero {
            Some(zero) => Ok(zero),
            None => admitted
                .and_then(|()| self.store.put_admitted(page, owner))
                .or_else(|reject| self.store.put_elsewhere(page, reject)),
        };
        let mut shard = self.shard(number).lock(&self.env);
        match stored {
            Ok(stored) => {
                let older = shard.publish(index, hash, stored);
                self.unlist(number, older);
                self.list(owner, stored);
                drop(shard);
                self.discard(older.and_then(|older| older.stored));
                Ok(())
            }
            Err(reject) => {
                shard.cancel(index, hash);
                Err(reject)
            }
        }
    }

    fn load_as(&self, key: u64, page: &mut [u8], exclusive: bool) -> Result<bool, LoadError> {
        let hash = hash(key);
        let number = self.number(hash);
        let mut shard = self.shard(number).lock(&self.env);
        let Some((index, stored)) = shard.begin(key, hash, exclusive) else { return Ok(false) };
        if exclusive {
            self.unlist(number, Some(Removed { index, stored: None }));
        }
        drop(shard);
        let result = self.store.get(stored, page);
        if matches!(stored, Stored::Swapped(_)) {
            self.swapins.fetch_add(1, Ordering::Relaxed);
        }
        let ended = self.shard(number).lock(&self.env).end(index);
        if let Some(stored) = ended {
            let why = if exclusive && result.is_ok() { Leave::Loaded } else { Leave::Invalidated };
            let _counted = self.store.release(stored, why);
        }
        result.map(|()| true)
    }

    /// Discards what has left the table. A refusal is counted by the store.
    fn discard(&self, stored: Option<Stored>) {
        if let Some(stored) = stored {
            let _counted = self.store.discard(stored);
        }
    }

    /// Makes an object a candidate for being written back. Under the lock of its shard.
    fn list(&self, owner: Owner, stored: Stored) {
        if let (Some(lru), Stored::Object { .. }) = (&self.lru, stored) {
            lru.lock(&self.env).push(owner.0);
        }
    }

    /// Ends that. Under the lock of its shard.
    fn unlist(&self, number: usize, removed: Option<Removed>) {
        if let (Some(lru), Some(removed)) = (&self.lru, removed) {
            lru.lock(&self.env).remove(self.owner(number, removed.index).0);
        }
    }

    fn owner(&self, number: usize, index: u32) -> Owner {
        Owner(number as u32 * self.shard_capacity + index)
    }

    fn number(&self, hash: u64) -> usize {
        // The top bits; the chain within the shard takes others.
        ((hash >> 32) as usize * self.shards.len()) >> 32
    }

    fn shard(&self, number: usize) -> &SpinLock<Shard> {
        &self.shards[number].0
    }
}

impl<E: Env> Owners for Keyed<'_, E> {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let number = (owner.0 / self.shard_capacity) as usize;
        let Some(Line(shard)) = self.shards.get(number) else { return false };
        let Some(mut shard) = shard.try_lock(&self.env) else { return false };
        shard.relocate(owner.0 % self.shard_capacity, old, new)
    }
}

/// Every bit of the key on every bit of the hash (the finaliser of SplitMix64), since the top bits
/// choose a shard and the bottom ones a chain, and keys may differ anywhere.
const fn hash(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

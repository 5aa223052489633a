//! Pages by key, for whoever has no page tables: the front end of Linux's zswap.

use alloc::vec::Vec;

use zpool::{Env, Handle, Owner, Owners, SpinLock};

use crate::table::Shard;
use crate::{LoadError, Reject, Store, Stored};

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
}

/// A shard by itself in its cache lines.
#[repr(align(64))]
struct Line(SpinLock<Shard>);

impl<'a, E: Env> Keyed<'a, E> {
    /// An empty table above `store`. `env` masks interrupts while a lock is held.
    ///
    /// There is room for `capacity` pages and a quarter more, which absorbs the unevenness of
    /// hashed keys (eight standard deviations) and replacements under way. The table takes 44 to
    /// 48 bytes of heap per page of that room; `None` when the heap does not have them.
    pub fn new(store: &'a Store<'a>, env: E, capacity: usize) -> Option<Self> {
        let shards = (capacity / SHARD_ENTRIES).clamp(1, MAX_SHARDS);
        let shards = 1 << shards.ilog2();
        // The owner of an object has 32 bits, one value of which means nobody.
        let most = (u32::MAX as usize - 1) / shards;
        let share = capacity.div_ceil(shards);
        let shard_capacity = share.saturating_add(share / 4).clamp(1, most) as u32;
        let shard = || Some(Line(SpinLock::new(Shard::new(shard_capacity)?)));
        let shards: Option<_> = core::iter::repeat_with(shard).take(shards).collect();
        Some(Self { store, env, shards: shards?, shard_capacity })
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
        let removed = self.shard(self.number(hash)).lock(&self.env).remove(key, hash);
        self.discard(removed.flatten());
        removed.is_some()
    }

    fn try_store(&self, key: u64, page: &[u8]) -> Result<(), Reject> {
        let hash = hash(key);
        let number = self.number(hash);
        let zero = self.store.put_zero(page);
        if zero.is_none() {
            self.store.admit()?;
        }
        let reserved = self.shard(number).lock(&self.env).reserve(key, hash);
        let Some(index) = reserved else {
            self.discard(zero);
            self.store.count(Reject::NoEntry);
            return Err(Reject::NoEntry);
        };
        let owner = Owner(number as u32 * self.shard_capacity + index);
        let stored = match zero {
            Some(zero) => Ok(zero),
            None => self.store.put_admitted(page, owner),
        };
        let mut shard = self.shard(number).lock(&self.env);
        match stored {
            Ok(stored) => {
                let older = shard.publish(index, hash, stored);
                drop(shard);
                self.discard(older);
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
        let shard = self.shard(self.number(hash));
        let begun = shard.lock(&self.env).begin(key, hash, exclusive);
        let Some((index, stored)) = begun else { return Ok(false) };
        let result = self.store.get(stored, page);
        let ended = shard.lock(&self.env).end(index);
        self.discard(ended);
        result.map(|()| true)
    }

    /// Discards what has left the table. A refusal is counted by the store.
    fn discard(&self, stored: Option<Stored>) {
        if let Some(stored) = stored {
            let _counted = self.store.discard(stored);
        }
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

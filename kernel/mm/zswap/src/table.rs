//! One shard of the table of keys: a hash table of fixed size whose every operation looks at no
//! more than [`MAX_CHAIN`] entries.

use alloc::boxed::Box;
use alloc::vec::Vec;

use zpool::Handle;

use crate::Stored;

/// Entries in one chain at most. With as many chains as entries and evenly hashed keys a chain
/// reaches it with a probability of about 10^-14.
pub(crate) const MAX_CHAIN: usize = 16;

/// No entry.
const END: u32 = u32::MAX;

pub(crate) struct Shard {
    /// First entry of each chain; a power of two of them.
    heads: Box<[u32]>,
    entries: Box<[Entry]>,
    /// First of the free entries, chained like the others.
    free: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    state: State,
    next: u32,
    /// Loads under way. The object of such an entry is neither freed nor relocated.
    readers: u32,
}

#[derive(Clone, Copy)]
enum State {
    Free,
    /// In its chain, its page being compressed. Found by nobody.
    Reserved,
    /// In its chain, to be found.
    Live(Stored),
    /// Out of its chain; the last reader ends it.
    Gone(Stored),
}

/// An entry that was taken out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Removed {
    /// Its number, which may be another entry's by now.
    pub(crate) index: u32,
    /// The page to discard; none when that is for the last reader.
    pub(crate) stored: Option<Stored>,
}

/// A slice of `length` elements on the heap; `None` when it has no room.
fn boxed<T>(length: usize, elements: impl Iterator<Item = T>) -> Option<Box<[T]>> {
    let mut slice = Vec::new();
    slice.try_reserve_exact(length).ok()?;
    slice.extend(elements);
    Some(slice.into_boxed_slice())
}

impl Shard {
    /// Room for `capacity` entries, which is less than 2^32 - 1. `None` when the heap has no room.
    pub(crate) fn new(capacity: u32) -> Option<Self> {
        let entry = |next| Entry { key: 0, state: State::Free, next, readers: 0 };
        let link = |index| entry(if index + 1 < capacity { index + 1 } else { END });
        let chains = (capacity as usize).next_power_of_two();
        Some(Self {
            heads: boxed(chains, core::iter::repeat_n(END, chains))?,
            entries: boxed(capacity as usize, (0..capacity).map(link))?,
            free: if capacity == 0 { END } else { 0 },
        })
    }

    /// An entry for `key` that is not found yet. None when all are taken, or the chain is full.
    pub(crate) fn reserve(&mut self, key: u64, hash: u64) -> Option<u32> {
        let chain = self.chain(hash);
        if self.free == END || self.walk(chain).count() >= MAX_CHAIN {
            return None;
        }
        let index = self.free;
        self.free = self.entry(index).next;
        let next = self.heads[chain];
        *self.entry(index) = Entry { key, state: State::Reserved, next, readers: 0 };
        self.heads[chain] = index;
        Some(index)
    }

    /// Gives back a reserved entry.
    pub(crate) fn cancel(&mut self, index: u32, hash: u64) {
        self.unlink(self.chain(hash), index);
        self.release(index);
    }

    /// Lets a reserved entry be found, in place of an older one of its key, which is removed.
    pub(crate) fn publish(&mut self, index: u32, hash: u64, stored: Stored) -> Option<Removed> {
        let key = self.entry(index).key;
        let older = self.remove(key, hash);
        self.entry(index).state = State::Live(stored);
        older
    }

    /// Takes a key out; None when it is not there.
    pub(crate) fn remove(&mut self, key: u64, hash: u64) -> Option<Removed> {
        let (index, stored) = self.find(key, hash)?;
        self.unlink(self.chain(hash), index);
        if self.entry(index).readers > 0 {
            self.entry(index).state = State::Gone(stored);
            return Some(Removed { index, stored: None });
        }
        self.release(index);
        Some(Removed { index, stored: Some(stored) })
    }

    /// Begins a load, which [`Shard::end`] ends. The key is gone at once if it is `exclusive`.
    pub(crate) fn begin(&mut self, key: u64, hash: u64, exclusive: bool) -> Option<(u32, Stored)> {
        let (index, stored) = self.find(key, hash)?;
        if exclusive {
            self.unlink(self.chain(hash), index);
            self.entry(index).state = State::Gone(stored);
        }
        self.entry(index).readers += 1;
        Some((index, stored))
    }

    /// Ends a load; the page to discard if the key went meanwhile and this was the last load.
    pub(crate) fn end(&mut self, index: u32) -> Option<Stored> {
        let entry = self.entry(index);
        entry.readers -= 1;
        let State::Gone(stored) = entry.state else { return None };
        if entry.readers > 0 {
            return None;
        }
        self.release(index);
        Some(stored)
    }

    /// Begins to write an entry back, which [`Shard::end`] or [`Shard::written_back`] ends. None
    /// when it is not to be found any more, or is being loaded.
    pub(crate) fn begin_write_back(&mut self, index: u32) -> Option<Stored> {
        let entry = self.entry(index);
        let State::Live(stored) = entry.state else { return None };
        if entry.readers > 0 {
            return None;
        }
        entry.readers = 1;
        Some(stored)
    }

    /// Ends writing an entry back, whose page is `stored` now; false when it went or is being
    /// loaded meanwhile. [`Shard::end`] is still to be called then.
    pub(crate) fn written_back(&mut self, index: u32, stored: Stored) -> bool {
        let entry = self.entry(index);
        if entry.readers > 1 || !matches!(entry.state, State::Live(_)) {
            return false;
        }
        entry.state = State::Live(stored);
        entry.readers = 0;
        true
    }

    /// Replaces `old` by `new` if the entry holds `old` and nobody is reading it.
    pub(crate) fn relocate(&mut self, index: u32, old: Handle, new: Handle) -> bool {
        let Some(entry) = self.entries.get_mut(index as usize) else { return false };
        match entry.state {
            State::Live(stored) if stored.handle() == Some(old) && entry.readers == 0 => {
                entry.state = State::Live(stored.with_handle(new));
                true
            }
            _ => false,
        }
    }

    fn find(&mut self, key: u64, hash: u64) -> Option<(u32, Stored)> {
        let chain = self.chain(hash);
        self.walk(chain).find_map(|index| match self.entries[index as usize] {
            Entry { key: this, state: State::Live(stored), .. } if this == key => {
                Some((index, stored))
            }
            _ => None,
        })
    }

    /// The indices of a chain's entries.
    fn walk(&self, chain: usize) -> impl Iterator<Item = u32> {
        let existing = |index: u32| (index != END).then_some(index);
        core::iter::successors(existing(self.heads[chain]), move |&index| {
            existing(self.entries[index as usize].next)
        })
    }

    fn unlink(&mut self, chain: usize, index: u32) {
        let next = self.entry(index).next;
        let before = self.walk(chain).find(|&before| self.entries[before as usize].next == index);
        match before {
            Some(before) => self.entry(before).next = next,
            None => self.heads[chain] = next,
        }
    }

    /// Puts an entry that is in no chain among the free ones.
    fn release(&mut self, index: u32) {
        let next = self.free;
        let entry = self.entry(index);
        entry.state = State::Free;
        entry.next = next;
        self.free = index;
    }

    fn entry(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    fn chain(&self, hash: u64) -> usize {
        hash as usize & (self.heads.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Stored = Stored::Same(0);

    fn live(shard: &mut Shard, key: u64) {
        let index = shard.reserve(key, 0).unwrap();
        assert!(shard.publish(index, 0, PAGE).is_none());
    }

    fn removed(shard: &mut Shard, key: u64) -> Option<Stored> {
        shard.remove(key, 0)?.stored
    }

    #[test]
    fn an_entry_takes_40_bytes() {
        assert_eq!(size_of::<Entry>(), 40);
    }

    #[test]
    fn chains_are_bounded() {
        let mut shard = Shard::new(64).unwrap();
        (0..MAX_CHAIN as u64).for_each(|key| live(&mut shard, key));
        assert_eq!(shard.reserve(99, 0), None);
        assert!(shard.reserve(99, 1).is_some(), "another chain");
        assert_eq!(removed(&mut shard, 7), Some(PAGE));
        live(&mut shard, 99);
        for key in (0..MAX_CHAIN as u64).filter(|&key| key != 7).chain([99]) {
            assert_eq!(removed(&mut shard, key), Some(PAGE), "{key}");
        }
    }

    #[test]
    fn reserved_entries_are_not_found() {
        let mut shard = Shard::new(4).unwrap();
        let index = shard.reserve(5, 0).unwrap();
        assert_eq!(shard.begin(5, 0, false), None);
        assert_eq!(shard.remove(5, 0), None);
        shard.cancel(index, 0);
        // All four are free again.
        (0..4).for_each(|key| live(&mut shard, key));
        assert_eq!(shard.reserve(4, 0), None);
    }

    #[test]
    fn the_last_reader_discards_what_went_meanwhile() {
        let mut shard = Shard::new(4).unwrap();
        live(&mut shard, 5);
        let (first, _) = shard.begin(5, 0, false).unwrap();
        let (second, _) = shard.begin(5, 0, true).unwrap();
        assert_eq!(first, second);
        assert_eq!(shard.begin(5, 0, false), None);
        live(&mut shard, 5);
        assert_eq!(shard.end(first), None);
        assert_eq!(shard.end(second), Some(PAGE));
        assert_eq!(removed(&mut shard, 5), Some(PAGE));
    }

    #[test]
    fn objects_that_are_read_do_not_move() {
        let handle = |bits| Handle::from_bits(bits).unwrap();
        let (old, new) = (handle(1), handle(2));
        let mut shard = Shard::new(4).unwrap();
        let index = shard.reserve(5, 0).unwrap();
        assert!(!shard.relocate(index, old, new), "not stored yet");
        shard.publish(index, 0, Stored::Object { handle: old, length: 9 });
        let (reader, _) = shard.begin(5, 0, false).unwrap();
        assert!(!shard.relocate(index, old, new), "being read");
        assert_eq!(shard.end(reader), None);
        assert!(!shard.relocate(index, new, old), "another object");
        assert!(!shard.relocate(4, old, new), "no such entry");
        assert!(shard.relocate(index, old, new));
        let moved = Stored::Object { handle: new, length: 9 };
        assert_eq!(removed(&mut shard, 5), Some(moved));
        assert!(!shard.relocate(index, new, old), "gone");
    }
}

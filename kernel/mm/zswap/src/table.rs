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
    marks: Marks,
}

/// Loads under way, in the lower bits, and what a hand that looks for cold pages has noted.
#[derive(Clone, Copy, Default)]
struct Marks(u32);

impl Marks {
    /// The hand came by since the page was stored or loaded.
    const SEEN: u32 = 1 << 30;
    /// The page was recompressed since it was stored, or in vain.
    const TRIED: u32 = 1 << 31;

    /// Loads under way. The object of such an entry is neither freed nor relocated.
    fn readers(self) -> u32 {
        self.0 & !(Self::SEEN | Self::TRIED)
    }

    /// Whether it had all of `marks`; it has them from now on.
    fn set(&mut self, marks: u32) -> bool {
        let before = self.0;
        self.0 |= marks;
        before & marks == marks
    }
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
        let entry = |next| Entry { key: 0, state: State::Free, next, marks: Marks::default() };
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
        *self.entry(index) = Entry { key, state: State::Reserved, next, marks: Marks::default() };
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
        if self.entry(index).marks.readers() > 0 {
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
        let marks = &mut self.entry(index).marks;
        marks.0 = (marks.0 & !Marks::SEEN) + 1;
        Some((index, stored))
    }

    /// Ends a load; the page to discard if the key went meanwhile and this was the last load.
    pub(crate) fn end(&mut self, index: u32) -> Option<Stored> {
        let entry = self.entry(index);
        entry.marks.0 -= 1;
        let State::Gone(stored) = entry.state else { return None };
        if entry.marks.readers() > 0 {
            return None;
        }
        self.release(index);
        Some(stored)
    }

    /// Begins to store the page of an entry elsewhere, which [`Shard::end`] or [`Shard::replace`]
    /// ends. None when it is not to be found any more, or is being loaded.
    pub(crate) fn begin_replacing(&mut self, index: u32) -> Option<Stored> {
        let entry = self.entry(index);
        let State::Live(stored) = entry.state else { return None };
        if entry.marks.readers() > 0 {
            return None;
        }
        entry.marks.0 += 1;
        Some(stored)
    }

    /// As [`Shard::begin_replacing`] if the page is cold: nobody stored or loaded it since this was
    /// asked before. Once; from then on it is not, until it is stored anew.
    #[cold]
    pub(crate) fn begin_if_cold(&mut self, index: u32) -> Option<Stored> {
        let entry = self.entry(index);
        let State::Live(Stored::Object { .. }) = entry.state else { return None };
        if !entry.marks.set(Marks::SEEN) || entry.marks.readers() > 0 {
            return None;
        }
        if entry.marks.set(Marks::TRIED) {
            return None;
        }
        self.begin_replacing(index)
    }

    /// The page of an entry is `stored` now; false when it went or is being loaded meanwhile, and
    /// [`Shard::end`] is still to be called.
    pub(crate) fn replace(&mut self, index: u32, stored: Stored) -> bool {
        let entry = self.entry(index);
        if entry.marks.readers() > 1 || !matches!(entry.state, State::Live(_)) {
            return false;
        }
        entry.state = State::Live(stored);
        entry.marks.0 -= 1;
        true
    }

    /// Replaces `old` by `new` if the entry holds `old` and nobody is reading it.
    pub(crate) fn relocate(&mut self, index: u32, old: Handle, new: Handle) -> bool {
        let Some(entry) = self.entries.get_mut(index as usize) else { return false };
        match entry.state {
            State::Live(stored) if stored.handle() == Some(old) && entry.marks.readers() == 0 => {
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
mod tests;

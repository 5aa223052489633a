//! The block table: one descriptor for each block, in frames that stay until the pool goes.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use zpool::{Env, Granule};

use super::block::Block;
use super::stamp::{self, Seen, Stamp};
use super::state::{Snapshot, State};

/// A block, as the pool knows it from outside.
pub(super) struct Descriptor {
    pub(super) state: State,
    /// Of a single object its stamp; else the generation that the next objects' count on from.
    pub(super) stamp: Stamp,
    /// Of a block that waits to be looked at the next one in the queue, of a live single object
    /// its length, of an unused descriptor the next unused one.
    pub(super) link: AtomicU32,
}

impl Descriptor {
    /// An unused one whose objects' generations count on from `generation`.
    fn new(generation: u32) -> Self {
        Self {
            state: State::new(),
            stamp: Stamp::new(Seen::new(stamp::State::Unused, generation, 1)),
            link: AtomicU32::new(0),
        }
    }

    /// The block that its frames are, if they are one.
    ///
    /// # Safety
    /// `seen` is of this descriptor, and the frames stay as long as the result is used.
    #[inline(always)]
    pub(super) unsafe fn block(seen: Snapshot) -> Option<Block> {
        // SAFETY: blocks are formatted before they are published.
        seen.block().map(|base| unsafe { Block::at(base) })
    }
}

/// Bits of a number that say which descriptor of its page it is, and which page of its directory.
const fn page_bits<G: Granule>() -> u32 {
    G::SHIFT - size_of::<Descriptor>().ilog2()
}
const fn directory_bits<G: Granule>() -> u32 {
    G::SHIFT - size_of::<Page>().ilog2()
}

/// Where a page of descriptors is.
type Page = AtomicPtr<Descriptor>;
/// Directories that there can be: as many as block numbers need at most.
const DIRECTORIES: usize = 32;
/// Pages of descriptors that need no frame for a directory.
const FIRST_PAGES: usize = 32;

/// All descriptors of a pool, by number from 1 on: a tree of two levels above pages of them. It
/// grows by a page at a time and never shrinks, so that lookups need no lock and anything a handle
/// says can be asked. The first directory is in here until it is full.
#[repr(C)]
pub(super) struct Table<E: Env> {
    /// Numbers below this one have a descriptor.
    used: AtomicU32,
    first: [Page; FIRST_PAGES],
    directories: [AtomicPtr<Page>; DIRECTORIES],
    pages: AtomicUsize,
    environment: core::marker::PhantomData<fn(E)>,
}

impl<E: Env> Table<E> {
    const PAGE_BITS: u32 = page_bits::<E::Granule>();
    const DIRECTORY_BITS: u32 = directory_bits::<E::Granule>();
    const FIRST_NUMBERS: u32 = (FIRST_PAGES as u32) << Self::PAGE_BITS;

    /// A table without descriptors.
    pub(super) const fn new() -> Self {
        Self {
            directories: [const { AtomicPtr::new(ptr::null_mut()) }; DIRECTORIES],
            first: [const { AtomicPtr::new(ptr::null_mut()) }; FIRST_PAGES],
            used: AtomicU32::new(0),
            pages: AtomicUsize::new(0),
            environment: core::marker::PhantomData,
        }
    }

    /// Numbers below this one have a descriptor; number 0 is never handed out.
    #[inline(always)]
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Acquire)
    }

    /// Frames of the table.
    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The descriptor of that number, if it exists.
    #[inline(always)]
    pub(super) fn get(&self, number: u32) -> Option<&Descriptor> {
        if number >= self.used() {
            return None;
        }
        let page = number >> Self::PAGE_BITS;
        let pages = if number < Self::FIRST_NUMBERS {
            self.first.as_ptr()
        } else {
            let directory = page >> Self::DIRECTORY_BITS;
            self.directories[directory as usize & (DIRECTORIES - 1)].load(Ordering::Acquire)
        };
        let (page, slot) =
            (page & ((1 << Self::DIRECTORY_BITS) - 1), number & ((1 << Self::PAGE_BITS) - 1));
        // SAFETY: numbers below `used` have an initialised descriptor, in a page and a directory
        // that were stored before `used` was raised and stay until the table is cleared.
        unsafe {
            let page = (*pages.add(page as usize)).load(Ordering::Relaxed);
            core::hint::assert_unchecked(!page.is_null());
            Some(&*page.add(slot as usize))
        }
    }

    /// One descriptor more, unused; its number. `None` when there are no frames for it or no
    /// numbers left. The caller lets nobody else add one.
    pub(super) fn grow(&self, env: &E, numbers: u32, generation: u32) -> Option<u32> {
        let number = self.used();
        if number >= numbers {
            return None;
        }
        let page = self.page_for(env, number)?;
        let slot = number & ((1 << Self::PAGE_BITS) - 1);
        // SAFETY: the page has room for it, and nobody looks at numbers that are not below `used`.
        unsafe { page.add(slot as usize).write(Descriptor::new(generation)) };
        self.used.store(number + 1, Ordering::Release);
        // Number 0 has a descriptor, so that none needs to be told apart from it.
        if number == 0 { self.grow(env, numbers, generation) } else { Some(number) }
    }

    /// The page for the descriptor of that number, a new one where it begins one.
    fn page_for(&self, env: &E, number: u32) -> Option<*mut Descriptor> {
        let page = number >> Self::PAGE_BITS;
        let pages = self.directory_for(env, page)?;
        // SAFETY: a directory has an entry for each of its pages, null at first.
        let entry = unsafe { &*pages.add(page as usize & ((1 << Self::DIRECTORY_BITS) - 1)) };
        if entry.load(Ordering::Relaxed).is_null() {
            let frame = env.alloc(0)?;
            self.pages.fetch_add(1, Ordering::Relaxed);
            entry.store(frame.cast().as_ptr(), Ordering::Relaxed);
        }
        Some(entry.load(Ordering::Relaxed))
    }

    /// The directory for that page of descriptors.
    fn directory_for(&self, env: &E, page: u32) -> Option<*const Page> {
        if (page as usize) < FIRST_PAGES {
            return Some(self.first.as_ptr());
        }
        let slot = &self.directories[(page >> Self::DIRECTORY_BITS) as usize & (DIRECTORIES - 1)];
        if slot.load(Ordering::Relaxed).is_null() {
            let directory = env.alloc(0)?.cast::<Page>().as_ptr();
            self.pages.fetch_add(1, Ordering::Relaxed);
            for entry in 0..1 << Self::DIRECTORY_BITS {
                // SAFETY: the frame has room for that many.
                unsafe { directory.add(entry).write(AtomicPtr::default()) };
            }
            slot.store(directory, Ordering::Release);
        }
        Some(slot.load(Ordering::Relaxed))
    }

    /// Gives the frames of the table back.
    pub(super) fn clear(&mut self, env: &E) {
        let used = core::mem::take(self.used.get_mut());
        for page in 0..used.div_ceil(1 << Self::PAGE_BITS) {
            if let Some(pages) = self.directory_for(env, page) {
                // SAFETY: as in `page_for`.
                let entry =
                    unsafe { &*pages.add(page as usize & ((1 << Self::DIRECTORY_BITS) - 1)) };
                Self::release(env, entry);
            }
        }
        for directory in &self.directories {
            Self::release(env, directory);
        }
    }

    fn release<T>(env: &E, frame: &AtomicPtr<T>) {
        if let Some(frame) = NonNull::new(frame.swap(ptr::null_mut(), Ordering::Relaxed)) {
            // SAFETY: the frame came from `alloc`, and the table is not used any more.
            unsafe { env.free(frame.cast(), 0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_has_its_size() {
        assert_eq!(size_of::<Descriptor>(), 16);
    }

    fn grows<G: Granule>(numbers: u32) {
        let env = zpool::testing::HostEnv::<G>::new();
        let mut table = Table::<&zpool::testing::HostEnv<G>>::new();
        let env = &env;
        assert!(table.get(0).is_none());
        for number in 1..numbers {
            assert_eq!(table.grow(&env, numbers, number & 0x7fff), Some(number));
        }
        assert_eq!(table.grow(&env, numbers, 0), None);
        for number in 1..numbers {
            let descriptor = table.get(number).expect("a descriptor");
            assert_eq!(descriptor.stamp.seen().generation(), number & 0x7fff);
        }
        assert!(table.get(numbers).is_none());
        let frames = numbers.div_ceil(1 << page_bits::<G>()) as usize;
        assert!(table.pages() <= frames + 3, "{} pages for {numbers}", table.pages());
        table.clear(&env);
    }

    #[test]
    fn every_number_has_its_descriptor() {
        grows::<zpool::Granule4K>(if cfg!(miri) { 300 } else { 300_000 });
        grows::<zpool::Granule16K>(if cfg!(miri) { 1100 } else { 100_000 });
    }
}

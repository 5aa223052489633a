//! zblock v4 with one of its decisions at a time replaced by zsmalloc's, to see what each is worth.
//!
//! | decision | v4 | replaced by |
//! |---|---|---|
//! | class lookup | binary search in the table | an array of classes, indexed by size in steps of a 256th of a page, as zsmalloc computes its class |
//! | contiguity | blocks of 2^n contiguous frames | single frames and a descriptor that lists them; an object that straddles two is copied to be read |
//! | no copy | objects are read where they are | those that straddle two pages are copied to be read, though the block is contiguous |
//! | no indirection | the handle is the address | the handle names a word that holds the address, found with the pool's reader lock held, since objects could move |
//!
//! The lists of blocks, the bitmaps and the layout are v4's throughout, and words and descriptors
//! live where zsmalloc's do ([`Slab`]). Which decisions are replaced is looked up while running:
//! the tests of those bits cost every variant the same few instructions, the unchanged one included.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use zpool::slab::{Readers, Slab};
use zpool::{
    AllocError, Backend, Env, Granule, Handle, HandleError, Owner, ReadGuard, RwSpinLock, SpinLock,
    Statistics, ZPool,
};

use super::addresses::Addresses;
use super::names::{Names, Place};
use super::policy::{Policy, V4};
use super::shelf::{Put, Shelf};
use super::table::{Class, Table};

const LOOKUP: u8 = 1;
const SCATTERED: u8 = 2;
const COPIED: u8 = 4;
const INDIRECT: u8 = 8;

/// The variants, the unchanged one first.
pub(crate) fn variants<'a, E: Env + 'a>() -> [Backend<'a, E>; 6] {
    [
        Backend { name: "v4", about: "nothing replaced", create: create::<E, 0> },
        Backend { name: "class lookup", about: "computed", create: create::<E, LOOKUP> },
        Backend { name: "contiguity", about: "single pages", create: create::<E, SCATTERED> },
        Backend {
            name: "no copy",
            about: "straddling objects copied",
            create: create::<E, COPIED>,
        },
        Backend { name: "no indirection", about: "handle words", create: create::<E, INDIRECT> },
        Backend {
            name: "all four",
            about: "all of them",
            create: create::<E, { LOOKUP | SCATTERED | COPIED | INDIRECT }>,
        },
    ]
}

fn create<'a, E: Env + 'a, const REPLACED: u8>(env: E) -> Result<Box<dyn ZPool + 'a>, AllocError> {
    Ok(Box::new(Variant::new(env, REPLACED)))
}

/// The frames of a scattered block.
#[derive(Debug, Default)]
struct Chain([AtomicU64; 8]);

/// Where an object is, for a handle that does not say so.
#[derive(Debug, Default)]
struct Word(AtomicU64);

/// A class under its lock.
type Line<G> = SpinLock<Shelf<G, V4>>;

struct Variant<E: Env> {
    env: Arc<E>,
    replaced: u8,
    table: &'static Table,
    /// Class by size, for [`LOOKUP`].
    by_step: Box<[u8]>,
    names: Addresses<E::Granule>,
    shelves: Box<[Line<E::Granule>]>,
    readers: Arc<Readers>,
    chains: Slab<Chain, E>,
    words: Slab<Word, E>,
    /// Closed while objects would move.
    moving: RwSpinLock<Self>,
    pages: AtomicUsize,
}

/// Bytes of an object: `front` of them at `start`, the rest at the beginning of the page `rest`.
struct Bytes {
    start: *mut u8,
    front: usize,
    rest: *mut u8,
}

impl<E: Env> Variant<E> {
    const STEP: usize = <E::Granule as Granule>::SIZE / 256;

    fn new(env: E, replaced: u8) -> Self {
        let table = V4::table::<E::Granule>();
        let env = Arc::new(env);
        let readers = Arc::new(Readers::new(env.cpus()));
        let largest = |step: usize| (step * Self::STEP).min(E::Granule::SIZE - 1);
        let class = |step| V4::class_for::<E::Granule>(largest(step).max(1));
        Self {
            replaced,
            table,
            by_step: (0..=256)
                .map(|step| class(step).map_or(u8::MAX, |class| class as u8))
                .collect(),
            names: Addresses::new(table),
            shelves: table.classes.iter().map(|_| SpinLock::new(Shelf::new())).collect(),
            chains: Slab::new(env.clone(), readers.clone()),
            words: Slab::new(env.clone(), readers.clone()),
            readers,
            moving: RwSpinLock::new(),
            pages: AtomicUsize::new(0),
            env,
        }
    }

    const fn has(&self, decision: u8) -> bool {
        self.replaced & decision != 0
    }

    fn class_for(&self, size: usize) -> Result<usize, AllocError> {
        if !self.has(LOOKUP) {
            return V4::class_for::<E::Granule>(size);
        }
        if size == 0 || size >= E::Granule::SIZE {
            return Err(if size == 0 { AllocError::Invalid } else { AllocError::NoSpace });
        }
        let class = self.by_step[size.div_ceil(Self::STEP)];
        if class == u8::MAX { Err(AllocError::NoSpace) } else { Ok(class.into()) }
    }

    fn malloc_in(&self, number: usize) -> Result<Place, AllocError> {
        let class = &self.table.classes[number];
        let taken = self.shelves[number].lock(&*self.env).take(class);
        if let Some((block, record, slot)) = taken {
            return Ok(Place { block, record, class: number, slot });
        }
        let (block, record) = self.new_block(class).ok_or(AllocError::NoMemory)?;
        block.as_ptr().expose_provenance();
        self.pages.fetch_add(class.pages(), Ordering::Relaxed);
        let mut shelf = self.shelves[number].lock(&*self.env);
        // SAFETY: the block is new and ours, and the shelf's from now on.
        unsafe { shelf.add_taken(class, block, record) };
        Ok(Place { block, record, class: number, slot: 0 })
    }

    /// First frame of a new block, and its chain if it has one.
    fn new_block(&self, class: &Class) -> Option<(NonNull<u8>, u32)> {
        if !self.has(SCATTERED) {
            return Some((self.env.alloc(class.order)?, 0));
        }
        let number = self.chains.alloc()?;
        let reading = self.readers.enter(self.env.cpu());
        let first = self.chains.get(&reading, number).and_then(|chain| {
            chain.0.iter().for_each(|entry| entry.store(0, Ordering::Relaxed));
            self.take_frames(chain, class)
        });
        if first.is_none() {
            self.chains.free(&reading, number);
        }
        first.map(|first| (first, number))
    }

    /// As many single frames as the class has pages, or none.
    fn take_frames(&self, chain: &Chain, class: &Class) -> Option<NonNull<u8>> {
        let mut first = None;
        for entry in &chain.0[..class.pages()] {
            let Some(frame) = self.env.alloc(0) else {
                give_frames(&*self.env, chain, class);
                return None;
            };
            first.get_or_insert(frame);
            entry.store(frame.as_ptr().expose_provenance() as u64, Ordering::Relaxed);
        }
        first
    }

    fn give_back(&self, class: &Class, block: NonNull<u8>, record: u32) {
        self.pages.fetch_sub(class.pages(), Ordering::Relaxed);
        if !self.has(SCATTERED) {
            // SAFETY: the block came from `alloc(order)`, and nothing of it is used.
            return unsafe { self.env.free(block, class.order) };
        }
        let reading = self.readers.enter(self.env.cpu());
        if let Some(chain) = self.chains.get(&reading, record) {
            give_frames(&*self.env, chain, class);
        }
        self.chains.free(&reading, record);
    }

    /// The place that a handle names, which stays while the caller does not free it.
    fn place(&self, handle: Handle) -> Result<Place, HandleError> {
        if !self.has(INDIRECT) {
            return self.names.begin_read(handle);
        }
        let reading = self.readers.enter(self.env.cpu());
        self.moving.lock_read();
        let number = (handle.bits() - 1) as u32;
        let word = self.words.get(&reading, number).map(|word| word.0.load(Ordering::Acquire));
        self.moving.unlock_read();
        let address = word.and_then(Handle::from_bits).ok_or(HandleError::Stale)?;
        self.names.begin_read(address)
    }

    fn bytes(&self, place: Place, length: usize) -> Result<Bytes, HandleError> {
        let class = &self.table.classes[place.class];
        if length > class.slot_size {
            return Err(HandleError::Length);
        }
        let offset = class.header + place.slot * class.slot_size;
        let (page, within) = (offset >> E::Granule::SHIFT, offset & (E::Granule::SIZE - 1));
        if !self.has(SCATTERED) {
            let start = place.block.as_ptr().wrapping_add(offset);
            return Ok(Bytes { start, front: length, rest: core::ptr::null_mut() });
        }
        // SAFETY: a place names a block of a shelf, whose header is initialised.
        let record = unsafe { Shelf::<E::Granule, V4>::record(place.block) };
        let reading = self.readers.enter(self.env.cpu());
        let chain = self.chains.get(&reading, record).ok_or(HandleError::Invalid)?;
        let frame = |page: usize| {
            let address = chain.0[page & 7].load(Ordering::Relaxed) as usize;
            core::ptr::with_exposed_provenance_mut::<u8>(address)
        };
        let front = length.min(E::Granule::SIZE - within);
        let rest = if front < length { frame(page + 1) } else { core::ptr::null_mut() };
        Ok(Bytes { start: frame(page).wrapping_add(within), front, rest })
    }

    /// Whether an object lies in two pages.
    fn straddles(&self, place: Place, length: usize) -> bool {
        let class = &self.table.classes[place.class];
        let within = (class.header + place.slot * class.slot_size) & (E::Granule::SIZE - 1);
        within + length > E::Granule::SIZE
    }
}

/// Bytes of metadata that zsmalloc has for each block and each object.
const CHAIN_BYTES: usize = 56;
const WORD_BYTES: usize = 8;

/// Gives the frames of a chain back.
fn give_frames<E: Env>(env: &E, chain: &Chain, class: &Class) {
    for entry in &chain.0[..class.pages()] {
        let address = entry.load(Ordering::Relaxed) as usize;
        if let Some(frame) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
            // SAFETY: the frame came from `alloc(0)`, and nothing of its block is used.
            unsafe { env.free(frame, 0) };
        }
    }
}

impl<E: Env> ZPool for Variant<E> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        let class = self.class_for(size)?;
        if !self.has(INDIRECT) {
            return self.malloc_in(class).map(|place| self.names.issue(place));
        }
        let number = self.words.alloc().ok_or(AllocError::NoMemory)?;
        let reading = self.readers.enter(self.env.cpu());
        let place = self.malloc_in(class).inspect_err(|_| {
            self.words.free(&reading, number);
        })?;
        let word = self.words.get(&reading, number).ok_or(AllocError::NoMemory)?;
        word.0.store(self.names.issue(place).bits(), Ordering::Release);
        Ok(Handle::from_bits(u64::from(number) + 1).expect("33 bits, not zero"))
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        let Place { block, class: number, slot, .. } = self.place(handle)?;
        let class = &self.table.classes[number];
        // SAFETY: as for `bytes`.
        let record = unsafe { Shelf::<E::Granule, V4>::record(block) };
        let mut shelf = self.shelves[number].lock(&*self.env);
        // SAFETY: as in v4, the caller's handle is live.
        let put = unsafe { shelf.put(class, block, slot) };
        drop(shelf);
        if self.has(INDIRECT) {
            let reading = self.readers.enter(self.env.cpu());
            self.words.free(&reading, (handle.bits() - 1) as u32);
        }
        match put {
            Put::Kept | Put::KeptEmpty => Ok(()),
            Put::Emptied => {
                self.give_back(class, block, record);
                Ok(())
            }
            Put::WasFree => Err(HandleError::Stale),
        }
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let place = self.place(handle)?;
        let Bytes { start, front, rest } = self.bytes(place, length)?;
        let copied = front < length || self.has(COPIED) && self.straddles(place, length);
        if !copied {
            // SAFETY: the object has that many bytes in one piece; as in v4, the caller neither
            // frees nor writes it meanwhile.
            return Ok(ReadGuard::unpinned(unsafe { core::slice::from_raw_parts(start, length) }));
        }
        let scratch = scratch.get_mut(..length).ok_or(HandleError::Length)?;
        let (to_front, to_rest) = scratch.split_at_mut(front);
        // SAFETY: as above, in one or two pieces; `scratch` is the caller's.
        unsafe {
            start.copy_to_nonoverlapping(to_front.as_mut_ptr(), front);
            if front < length {
                rest.copy_to_nonoverlapping(to_rest.as_mut_ptr(), length - front);
            }
        }
        Ok(ReadGuard::unpinned(scratch))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let place = self.place(handle)?;
        let Bytes { start, front, rest } = self.bytes(place, bytes.len())?;
        // SAFETY: the object has that many bytes; as in v4, the caller has it to himself.
        unsafe {
            start.copy_from_nonoverlapping(bytes.as_ptr(), front);
            if front < bytes.len() {
                rest.copy_from_nonoverlapping(bytes.as_ptr().add(front), bytes.len() - front);
            }
        }
        Ok(())
    }

    fn total_pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    fn statistics(&self) -> Statistics {
        let objects = self.shelves.iter().map(|shelf| shelf.lock(&*self.env).objects).sum();
        Statistics {
            pool_pages: self.total_pages(),
            metadata_bytes: size_of::<Self>()
                + size_of_val(&*self.shelves)
                + self.chains.len() * CHAIN_BYTES
                + self.words.len() * WORD_BYTES,
            objects,
            idle_bytes: 0,
        }
    }
}

impl<E: Env> Drop for Variant<E> {
    fn drop(&mut self) {
        let scattered = self.has(SCATTERED);
        let Self { env, table, shelves, chains, readers, .. } = self;
        for (class, shelf) in table.classes.iter().zip(shelves) {
            shelf.get_mut().dissolve(|block| {
                if !scattered {
                    // SAFETY: the block came from `alloc(order)`, and the pool is going away.
                    return unsafe { env.free(block, class.order) };
                }
                // SAFETY: the shelf's blocks have an initialised header.
                let record = unsafe { Shelf::<E::Granule, V4>::record(block) };
                let reading = readers.enter(0);
                if let Some(chain) = chains.get(&reading, record) {
                    give_frames(&**env, chain, class);
                }
            });
        }
    }
}

//! A pool of blocks of classes: zblock as posted, and mended, by its [`Policy`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use zpool::{
    AllocError, Budget, Env, Handle, HandleError, Owner, Owners, ReadEnd, ReadGuard, SpinLock,
    Statistics, Work, ZPool,
};

use super::names::{Names, Place};
use super::policy::Policy;
use super::shelf::{Put, Shelf};
use super::table::{Class, Table};

/// A pool whose blocks are divided into equal slots.
pub(crate) struct Pool<E: Env, P: Policy> {
    pub(super) env: E,
    table: &'static Table,
    pub(super) names: P::Names<E::Granule>,
    pub(super) shelves: Box<[Line<E::Granule, P>]>,
    /// Pages of all blocks.
    pages: AtomicUsize,
    /// Bit `class` is set while that class may keep an empty block.
    keeping: AtomicU64,
}

/// A class under its lock, alone on its cache lines, so that two classes do not contend.
#[repr(align(64))]
pub(super) struct Line<G, P>(pub(super) SpinLock<Shelf<G, P>>);

impl<E: Env, P: Policy> Pool<E, P> {
    /// An empty pool.
    ///
    /// # Errors
    /// [`AllocError::NoMemory`] when the heap has no room for the heads of the lists.
    pub(crate) fn new(env: E) -> Result<Self, AllocError> {
        let table = P::table::<E::Granule>();
        let mut shelves = Vec::new();
        shelves.try_reserve_exact(table.classes.len()).map_err(|_| AllocError::NoMemory)?;
        shelves.extend(table.classes.iter().map(|_| Line(SpinLock::new(Shelf::new()))));
        Ok(Self {
            env,
            table,
            names: P::Names::new(table),
            shelves: shelves.into_boxed_slice(),
            pages: AtomicUsize::new(0),
            keeping: AtomicU64::new(0),
        })
    }

    fn malloc_in(&self, number: usize) -> Result<Handle, AllocError> {
        let class = &self.table.classes[number];
        if class.is_whole_page() {
            return self.malloc_page(number);
        }
        if let Some(handle) = self.take_slot(number) {
            return Ok(handle);
        }
        let (block, record) = self.new_block(number)?;
        if P::KEEPS_EMPTY {
            let mut shelf = self.shelves[number].0.lock(&self.env);
            // SAFETY: the block is new and ours; if the answer is true it is the shelf's.
            let kept = unsafe { shelf.add_empty(class, block, record) };
            // Objects that were freed while the page allocator worked go first.
            let taken = shelf.take(class);
            drop(shelf);
            if kept {
                self.keeping.fetch_or(1 << number, Ordering::Relaxed);
            } else {
                self.give_back(number, block, record);
            }
            let (block, record, slot) = taken.ok_or(AllocError::NoMemory)?;
            return Ok(self.names.issue(Place { block, record, class: number, slot }));
        }
        let handle = self.names.issue(Place { block, record, class: number, slot: 0 });
        let mut shelf = self.shelves[number].0.lock(&self.env);
        // SAFETY: the block is new and ours, and the shelf's from now on.
        unsafe { shelf.add_taken(class, block, record) };
        Ok(handle)
    }

    fn take_slot(&self, class: usize) -> Option<Handle> {
        let mut shelf = self.shelves[class].0.lock(&self.env);
        let (block, record, slot) = shelf.take(&self.table.classes[class])?;
        Some(self.names.issue(Place { block, record, class, slot }))
    }

    fn malloc_page(&self, class: usize) -> Result<Handle, AllocError> {
        let (block, record) = self.new_block(class)?;
        let mut shelf = self.shelves[class].0.lock(&self.env);
        shelf.blocks += 1;
        shelf.objects += 1;
        drop(shelf);
        Ok(self.names.issue(Place { block, record, class, slot: 0 }))
    }

    /// A block from the environment, with its names, counted. Called without locks.
    fn new_block(&self, class: usize) -> Result<(NonNull<u8>, u32), AllocError> {
        let Class { order, .. } = self.table.classes[class];
        let block = self.env.alloc(order).ok_or(AllocError::NoMemory)?;
        let Some(record) = self.names.enroll(&self.env, class, block) else {
            // SAFETY: the block came from `alloc(order)` just now.
            unsafe { self.env.free(block, order) };
            return Err(AllocError::NoMemory);
        };
        self.pages.fetch_add(1 << order, Ordering::Relaxed);
        Ok((block, record))
    }

    /// Gives a block without objects, which is on no shelf, back to the environment.
    fn give_back(&self, class: usize, block: NonNull<u8>, record: u32) {
        let Class { order, .. } = self.table.classes[class];
        self.names.dismiss(&self.env, class, record);
        self.pages.fetch_sub(1 << order, Ordering::Relaxed);
        // SAFETY: the block came from `alloc(order)`, and no object, list or name leads to it.
        unsafe { self.env.free(block, order) };
    }

    /// Gives one of the kept empty blocks back; how many pages that was.
    fn trim(&self) -> Option<usize> {
        loop {
            let keeping = self.keeping.load(Ordering::Relaxed);
            if keeping == 0 {
                return None;
            }
            let class = keeping.trailing_zeros() as usize;
            let mut shelf = self.shelves[class].0.lock(&self.env);
            self.keeping.fetch_and(!(1 << class), Ordering::Relaxed);
            let empty = shelf.take_empty();
            drop(shelf);
            if let Some((block, record)) = empty {
                self.give_back(class, block, record);
                return Some(self.table.classes[class].pages());
            }
        }
    }

    fn trim_all(&self) -> usize {
        core::iter::from_fn(|| self.trim()).sum()
    }

    /// First byte of an object of at least `length` bytes.
    fn bytes(&self, place: Place, length: usize) -> Result<NonNull<u8>, HandleError> {
        let class = &self.table.classes[place.class];
        if length > class.slot_size {
            return Err(HandleError::Length);
        }
        // SAFETY: slots lie behind the header and inside the block.
        Ok(unsafe { place.block.add(class.header + place.slot * class.slot_size) })
    }
}

impl<E: Env, P: Policy> ZPool for Pool<E, P> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        let mut class = P::class_for::<E::Granule>(size)?;
        let mut trimmed = false;
        loop {
            match self.malloc_in(class) {
                Err(AllocError::NoMemory) if !trimmed => trimmed = self.trim_all() == 0,
                Err(AllocError::NoMemory) => match self.table.fallback[class] {
                    Some(larger) => class = larger.into(),
                    None => return Err(AllocError::NoMemory),
                },
                done => return done,
            }
        }
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        let Place { block, record, class: number, slot } = self.names.retire(handle)?;
        let class = &self.table.classes[number];
        let mut shelf = self.shelves[number].0.lock(&self.env);
        let put = if class.is_whole_page() {
            shelf.blocks -= 1;
            shelf.objects -= 1;
            Put::Emptied
        } else {
            // SAFETY: the names say that this slot of this block is occupied, which so is the
            // shelf's. (Names that cannot tell trust the caller, who promised a live handle.)
            unsafe { shelf.put(class, block, slot) }
        };
        drop(shelf);
        match put {
            Put::Kept => {}
            Put::KeptEmpty => {
                self.keeping.fetch_or(1 << number, Ordering::Relaxed);
            }
            Put::Emptied => self.give_back(number, block, record),
            Put::WasFree => return Err(HandleError::Stale),
        }
        Ok(())
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        _: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let place = self.names.begin_read(handle)?;
        let bytes = self.bytes(place, length).inspect_err(|_| {
            self.names.end_read(handle.bits());
        })?;
        // SAFETY: the object has that many bytes. Nobody writes or frees it while it is pinned;
        // where names do not pin, the caller promised to do neither.
        let bytes = unsafe { NonNull::slice_from_raw_parts(bytes, length).as_ref() };
        Ok(if P::Names::<E::Granule>::PINS {
            ReadGuard::pinned(bytes, self, handle.bits())
        } else {
            ReadGuard::unpinned(bytes)
        })
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let place = self.names.begin_write(handle)?;
        let written = self.bytes(place, bytes.len()).map(|object| {
            // SAFETY: the object has that many bytes, and is the writer's alone; where names do
            // not ensure that, the caller promised it.
            unsafe { object.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
        });
        self.names.end_write(handle);
        written
    }

    fn maintain(&self, _: Budget, _: &dyn Owners) -> Work {
        let pages = self.trim().unwrap_or(0);
        Work { pages, more: self.keeping.load(Ordering::Relaxed) != 0, ..Work::default() }
    }

    fn compact(&self, _: &dyn Owners) -> Work {
        Work { pages: self.trim_all(), ..Work::default() }
    }

    fn total_pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed) + self.names.pages()
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            pool_pages: self.total_pages(),
            metadata_bytes: size_of::<Self>() + size_of_val(&*self.shelves),
            ..Statistics::default()
        };
        for (class, shelf) in self.table.classes.iter().zip(&self.shelves) {
            let shelf = shelf.0.lock(&self.env);
            statistics.objects += shelf.objects;
            let free_slots = shelf.blocks * class.slots - shelf.objects;
            statistics.idle_bytes += free_slots * class.slot_size;
        }
        statistics
    }
}

impl<E: Env, P: Policy> ReadEnd for Pool<E, P> {
    fn read_end(&self, token: u64) {
        self.names.end_read(token);
    }
}

impl<E: Env, P: Policy> Drop for Pool<E, P> {
    fn drop(&mut self) {
        let Self { env, table, names, shelves, .. } = self;
        for (class, shelf) in table.classes.iter().zip(shelves) {
            // SAFETY: the block came from `alloc(order)`, and the pool is going away.
            shelf.0.get_mut().dissolve(|block| unsafe { env.free(block, class.order) });
        }
        // SAFETY: whole pages came from `alloc(0)`, and the pool is going away.
        names.dissolve(env, |page| unsafe { env.free(page, 0) });
    }
}

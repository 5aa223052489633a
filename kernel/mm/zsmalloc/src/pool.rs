//! The pool: allocation and freeing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use buddy::Granule;
use zpool::slab::{Readers, Reading, Slab};
use zpool::{AllocError, Env, Handle, HandleError, Masked, RwSpinLock};

use crate::class::{Class, Descriptors};
use crate::fullness::{EMPTY, GROUPS};
use crate::handle_word::{HandleWord, Location};
use crate::size_class::{HEADER, SizeClasses, class_index};
use crate::zspage::Zspage;

/// A zsmalloc pool whose zspages have at most `CHAIN` pages.
///
/// Locks, in the order in which they are taken: `migrate`, a class, a zspage.
pub struct Zsmalloc<E: Env, const CHAIN: usize> {
    pub(crate) env: Arc<E>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) handles: Slab<HandleWord, E>,
    pub(crate) zspages: Slab<Zspage<CHAIN>, E>,
    /// Distinct classes, smallest first.
    pub(crate) classes: Box<[Class]>,
    /// Position of the class of each class index.
    by_index: Box<[u16]>,
    /// Closes the pool while objects move: readers look up where an object is, the writer is
    /// compaction.
    pub(crate) migrate: RwSpinLock<Self>,
    pub(crate) pages_allocated: AtomicUsize,
    pub(crate) pages_compacted: AtomicUsize,
    pub(crate) compacting: AtomicBool,
}

/// Sees descriptors for as long as a section lasts.
pub(crate) struct View<'a, E: Env, const CHAIN: usize> {
    pool: &'a Zsmalloc<E, CHAIN>,
    pub(crate) reading: &'a Reading<'a>,
}

impl<E: Env, const CHAIN: usize> Descriptors<CHAIN> for View<'_, E, CHAIN> {
    fn descriptor(&self, zspage: u32) -> &Zspage<CHAIN> {
        let known = self.pool.zspages.get(self.reading, zspage);
        known.expect("lists and locations name descriptors that exist")
    }
}

impl<E: Env, const CHAIN: usize> Zsmalloc<E, CHAIN> {
    /// A pool without objects or frames.
    ///
    /// # Panics
    /// Unless a chain has 1 to 16 pages.
    #[must_use]
    pub fn new(env: E) -> Self {
        assert!((1..=16).contains(&CHAIN), "chains of {CHAIN} pages");
        let classes = SizeClasses::new::<E::Granule>(CHAIN);
        let env = Arc::new(env);
        let readers = Arc::new(Readers::new(env.cpus()));
        Self {
            handles: Slab::new(env.clone(), readers.clone()),
            zspages: Slab::new(env.clone(), readers.clone()),
            env,
            readers,
            classes: classes.layouts.into_iter().map(Class::new).collect(),
            by_index: classes.by_index.into(),
            migrate: RwSpinLock::new(),
            pages_allocated: AtomicUsize::new(0),
            pages_compacted: AtomicUsize::new(0),
            compacting: AtomicBool::new(false),
        }
    }

    /// Takes an object of the fullest zspage with room, or of a new one.
    pub(crate) fn allocate(&self, size: usize) -> Result<Handle, AllocError> {
        if size == 0 {
            return Err(AllocError::Invalid);
        }
        if size > E::Granule::SIZE {
            return Err(AllocError::NoSpace);
        }
        let position = self.by_index[class_index::<E::Granule>(size + HEADER)];
        let Some(handle) = self.handles.alloc() else { return Err(AllocError::NoMemory) };
        let reading = self.enter();
        if self.allocate_in(&reading, position, handle).is_some() {
            return Ok(encode(handle));
        }
        self.handles.free(&reading, handle);
        drop(reading);
        while self.trim(0) {}
        Err(AllocError::NoMemory)
    }

    fn allocate_in(&self, reading: &Reading<'_>, position: u16, handle: u32) -> Option<()> {
        let class = &self.classes[usize::from(position)];
        let view = self.view(reading);
        let word = self.handles.get(reading, handle)?;
        let mut lists = class.lists.lock(&*self.env);
        if let Some(zspage) = lists.for_allocation() {
            self.take_object(&view, class, zspage, handle, word);
            lists.fix_group(&view, &class.layout, zspage);
            lists.inuse += 1;
            return Some(());
        }
        // Pages are asked for with the lock open. Two CPUs may both make a zspage.
        drop(lists);
        let zspage = self.create_zspage(reading, position)?;
        let mut lists = class.lists.lock(&*self.env);
        self.take_object(&view, class, zspage, handle, word);
        lists.insert(&view, &class.layout, zspage);
        self.pages_allocated.fetch_add(class.layout.pages, Ordering::Relaxed);
        lists.allocated += class.layout.objects;
        lists.inuse += 1;
        Some(())
    }

    /// Gives a free object of the zspage to the handle. The caller has the lock of the class.
    pub(crate) fn take_object(
        &self,
        view: &View<'_, E, CHAIN>,
        class: &Class,
        zspage: u32,
        handle: u32,
        word: &HandleWord,
    ) -> Option<Location> {
        let descriptor = view.descriptor(zspage);
        // SAFETY: the zspage belongs to the class, whose lock the caller has.
        let index = unsafe { descriptor.take::<E::Granule>(&class.layout, handle) }?;
        let location = Location { zspage, index };
        word.set(location);
        Some(location)
    }

    /// A zspage of the class with all objects free, or nothing at all.
    fn create_zspage(&self, reading: &Reading<'_>, position: u16) -> Option<u32> {
        let layout = &self.classes[usize::from(position)].layout;
        let zspage = self.zspages.alloc()?;
        let mut pages = [None; CHAIN];
        for page in &mut pages[..layout.pages] {
            *page = self.env.alloc(0);
            if page.is_none() {
                for page in pages.into_iter().flatten() {
                    // SAFETY: the page was just handed out and nobody has seen it.
                    unsafe { self.env.free(page, 0) };
                }
                self.zspages.free(reading, zspage);
                return None;
            }
        }
        let descriptor = self.zspages.get(reading, zspage)?;
        // SAFETY: these are the pages of the layout, fresh, and so is the descriptor.
        unsafe { descriptor.create::<E::Granule>(position, layout, &pages) };
        Some(zspage)
    }

    /// Ends the object of a handle. An empty zspage goes back at once.
    pub(crate) fn release(&self, handle: Handle) -> Result<(), HandleError> {
        let reading = self.enter();
        let view = self.view(&reading);
        let (number, word) = self.word(&reading, handle)?;
        {
            let _masked = Masked::new(&*self.env);
            self.migrate.lock_read();
            let location = word.claim().inspect_err(|_| self.migrate.unlock_read())?;
            let descriptor = view.descriptor(location.zspage);
            let class = &self.classes[descriptor.class()];
            let mut lists = class.lists.lock(&*self.env);
            self.migrate.unlock_read();
            lists.inuse -= 1;
            // SAFETY: the object was live until `claim`, which only one caller gets; nobody has
            // it pinned, and the lock of its class is held.
            unsafe { descriptor.put::<E::Granule>(&class.layout, location.index) };
            if lists.fix_group(&view, &class.layout, location.zspage) == EMPTY {
                lists.remove(&view, location.zspage);
                lists.allocated -= class.layout.objects;
                self.free_zspage(&view, class, location.zspage);
            }
        }
        self.handles.free(&reading, number);
        drop(reading);
        self.trim(self.env.cpus());
        Ok(())
    }

    /// Gives the pages and the descriptor of an empty zspage back that is on no list any more.
    pub(crate) fn free_zspage(&self, view: &View<'_, E, CHAIN>, class: &Class, zspage: u32) {
        let descriptor = view.descriptor(zspage);
        for number in 0..class.layout.pages {
            let page = core::ptr::with_exposed_provenance_mut(descriptor.page(number));
            if let Some(page) = NonNull::new(page) {
                // SAFETY: the page came from this environment, and no object of it is live.
                unsafe { self.env.free(page, 0) };
            }
        }
        self.pages_allocated.fetch_sub(class.layout.pages, Ordering::Relaxed);
        self.zspages.free(view.reading, zspage);
    }

    /// Gives at most one frame of each cache back; says whether there was one.
    pub(crate) fn trim(&self, reserve: usize) -> bool {
        self.handles.trim(reserve) | self.zspages.trim(reserve)
    }

    pub(crate) fn enter(&self) -> Reading<'_> {
        self.readers.enter(self.env.cpu())
    }

    pub(crate) fn view<'a>(&'a self, reading: &'a Reading<'a>) -> View<'a, E, CHAIN> {
        View { pool: self, reading }
    }

    /// The word a handle names.
    pub(crate) fn word<'r>(
        &'r self,
        reading: &'r Reading<'_>,
        handle: Handle,
    ) -> Result<(u32, &'r HandleWord), HandleError> {
        let number = u32::try_from(handle.bits() - 1).map_err(|_| HandleError::Invalid)?;
        let word = self.handles.get(reading, number).ok_or(HandleError::Invalid)?;
        Ok((number, word))
    }
}

/// The handle of a word. Numbers have 32 bits.
fn encode(number: u32) -> Handle {
    Handle::from_bits(u64::from(number) + 1).expect("33 bits, not zero")
}

impl<E: Env, const CHAIN: usize> Drop for Zsmalloc<E, CHAIN> {
    fn drop(&mut self) {
        let env = &*self.env;
        let classes = &self.classes;
        self.zspages.for_each(|descriptor| {
            for number in 0..classes[descriptor.class()].layout.pages {
                let page = core::ptr::with_exposed_provenance_mut(descriptor.page(number));
                if let Some(page) = NonNull::new(page) {
                    // SAFETY: the page came from this environment, and nobody can reach it once
                    // the pool is gone.
                    unsafe { env.free(page, 0) };
                }
            }
        });
    }
}

/// What one class holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassStatistics {
    /// Bytes of an object, header included.
    pub size: usize,
    /// Zspages by fullness: empty, ten tenths, full.
    pub zspages: [usize; GROUPS],
    /// Object places in all zspages.
    pub obj_allocated: usize,
    /// Live objects.
    pub obj_used: usize,
    /// Pages of all zspages.
    pub pages_used: usize,
    /// Pages of one zspage.
    pub pages_per_zspage: usize,
    /// Pages that compaction could free.
    pub freeable: usize,
}

impl<E: Env, const CHAIN: usize> Zsmalloc<E, CHAIN> {
    /// What each distinct class holds, smallest first. Takes one class lock after the other.
    pub fn class_statistics(&self) -> impl Iterator<Item = ClassStatistics> {
        self.classes.iter().map(|class| {
            let (layout, lists) = (&class.layout, class.lists.lock(&*self.env));
            ClassStatistics {
                size: layout.size,
                zspages: lists.zspages,
                obj_allocated: lists.allocated,
                obj_used: lists.inuse,
                pages_used: lists.allocated / layout.objects * layout.pages,
                pages_per_zspage: layout.pages,
                freeable: lists.compactable(layout),
            }
        })
    }

    /// Pages that compaction has given back since the pool was made.
    pub fn pages_compacted(&self) -> usize {
        self.pages_compacted.load(Ordering::Relaxed)
    }
}

//! Compaction: the emptiest zspages of a class are moved into its fullest ones.

use core::sync::atomic::Ordering;

use zpool::slab::Reading;
use zpool::{Env, Masked, Work, relax};

use crate::Zsmalloc;
use crate::class::{Class, Descriptors, Lists};
use crate::fullness::{EMPTY, PARTIAL};
use crate::pool::View;
use crate::zspage::Zspage;

/// How often compaction looks whether the readers of a zspage have left before it leaves the
/// class alone: some hundred microseconds. A reader may be the thread that compacts, or one that
/// it has preempted.
const PATIENCE: usize = 1 << 12;

/// How moving objects out of a zspage ended.
enum Emptied {
    /// It is empty, or the other one is full.
    Done,
    /// Its readers stayed.
    Busy,
}

impl<E: Env, const CHAIN: usize> Zsmalloc<E, CHAIN> {
    /// Compacts every class, largest first, unless someone else does already.
    pub(crate) fn compact_pool(&self) -> Work {
        let mut work = Work::default();
        if self.compacting.swap(true, Ordering::Acquire) {
            return work;
        }
        let reading = self.enter();
        for class in self.classes.iter().rev() {
            self.compact_class(&reading, class, &mut work);
        }
        self.pages_compacted.fetch_add(work.pages, Ordering::Relaxed);
        self.compacting.store(false, Ordering::Release);
        work
    }

    /// Compacts a class. The pool is closed to everyone who looks an object up until one zspage
    /// has been filled; then, and whenever someone waits, it is opened for a moment.
    fn compact_class(&self, reading: &Reading<'_>, class: &Class, work: &mut Work) {
        let mut more = true;
        while more {
            let _masked = Masked::new(&*self.env);
            self.migrate.lock_write();
            more = self.fill_zspage(&self.view(reading), class, work);
            self.migrate.unlock_write();
        }
    }

    /// Fills the fullest zspage with room from the emptiest ones; says whether to go on.
    fn fill_zspage(&self, view: &View<'_, E, CHAIN>, class: &Class, work: &mut Work) -> bool {
        let layout = &class.layout;
        let mut guard = class.lists.lock(&*self.env);
        let lists = &mut *guard;
        if lists.compactable(layout) == 0 {
            return false;
        }
        let Some(target) = PARTIAL.rev().find_map(|group| lists.head(group)) else { return false };
        lists.remove(view, target);
        let go_on = loop {
            if lists.compactable(layout) == 0 {
                break false;
            }
            let Some(source) = PARTIAL.into_iter().find_map(|group| lists.head(group)) else {
                break false;
            };
            lists.remove(view, source);
            let emptied = self.move_objects(view, class, source, target, work);
            self.put_back(view, class, lists, source, work);
            if matches!(emptied, Emptied::Busy) {
                work.more = true;
                break false;
            }
            if view.descriptor(target).inuse() == layout.objects || self.migrate.is_contended() {
                break true;
            }
        };
        self.put_back(view, class, lists, target, work);
        go_on
    }

    /// Moves live objects of one zspage, in the order of their addresses, to another until that
    /// is full. Waits for readers of the source; those of the target's objects do not mind.
    fn move_objects(
        &self,
        view: &View<'_, E, CHAIN>,
        class: &Class,
        source: u32,
        target: u32,
        work: &mut Work,
    ) -> Emptied {
        let (from, to) = (view.descriptor(source), view.descriptor(target));
        if !wait_for_readers(from) {
            return Emptied::Busy;
        }
        let layout = &class.layout;
        for index in 0..layout.objects as u16 {
            if from.inuse() == 0 || to.inuse() == layout.objects {
                break;
            }
            // SAFETY: the zspage belongs to the class, whose lock is held.
            let Some(handle) = (unsafe { from.handle_of::<E::Granule>(layout, index) }) else {
                continue;
            };
            let Some(word) = self.handles.get(view.reading, handle) else { continue };
            let Some(place) = self.take_object(view, class, target, handle, word) else { break };
            let old = from.place::<E::Granule>(layout, index.into());
            let new = to.place::<E::Granule>(layout, place.index.into());
            // SAFETY: the object has no users: the pool is closed and its readers have left; the
            // new place was free. The header moves along: the handle stays the same.
            unsafe {
                old.copy_to(&new, layout.size);
                from.put::<E::Granule>(layout, index);
            }
            work.objects += 1;
            work.bytes += layout.size;
        }
        from.lock.unlock_write();
        Emptied::Done
    }

    /// Puts a zspage at the head of its group, or gives it back if it is empty.
    fn put_back(
        &self,
        view: &View<'_, E, CHAIN>,
        class: &Class,
        lists: &mut Lists,
        zspage: u32,
        work: &mut Work,
    ) {
        if lists.insert(view, &class.layout, zspage) == EMPTY {
            lists.remove(view, zspage);
            lists.allocated -= class.layout.objects;
            self.free_zspage(view, class, zspage);
            work.pages += class.layout.pages;
        }
    }
}

/// Closes a zspage to readers; false when they do not leave.
fn wait_for_readers<const CHAIN: usize>(zspage: &Zspage<CHAIN>) -> bool {
    (0..PATIENCE).any(|_| {
        let alone = zspage.lock.try_lock_write();
        if !alone {
            relax();
        }
        alone
    })
}

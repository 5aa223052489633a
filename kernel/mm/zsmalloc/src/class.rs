//! A size class: its zspages by fullness, and their counters.

use core::sync::atomic::Ordering;

use zpool::SpinLock;

use crate::fullness::{EMPTY, FULL, GROUPS, Group, group};
use crate::size_class::Layout;
use crate::zspage::{NONE, Zspage};

/// One distinct class of a pool.
pub(crate) struct Class {
    pub(crate) layout: Layout,
    pub(crate) lists: SpinLock<Lists>,
}

impl Class {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, lists: SpinLock::new(Lists::default()) }
    }
}

/// What the lock of a class protects, besides descriptors and headers.
#[derive(Debug)]
pub(crate) struct Lists {
    /// First zspage of each group.
    heads: [u32; GROUPS],
    /// Zspages of each group.
    pub(crate) zspages: [usize; GROUPS],
    /// Object places in all zspages.
    pub(crate) allocated: usize,
    /// Live objects.
    pub(crate) inuse: usize,
}

impl Default for Lists {
    fn default() -> Self {
        Self { heads: [NONE; GROUPS], zspages: [0; GROUPS], allocated: 0, inuse: 0 }
    }
}

/// Finds a descriptor by its number.
pub(crate) trait Descriptors<const CHAIN: usize> {
    fn descriptor(&self, zspage: u32) -> &Zspage<CHAIN>;
}

impl Lists {
    /// The fullest zspage with a free object; of equals the one that came to its group last.
    pub(crate) fn for_allocation(&self) -> Option<u32> {
        (EMPTY..FULL).rev().find_map(|group| self.head(group))
    }

    /// The zspage that came to the group last.
    pub(crate) fn head(&self, group: Group) -> Option<u32> {
        Some(self.heads[group]).filter(|&zspage| zspage != NONE)
    }

    /// Pages that compaction could free.
    pub(crate) fn compactable(&self, layout: &Layout) -> usize {
        self.allocated.saturating_sub(self.inuse) / layout.objects * layout.pages
    }

    /// Puts a zspage at the head of the group it belongs to; says which that is.
    pub(crate) fn insert<const CHAIN: usize>(
        &mut self,
        descriptors: &impl Descriptors<CHAIN>,
        layout: &Layout,
        zspage: u32,
    ) -> Group {
        let descriptor = descriptors.descriptor(zspage);
        let group = group(descriptor.inuse(), layout.objects);
        descriptor.set_group(group);
        descriptor.previous.store(NONE, Ordering::Relaxed);
        descriptor.next.store(self.heads[group], Ordering::Relaxed);
        if let Some(next) = self.head(group) {
            descriptors.descriptor(next).previous.store(zspage, Ordering::Relaxed);
        }
        self.heads[group] = zspage;
        self.zspages[group] += 1;
        group
    }

    /// Takes a zspage off its list.
    pub(crate) fn remove<const CHAIN: usize>(
        &mut self,
        descriptors: &impl Descriptors<CHAIN>,
        zspage: u32,
    ) {
        let descriptor = descriptors.descriptor(zspage);
        let next = descriptor.next.load(Ordering::Relaxed);
        let previous = descriptor.previous.load(Ordering::Relaxed);
        if previous == NONE {
            self.heads[descriptor.group()] = next;
        } else {
            descriptors.descriptor(previous).next.store(next, Ordering::Relaxed);
        }
        if next != NONE {
            descriptors.descriptor(next).previous.store(previous, Ordering::Relaxed);
        }
        self.zspages[descriptor.group()] -= 1;
    }

    /// Moves a zspage to the group it belongs to now; within a group it keeps its place.
    pub(crate) fn fix_group<const CHAIN: usize>(
        &mut self,
        descriptors: &impl Descriptors<CHAIN>,
        layout: &Layout,
        zspage: u32,
    ) -> Group {
        let descriptor = descriptors.descriptor(zspage);
        let group = group(descriptor.inuse(), layout.objects);
        if group != descriptor.group() {
            self.remove(descriptors, zspage);
            self.insert(descriptors, layout, zspage);
        }
        group
    }
}

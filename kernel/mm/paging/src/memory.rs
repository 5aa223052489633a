//! Frames that hold translation tables, and the tree they form. All unsafe code is here.

use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;

use buddy::Granule;

use crate::descriptor::{Descriptor, VALID};
use crate::granule::LEAF_LEVEL;
use crate::sync::{AtomicU64, Ordering};
use crate::{Error, PageEntry, PhysicalAddress, TranslationGranule};

/// Where tables live, and what the processor has to be told about them.
///
/// # Safety
/// For everyone who relies on it, an implementation upholds:
/// 1. [`TableMemory::allocate`] returns the address of one page frame of the granule, aligned to
///    its size, below 2^48, all zeros, used by nobody else until it is given back.
/// 2. [`TableMemory::pointer`] returns, for such an address, a pointer valid for atomic reads and
///    writes of the whole frame, from any thread, until the frame is given back. Clones of a
///    memory return the same.
/// 3. When [`TableMemory::invalidate`] returns, no core walks a table that was unlinked before.
pub unsafe trait TableMemory {
    /// The page size.
    type Granule: TranslationGranule;

    /// A zeroed frame for a table; `None` when there is none.
    fn allocate(&self) -> Option<PhysicalAddress>;

    /// Takes a table back.
    ///
    /// # Safety
    /// It came from [`TableMemory::allocate`], was not given back since, and neither software nor
    /// a table walk reaches it any more.
    unsafe fn free(&self, table: PhysicalAddress);

    /// Where software finds the first entry of this table.
    fn pointer(&self, table: PhysicalAddress) -> NonNull<AtomicU64>;

    /// Makes new descriptors visible to table walks: `dsb ishst; isb` on the target.
    fn synchronize(&self);

    /// Makes every core forget the translations of these addresses and the tables it came by:
    /// `dsb ishst`, `tlbi` (not last-level only), `dsb ish; isb` on the target.
    fn invalidate(&self, range: Range<usize>);
}

// SAFETY: every promise is kept by the memory referred to.
unsafe impl<M: TableMemory> TableMemory for &M {
    type Granule = M::Granule;

    fn allocate(&self) -> Option<PhysicalAddress> {
        (**self).allocate()
    }

    unsafe fn free(&self, table: PhysicalAddress) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { (**self).free(table) }
    }

    fn pointer(&self, table: PhysicalAddress) -> NonNull<AtomicU64> {
        (**self).pointer(table)
    }

    fn synchronize(&self) {
        (**self).synchronize();
    }

    fn invalidate(&self, range: Range<usize>) {
        (**self).invalidate(range);
    }
}

/// A tree of tables.
///
/// Invariant, which everything unsafe below rests on: the root, and whatever a valid table
/// descriptor at levels 0 to 2 of a table of the tree names, is a frame that `memory` handed out.
/// Only this file writes such descriptors. Frames are given back by [`Tree::remove_leaf_tables`]
/// alone: leaf tables of arenas, never the tables above. Dropping a tree gives nothing back.
#[derive(Debug)]
pub(crate) struct Tree<M> {
    root: PhysicalAddress,
    memory: M,
}

/// The entry at which the walk of an address ends.
pub(crate) struct Slot<'a> {
    entry: &'a AtomicU64,
    /// Level of its table.
    pub level: u32,
    /// Whether its table is the leaf table of an arena.
    pub arena: bool,
}

impl Slot<'_> {
    /// The word.
    pub fn bits(&self) -> u64 {
        self.entry.load(Ordering::Acquire)
    }

    /// Replaces what it says by something that leads to no table.
    pub fn set(&self, descriptor: Descriptor) {
        let bits = match descriptor {
            Descriptor::Table { .. } => return,
            other => other.encode(self.level),
        };
        self.entry.store(bits, Ordering::Release);
    }
}

impl<M: TableMemory> Tree<M> {
    /// A tree of one empty root.
    pub fn new(memory: M) -> Result<Self, Error> {
        let root = memory.allocate().ok_or(Error::NoTableMemory)?;
        Ok(Self { root, memory })
    }

    /// Address of the root.
    pub fn root(&self) -> PhysicalAddress {
        self.root
    }

    /// Where the tables live.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Where the walk of the address ends: the first entry that names no table.
    pub fn find(&self, address: usize) -> Slot<'_> {
        let (mut table, mut level, mut in_arena) = (self.root, 0, false);
        loop {
            // SAFETY: `table` is the root or was named by a table descriptor of the tree.
            let entries = unsafe { self.entries(table) };
            let entry = &entries[M::Granule::index(address, level)];
            match Descriptor::decode(entry.load(Ordering::Acquire), level) {
                Descriptor::Table { table: next, arena } => (table, in_arena) = (next, arena),
                _ => return Slot { entry, level, arena: in_arena },
            }
            level += 1;
        }
    }

    /// Hangs an empty table into the empty slot at which the walk of the address ends.
    pub fn add_table(&mut self, address: usize) -> Result<(), Error> {
        self.hang(address, false).map(|_| ())
    }

    /// Hangs an empty leaf table of its own over each span of the range, which starts at a span
    /// and where no walk gets to level 3.
    pub fn add_leaf_tables(&mut self, range: Range<usize>) -> Result<LeafTables<M>, Error>
    where
        M: Clone,
    {
        let mut tables = Vec::new();
        tables
            .try_reserve_exact(range.len().div_ceil(M::Granule::LEAF_TABLE_SPAN))
            .map_err(|_| Error::NoTableMemory)?;
        let mut leaf_tables = LeafTables {
            tree: Self { root: self.root, memory: self.memory.clone() },
            range: range.start..range.start,
            tables,
        };
        for address in range.clone().step_by(M::Granule::LEAF_TABLE_SPAN) {
            while self.find(address).level < LEAF_LEVEL {
                let arena = self.find(address).level == LEAF_LEVEL - 1;
                match self.hang(address, arena) {
                    Ok(table) if arena => leaf_tables.tables.push(table),
                    Ok(_) => {}
                    Err(error) => {
                        self.unlink_and_free(leaf_tables.range);
                        return Err(error);
                    }
                }
            }
            leaf_tables.range.end = address + M::Granule::LEAF_TABLE_SPAN;
        }
        leaf_tables.range.end = range.end;
        Ok(leaf_tables)
    }

    /// Takes leaf tables out of the walk, makes every core forget them and gives them back. Leaf
    /// tables of another tree are returned.
    pub fn remove_leaf_tables(&mut self, leaf_tables: LeafTables<M>) -> Result<(), LeafTables<M>> {
        if leaf_tables.tree.root != self.root {
            return Err(leaf_tables);
        }
        self.unlink_and_free(leaf_tables.range);
        Ok(())
    }

    fn hang(&mut self, address: usize, arena: bool) -> Result<PhysicalAddress, Error> {
        let slot = self.find(address);
        if slot.level == LEAF_LEVEL || slot.bits() != 0 {
            return Err(Error::BreakBeforeMake { address });
        }
        let table = self.memory.allocate().ok_or(Error::NoTableMemory)?;
        // Release: the zeros of the table are seen by whoever finds it.
        slot.entry.store(Descriptor::Table { table, arena }.encode(slot.level), Ordering::Release);
        Ok(table)
    }

    /// The range is that of a [`LeafTables`] of this tree which exists no more.
    fn unlink_and_free(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        for address in range.clone().step_by(M::Granule::LEAF_TABLE_SPAN) {
            if let Some(slot) = self.leaf_table_slot(address) {
                // Hardware sees an invalid entry; the address stays for the second pass.
                slot.fetch_and(!VALID, Ordering::AcqRel);
            }
        }
        self.memory.invalidate(range.clone());
        for address in range.step_by(M::Granule::LEAF_TABLE_SPAN) {
            let Some(slot) = self.leaf_table_slot(address) else { continue };
            let unlinked = slot.swap(0, Ordering::AcqRel);
            if let Descriptor::Table { table, .. } =
                Descriptor::decode(unlinked | VALID, LEAF_LEVEL - 1)
            {
                // SAFETY:
                // 1. `hang` wrote the descriptor, so the frame came from `memory`; the slot
                //    forgets it here, so it is given back once.
                // 2. It is out of the walk, and no core remembers it after `invalidate`.
                // 3. Software reaches its entries through this tree, borrowed exclusively, or
                //    through the LeafTables, which exists no more.
                unsafe { self.memory.free(table) };
            }
        }
    }

    /// The level 2 entry of the address, if the tables above exist.
    fn leaf_table_slot(&self, address: usize) -> Option<&AtomicU64> {
        let mut table = self.root;
        let mut level = 0;
        loop {
            // SAFETY: `table` is the root or was named by a table descriptor of the tree.
            let entries = unsafe { self.entries(table) };
            let entry = &entries[M::Granule::index(address, level)];
            if level == LEAF_LEVEL - 1 {
                return Some(entry);
            }
            match Descriptor::decode(entry.load(Ordering::Acquire), level) {
                Descriptor::Table { table: next, .. } => table = next,
                _ => return None,
            }
            level += 1;
        }
    }

    /// The entries of a table.
    ///
    /// # Safety
    /// The table is one of the tree. If it is the leaf table of an arena, it is not given back
    /// while the result is in use.
    unsafe fn entries(&self, table: PhysicalAddress) -> &[AtomicU64] {
        let first = self.memory.pointer(table);
        // SAFETY:
        // 1. TableMemory promises a frame that is valid, aligned and initialised (zeros, and only
        //    changed through atomics since).
        // 2. ENTRIES words of eight bytes are exactly the frame.
        // 3. Tables above the leaves are never given back; for leaf tables the caller vouches.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), <M::Granule as Granule>::SIZE / 8) }
    }
}

/// The leaf tables of a range of addresses, and the right to their entries. They are given back
/// only when this is consumed, so the entries outlive every borrow of it.
#[derive(Debug)]
pub(crate) struct LeafTables<M> {
    tree: Tree<M>,
    range: Range<usize>,
    /// In order of address.
    tables: Vec<PhysicalAddress>,
}

impl<M: TableMemory> LeafTables<M> {
    /// The addresses.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// How many pages the range has.
    #[inline]
    pub fn pages(&self) -> usize {
        self.range.len() >> <M::Granule as Granule>::SHIFT
    }

    /// The entry of the page of that number in the range.
    #[inline]
    pub fn entry_of_page(&self, page: usize) -> Option<&PageEntry> {
        if page >= self.pages() {
            return None;
        }
        let table = self.tables.get(page / M::Granule::ENTRIES)?;
        // SAFETY: the table was hung into the tree for this range, and is not given back before
        // this is consumed.
        let entries = unsafe { self.tree.entries(*table) };
        let entry = core::ptr::from_ref(&entries[page % M::Granule::ENTRIES]);
        // SAFETY: PageEntry is a transparent AtomicU64.
        Some(unsafe { &*entry.cast::<PageEntry>() })
    }
}

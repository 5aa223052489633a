//! Ranges of pageable memory, whose entries the fault path reaches without allocating.

use core::ops::Range;

use buddy::Granule;

use crate::memory::LeafTables;
use crate::tables::check_range;
use crate::{Entries, Entry, Error, PageEntry, TableMemory, Tables, TranslationGranule};

/// A range of virtual addresses all of whose tables exist, so that a fault never needs one.
///
/// Reaching an entry takes the address of its leaf table from a list, whatever the size. The level 3
/// tables belong to the arena until [`Tables::release`]; an arena that is dropped instead keeps
/// them and its addresses for ever.
#[derive(Debug)]
#[must_use = "tables and addresses stay taken until the arena is released"]
pub struct Arena<M> {
    leaf_tables: LeafTables<M>,
}

impl<M: TableMemory> Arena<M> {
    /// Its addresses.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.leaf_tables.range()
    }

    /// How many pages it has.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.leaf_tables.pages()
    }

    /// The entry of the page at that address; `None` outside of the arena.
    #[must_use]
    pub fn entry(&self, address: usize) -> Option<&PageEntry> {
        self.entry_of_page(self.page_of_address(address)?)
    }

    /// The entry of the page of that number, from 0 on.
    #[must_use]
    #[inline]
    pub fn entry_of_page(&self, page: usize) -> Option<&PageEntry> {
        self.leaf_tables.entry_of_page(page)
    }

    /// All entries with their page numbers.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &PageEntry)> {
        (0..self.pages()).filter_map(|page| Some((page, self.entry_of_page(page)?)))
    }

    /// Address of the page of that number.
    #[must_use]
    pub fn address_of_page(&self, page: usize) -> Option<usize> {
        (page < self.pages()).then(|| self.range().start + (page << <M::Granule as Granule>::SHIFT))
    }

    /// Number of the page at that address.
    #[must_use]
    pub fn page_of_address(&self, address: usize) -> Option<usize> {
        self.range()
            .contains(&address)
            .then(|| (address - self.range().start) >> <M::Granule as Granule>::SHIFT)
    }
}

impl<M: TableMemory> Entries for Arena<M> {
    fn next(&self, from: usize) -> Option<(usize, &PageEntry)> {
        Some((from, self.entry_of_page(from)?))
    }
}

impl<M: TableMemory> Tables<M> {
    /// Makes an arena of these addresses, all of its pages [`Entry::Empty`]. O(leaf tables).
    ///
    /// The start is a multiple of [`TranslationGranule::LEAF_TABLE_SPAN`], because leaf tables
    /// are not shared; the end is any page, and the rest of the last leaf table stays unused.
    ///
    /// # Errors
    /// [`Error::VirtualRange`], [`Error::Misaligned`]; [`Error::AlreadyMapped`] where a mapping
    /// or its leaf table is, [`Error::Reserved`] where an arena is; [`Error::NoTableMemory`].
    /// After any error the addresses are as they were.
    pub fn reserve(&mut self, range: Range<usize>) -> Result<Arena<M>, Error>
    where
        M: Clone,
    {
        check_range::<M::Granule>(&range)?;
        let span = M::Granule::LEAF_TABLE_SPAN;
        if !range.start.is_multiple_of(span) {
            let (value, alignment) = (range.start as u64, span as u64);
            return Err(Error::Misaligned { value, alignment });
        }
        for address in range.clone().step_by(span) {
            let walk = self.walk(address);
            if walk.arena {
                return Err(Error::Reserved { address });
            }
            if walk.covers.len() < span || walk.mapping().is_some() {
                return Err(Error::AlreadyMapped { address });
            }
        }
        let leaf_tables = self.tree.add_leaf_tables(range)?;
        self.tree.memory().synchronize();
        Ok(Arena { leaf_tables })
    }

    /// Ends an arena whose pages are all [`Entry::Empty`]: every core forgets its addresses, and
    /// its leaf tables are given back. O(pages).
    ///
    /// # Errors
    /// The arena, and [`Error::NotEmpty`] when an entry holds something (a frame, an object, a
    /// claim) that would be lost, or [`Error::ForeignArena`].
    pub fn release(&mut self, arena: Arena<M>) -> Result<(), (Arena<M>, Error)> {
        let held = arena.entries().find(|(_, entry)| entry.load() != Ok(Entry::Empty));
        if let Some((page, _)) = held {
            let address = arena.range().start + page * <M::Granule as Granule>::SIZE;
            return Err((arena, Error::NotEmpty { address }));
        }
        self.tree
            .remove_leaf_tables(arena.leaf_tables)
            .map_err(|leaf_tables| (Arena { leaf_tables }, Error::ForeignArena))
    }
}

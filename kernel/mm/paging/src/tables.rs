//! The translation tables of an address space: map, unmap, walk.

use core::ops::Range;

use buddy::Granule;

use crate::descriptor::Descriptor;
use crate::granule::VIRTUAL_BITS;
use crate::memory::{TableMemory, Tree};
use crate::{Attributes, Error, Leaves, Mapping, PhysicalAddress, Runs, TranslationGranule};

/// Stage 1 tables for TTBR0_EL1: 48-bit virtual addresses, four levels.
///
/// They can be built and changed without danger as long as no core walks them. Pointing
/// TTBR0_EL1 at them is the unsafe act, and whoever does it answers for every mapping from then
/// on. Tables live for ever: dropping this gives no frame back.
#[derive(Debug)]
pub struct Tables<M> {
    pub(crate) tree: Tree<M>,
    physical_bits: u32,
}

/// Where the walk of an address ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walk {
    /// Level of the entry, 0 to 3.
    pub level: u32,
    /// The entry's 64 bits.
    pub bits: u64,
    /// Whether the entry belongs to an arena: then it may be a state instead of a descriptor.
    pub arena: bool,
    /// The addresses the entry covers.
    pub covers: Range<usize>,
}

impl Walk {
    /// The mapping, if there is one.
    #[must_use]
    pub fn mapping(&self) -> Option<Mapping> {
        match Descriptor::decode(self.bits, self.level) {
            Descriptor::Leaf { output, attributes } => Some(Mapping {
                virtual_start: self.covers.start,
                size: self.covers.len(),
                physical: output,
                attributes,
            }),
            _ => None,
        }
    }
}

/// What a pass over a range to be mapped does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Adds the tables that are missing.
    Prepare,
    /// Writes blocks and pages.
    Write,
}

impl<M: TableMemory> Tables<M> {
    /// Tables that map nothing. Outputs are limited to `physical_bits` bits of address
    /// ([`registers::physical_bits`](crate::registers::physical_bits)), 48 at most.
    ///
    /// # Errors
    /// [`Error::NoTableMemory`].
    pub fn new(memory: M, physical_bits: u32) -> Result<Self, Error> {
        let physical_bits = physical_bits.min(crate::granule::PHYSICAL_BITS);
        Ok(Self { tree: Tree::new(memory)?, physical_bits })
    }

    /// Address of the root table, for TTBR0_EL1.
    #[must_use]
    pub fn root(&self) -> PhysicalAddress {
        self.tree.root()
    }

    /// Maps the range to physical memory from `physical` on, with the largest blocks that
    /// addresses and existing tables allow. O(blocks and pages written).
    ///
    /// # Errors
    /// [`Error::VirtualRange`], [`Error::PhysicalRange`], [`Error::Misaligned`],
    /// [`Error::WritableExecutable`]; [`Error::AlreadyMapped`], [`Error::BreakBeforeMake`] or
    /// [`Error::Reserved`] when something is there; [`Error::NoTableMemory`]. After any error
    /// nothing of the range was mapped by this call.
    pub fn map(
        &mut self,
        range: Range<usize>,
        physical: PhysicalAddress,
        attributes: Attributes,
    ) -> Result<(), Error> {
        check_range::<M::Granule>(&range)?;
        self.check_output(physical, range.len())?;
        if attributes.writable_and_executable() {
            return Err(Error::WritableExecutable);
        }
        self.check_free(&range, physical, attributes)?;
        self.place(&range, physical, attributes, Pass::Prepare)?;
        self.place(&range, physical, attributes, Pass::Write)?;
        self.tree.memory().synchronize();
        Ok(())
    }

    /// Unmaps whole blocks and pages, and makes every core forget them.
    ///
    /// # Errors
    /// [`Error::VirtualRange`], [`Error::Misaligned`]; [`Error::NotMapped`] when part of the range
    /// is not; [`Error::BreakBeforeMake`] when a block reaches beyond it; [`Error::Reserved`].
    /// After any error everything is still mapped.
    pub fn unmap(&mut self, range: Range<usize>) -> Result<(), Error> {
        check_range::<M::Granule>(&range)?;
        let mut address = range.start;
        while address < range.end {
            let walk = self.walk(address);
            if walk.arena {
                return Err(Error::Reserved { address });
            }
            if walk.mapping().is_none() {
                return Err(Error::NotMapped { address });
            }
            if walk.covers.start < range.start || walk.covers.end > range.end {
                return Err(Error::BreakBeforeMake { address });
            }
            address = walk.covers.end;
        }
        let mut address = range.start;
        while address < range.end {
            let slot = self.tree.find(address);
            slot.set(Descriptor::Invalid);
            address += M::Granule::level_size(slot.level);
        }
        self.tree.memory().invalidate(range);
        Ok(())
    }

    /// Where the walk of the address ends, as hardware does it. At most four loads.
    #[must_use]
    pub fn walk(&self, address: usize) -> Walk {
        let slot = self.tree.find(address);
        let size = M::Granule::level_size(slot.level);
        let start = address & !(size - 1);
        Walk {
            level: slot.level,
            bits: slot.bits(),
            arena: slot.arena,
            covers: start..start + size,
        }
    }

    /// The physical address this virtual one is mapped to.
    #[must_use]
    pub fn translate(&self, address: usize) -> Option<PhysicalAddress> {
        let mapping = self.walk(address).mapping()?;
        let offset = (address - mapping.virtual_start) as u64;
        Some(PhysicalAddress(mapping.physical.0 + offset))
    }

    /// Everything mapped, block by block and page by page, in order of address.
    #[must_use]
    pub fn leaves(&self) -> Leaves<'_, M> {
        Leaves::new(self)
    }

    /// Everything mapped, with neighbours of equal attributes joined.
    #[must_use]
    pub fn runs(&self) -> Runs<'_, M> {
        Runs::new(self)
    }

    fn check_output(&self, physical: PhysicalAddress, length: usize) -> Result<(), Error> {
        let size = M::Granule::SIZE as u64;
        if !physical.0.is_multiple_of(size) {
            return Err(Error::Misaligned { value: physical.0, alignment: size });
        }
        match physical.0.checked_add(length as u64) {
            Some(end) if end <= 1 << self.physical_bits => Ok(()),
            _ => Err(Error::PhysicalRange { address: physical.0 }),
        }
    }

    fn check_free(
        &self,
        range: &Range<usize>,
        physical: PhysicalAddress,
        attributes: Attributes,
    ) -> Result<(), Error> {
        let mut address = range.start;
        while address < range.end {
            let walk = self.walk(address);
            if walk.arena {
                return Err(Error::Reserved { address });
            }
            if let Some(mapping) = walk.mapping() {
                let wanted = physical.0 + (address - range.start) as u64;
                let found = mapping.physical.0 + (address - mapping.virtual_start) as u64;
                // Hardware sets the Access flag behind our back: it makes no other translation.
                let differs = (mapping.attributes ^ attributes) - Attributes::ACCESSED;
                return Err(if wanted == found && differs.is_empty() {
                    Error::AlreadyMapped { address }
                } else {
                    Error::BreakBeforeMake { address }
                });
            }
            address = walk.covers.end;
        }
        Ok(())
    }

    /// One pass over a range that is free. Both passes choose the same levels, because the first
    /// one adds only tables where no block fits.
    fn place(
        &mut self,
        range: &Range<usize>,
        physical: PhysicalAddress,
        attributes: Attributes,
        pass: Pass,
    ) -> Result<(), Error> {
        let mut address = range.start;
        while address < range.end {
            let output = PhysicalAddress(physical.0 + (address - range.start) as u64);
            let slot = self.tree.find(address);
            let size = M::Granule::level_size(slot.level);
            let fits = slot.level >= M::Granule::FIRST_BLOCK_LEVEL
                && (address as u64 | output.0).is_multiple_of(size as u64)
                && range.end - address >= size;
            if !fits {
                self.tree.add_table(address)?;
                continue;
            }
            if pass == Pass::Write {
                slot.set(Descriptor::Leaf { output, attributes });
            }
            address += size;
        }
        Ok(())
    }
}

/// Whether the range is one of pages within the virtual addresses.
pub(crate) fn check_range<G: TranslationGranule>(range: &Range<usize>) -> Result<(), Error> {
    if range.is_empty() || range.end > 1 << VIRTUAL_BITS {
        return Err(Error::VirtualRange { start: range.start, end: range.end });
    }
    for value in [range.start, range.end] {
        if !value.is_multiple_of(G::SIZE) {
            return Err(Error::Misaligned { value: value as u64, alignment: G::SIZE as u64 });
        }
    }
    Ok(())
}

//! Checked handles: a generation, the number of a record, the number of a slot.
//!
//! Every block has a *record* in the directory: a word with its address and class, and a 16-bit
//! *cell* for each slot: 12 bits of generation, 4 of state (free, idle, so many readers, a
//! writer). A handle is good when the generation in it is the one in the cell and the cell is not
//! free; freeing moves the cell to the next generation, so a handle that was freed stays refused
//! for the 4095 objects that have its place next.
//!
//! Records lie in page frames (*leaves*) that stay until the pool is dropped, so looking at one
//! is always safe, whatever the handle: that is what makes reading and writing lock-free.
//! A leaf begins with a bitmap of the words at which its records start.

use core::marker::PhantomData;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicU64, AtomicUsize, Ordering};

use zpool::{Env, Granule, Handle, HandleError, SpinLock};

use super::names::{Names, Place};
use super::table::Table;

// A handle, from the lowest bit up: 8 bits slot, 25 bits record, 12 bits generation.
const SLOT_BITS: u32 = 8;
const RECORD_BITS: u32 = 25;
const GENERATION_BITS: u32 = 12;

// A cell: state below, generation above. States between IDLE and WRITER count readers.
const STATE_MASK: u16 = 0xF;
const FREE: u16 = 0;
const IDLE: u16 = 1;
const WRITER: u16 = 15;

// The first word of a record: class, whether a block has it, and the address of the block (whose
// low twelve bits are zero), or the number of the next vacant record of the class.
const CLASS_MASK: u64 = 0x3F;
const ENROLLED: u64 = 0x40;
const VALUE_SHIFT: u32 = 12;

/// Leaves that are found without a detour.
const NEAR_LEAVES: usize = 64;
/// Page frames of pointers to the other leaves.
const MIDDLES: usize = 128;
/// Classes of the largest table, rounded up.
const CLASSES: usize = 48;

/// Names that tell live objects from dead ones and from inventions.
pub(crate) struct Directory<G> {
    table: &'static Table,
    near: [AtomicPtr<u64>; NEAR_LEAVES],
    middles: [AtomicPtr<AtomicPtr<u64>>; MIDDLES],
    pages: AtomicUsize,
    vacancies: SpinLock<Vacancies>,
    granule: PhantomData<G>,
}

/// Where the next record comes from.
struct Vacancies {
    /// First vacant record of each class; 0 for none.
    by_class: [u32; CLASSES],
    /// All records are below.
    end: u32,
}

impl<G: Granule> Directory<G> {
    /// Binary logarithm of the words of a leaf.
    const LEAF_SHIFT: u32 = G::SHIFT - 3;
    const WORDS: usize = 1 << Self::LEAF_SHIFT;
    /// Words of the bitmap in front of the records of a leaf.
    const BITMAP_WORDS: usize = Self::WORDS / 64;

    /// The leaf of that number, if it is there.
    fn leaf(&self, number: usize) -> Option<NonNull<u64>> {
        NonNull::new(self.leaf_slot(number)?.load(Ordering::Acquire))
    }

    /// Where the pointer to a leaf is kept, if that place is there.
    fn leaf_slot(&self, number: usize) -> Option<&AtomicPtr<u64>> {
        if let Some(slot) = self.near.get(number) {
            return Some(slot);
        }
        let far = number - NEAR_LEAVES;
        let middle = self.middles.get(far >> Self::LEAF_SHIFT)?.load(Ordering::Acquire);
        // SAFETY: a middle is a page of pointers, initialised before it was published, and stays
        // until the directory is dropped.
        Some(unsafe { &*NonNull::new(middle)?.as_ptr().add(far & (Self::WORDS - 1)) })
    }

    /// The first word of a record and its place in memory; `None` where no record starts.
    fn record(&self, number: u32) -> Option<(NonNull<u64>, &AtomicU64)> {
        let leaf = self.leaf(number as usize >> Self::LEAF_SHIFT)?;
        let offset = number as usize & (Self::WORDS - 1);
        // SAFETY: a leaf has `WORDS` words and stays until the directory is dropped. The words of
        // its bitmap and the first words of its records are only accessed as atomics.
        let starts = unsafe { AtomicU64::from_ptr(leaf.as_ptr().add(offset / 64)) };
        if starts.load(Ordering::Acquire) & 1 << (offset % 64) == 0 {
            return None;
        }
        // SAFETY: `offset` is below `WORDS`.
        let word = unsafe { leaf.add(offset) };
        // SAFETY: as above; a record starts here.
        Some((word, unsafe { AtomicU64::from_ptr(word.as_ptr()) }))
    }

    /// The cell of a slot and the first word of its record, as far as both exist.
    fn cell(&self, record: u32, slot: usize) -> Option<(&AtomicU16, &AtomicU64)> {
        let (start, word) = self.record(record)?;
        let class = (word.load(Ordering::Acquire) & CLASS_MASK) as usize;
        if slot >= self.table.classes.get(class)?.slots {
            return None;
        }
        // SAFETY: the cells of a record follow its first word, one for each slot of its class;
        // they are only accessed as atomics of 16 bits.
        let cell = unsafe { AtomicU16::from_ptr(start.add(1).cast::<u16>().add(slot).as_ptr()) };
        Some((cell, word))
    }

    /// Changes the state of the cell a handle names to what `next` makes of it, in one step.
    fn transition(
        &self,
        handle: Handle,
        next: impl Fn(u16) -> Option<u16>,
    ) -> Result<Place, HandleError> {
        let (record, slot, generation) = decode(handle)?;
        let (cell, word) = self.cell(record, slot).ok_or(HandleError::Invalid)?;
        cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, |value| {
            (value >> 4 == generation && value & STATE_MASK != FREE).then_some(())?;
            next(value)
        })
        .map_err(|value| {
            let dead = value >> 4 != generation || value & STATE_MASK == FREE;
            if dead { HandleError::Stale } else { HandleError::Busy }
        })?;
        // The object was live and still is, or its place is ours to free: the word does not change.
        let word = word.load(Ordering::Acquire);
        let block = NonNull::new(with_exposed_provenance_mut(address(word)));
        let block = block.ok_or(HandleError::Invalid)?;
        Ok(Place { block, record, class: (word & CLASS_MASK) as usize, slot })
    }

    /// Takes a record for a block of the class. Fails with what has to be supplied first.
    fn take_record(
        &self,
        vacancies: &mut Vacancies,
        class: usize,
        block: NonNull<u8>,
    ) -> Result<u32, Shortage> {
        let word = block.as_ptr().expose_provenance() as u64 | ENROLLED | class as u64;
        let vacant = vacancies.by_class[class];
        if let Some((_, first)) = (vacant != 0).then(|| self.record(vacant)).flatten() {
            vacancies.by_class[class] = (first.load(Ordering::Relaxed) >> VALUE_SHIFT) as u32;
            first.store(word, Ordering::Release);
            return Ok(vacant);
        }
        let length = 1 + self.table.classes[class].slots.div_ceil(4);
        let mut start = vacancies.end as usize;
        if start % Self::WORDS + length > Self::WORDS {
            start = start.next_multiple_of(Self::WORDS);
        }
        if start.is_multiple_of(Self::WORDS) {
            start += Self::BITMAP_WORDS;
        }
        if start >> RECORD_BITS != 0 {
            return Err(Shortage::Numbers);
        }
        let leaf = self.leaf_slot(start >> Self::LEAF_SHIFT).ok_or(Shortage::Middle(start))?;
        let leaf = NonNull::new(leaf.load(Ordering::Relaxed)).ok_or(Shortage::Leaf(start))?;
        let offset = start & (Self::WORDS - 1);
        // SAFETY: `offset` and its word of the bitmap are in the leaf; the cells are zero, that
        // is free, since the leaf was made.
        unsafe {
            AtomicU64::from_ptr(leaf.as_ptr().add(offset)).store(word, Ordering::Release);
            AtomicU64::from_ptr(leaf.as_ptr().add(offset / 64))
                .fetch_or(1 << (offset % 64), Ordering::Release);
        }
        vacancies.end = (start + length) as u32;
        Ok(start as u32)
    }

    /// Every frame of the directory, leaves first.
    fn frames(&mut self) -> impl Iterator<Item = NonNull<u8>> {
        let middles = self.middles.each_mut().map(|middle| NonNull::new(*middle.get_mut()));
        let far = middles.into_iter().flatten().flat_map(|middle| {
            (0..Self::WORDS).filter_map(move |index| {
                // SAFETY: a middle has so many pointers, all initialised.
                NonNull::new(unsafe { middle.add(index).as_ref() }.load(Ordering::Relaxed))
            })
        });
        let near = self.near.each_mut().map(|leaf| NonNull::new(*leaf.get_mut()));
        let leaves = near.into_iter().flatten().chain(far).map(NonNull::cast::<u8>);
        leaves.chain(middles.into_iter().flatten().map(NonNull::cast))
    }
}

/// What a record could not be had without.
enum Shortage {
    /// The leaf this record would be in.
    Leaf(usize),
    /// The page of pointers to that leaf.
    Middle(usize),
    /// More records than a handle can number.
    Numbers,
}

impl<G: Granule> Names<G> for Directory<G> {
    const PINS: bool = true;

    fn new(table: &'static Table) -> Self {
        Self {
            table,
            near: [const { AtomicPtr::new(core::ptr::null_mut()) }; NEAR_LEAVES],
            middles: [const { AtomicPtr::new(core::ptr::null_mut()) }; MIDDLES],
            pages: AtomicUsize::new(0),
            vacancies: SpinLock::new(Vacancies { by_class: [0; CLASSES], end: 0 }),
            granule: PhantomData,
        }
    }

    fn enroll<E: Env<Granule = G>>(
        &self,
        env: &E,
        class: usize,
        block: NonNull<u8>,
    ) -> Option<u32> {
        // At most three rounds: a middle and a leaf may be missing. They are allocated without
        // the lock; whoever comes second keeps his frame for the next round or gives it back.
        let mut spare: Option<NonNull<u8>> = None;
        let record = loop {
            let mut vacancies = self.vacancies.lock(env);
            let shortage = match self.take_record(&mut vacancies, class, block) {
                Ok(record) => break Some(record),
                Err(Shortage::Numbers) => break None,
                Err(shortage) => shortage,
            };
            if let Some(frame) = spare.take() {
                self.pages.fetch_add(1, Ordering::Relaxed);
                match shortage {
                    Shortage::Leaf(start) => {
                        if let Some(slot) = self.leaf_slot(start >> Self::LEAF_SHIFT) {
                            slot.store(frame.cast().as_ptr(), Ordering::Release);
                        }
                    }
                    Shortage::Middle(start) => {
                        let far = (start >> Self::LEAF_SHIFT) - NEAR_LEAVES;
                        let middle = &self.middles[far >> Self::LEAF_SHIFT];
                        middle.store(frame.cast().as_ptr(), Ordering::Release);
                    }
                    Shortage::Numbers => {}
                }
                continue;
            }
            drop(vacancies);
            match env.alloc(0) {
                Some(frame) => {
                    // SAFETY: the frame is ours, a page long. Zero is a null pointer, an empty
                    // bitmap and a free cell.
                    unsafe { frame.write_bytes(0, G::SIZE) };
                    spare = Some(frame);
                }
                None => break None,
            }
        };
        if let Some(frame) = spare {
            // SAFETY: the frame came from `alloc(0)` above and was not published.
            unsafe { env.free(frame, 0) };
        }
        record
    }

    fn dismiss<E: Env<Granule = G>>(&self, env: &E, class: usize, record: u32) {
        let mut vacancies = self.vacancies.lock(env);
        if let Some((_, word)) = self.record(record) {
            let next = u64::from(vacancies.by_class[class]) << VALUE_SHIFT;
            word.store(next | class as u64, Ordering::Release);
            vacancies.by_class[class] = record;
        }
    }

    fn issue(&self, place: Place) -> Handle {
        let (cell, _) = self.cell(place.record, place.slot).expect("an enrolled block");
        let generation = cell.load(Ordering::Relaxed) >> 4;
        cell.store(generation << 4 | IDLE, Ordering::Release);
        let bits = u64::from(generation) << (RECORD_BITS + SLOT_BITS)
            | u64::from(place.record) << SLOT_BITS
            | place.slot as u64;
        Handle::from_bits(bits).expect("no record has the number zero")
    }

    fn retire(&self, handle: Handle) -> Result<Place, HandleError> {
        self.transition(handle, |cell| {
            (cell & STATE_MASK == IDLE).then_some((cell & !STATE_MASK).wrapping_add(16) | FREE)
        })
    }

    fn begin_read(&self, handle: Handle) -> Result<Place, HandleError> {
        self.transition(handle, |cell| (cell & STATE_MASK < WRITER - 1).then_some(cell + 1))
    }

    fn end_read(&self, handle_bits: u64) {
        let handle = Handle::from_bits(handle_bits);
        if let Some((record, slot, _)) = handle.and_then(|handle| decode(handle).ok())
            && let Some((cell, _)) = self.cell(record, slot)
        {
            cell.fetch_sub(1, Ordering::Release);
        }
    }

    fn begin_write(&self, handle: Handle) -> Result<Place, HandleError> {
        self.transition(handle, |cell| {
            (cell & STATE_MASK == IDLE).then_some(cell & !STATE_MASK | WRITER)
        })
    }

    fn end_write(&self, handle: Handle) {
        if let Ok((record, slot, _)) = decode(handle)
            && let Some((cell, _)) = self.cell(record, slot)
        {
            cell.fetch_sub(WRITER - IDLE, Ordering::Release);
        }
    }

    fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    fn dissolve<E: Env<Granule = G>>(&mut self, env: &E, mut found: impl FnMut(NonNull<u8>)) {
        let end = self.vacancies.get_mut().end;
        let mut number = 0;
        while number < end {
            let first = self.record(number).map(|(_, word)| word.load(Ordering::Relaxed));
            let Some(word) = first else {
                number += 1;
                continue;
            };
            let class = &self.table.classes[(word & CLASS_MASK) as usize];
            if word & ENROLLED != 0 && class.is_whole_page() {
                NonNull::new(with_exposed_provenance_mut(address(word))).map(&mut found);
            }
            number += 1 + class.slots.div_ceil(4) as u32;
        }
        for frame in self.frames() {
            // SAFETY: every frame of the directory came from `alloc(0)`, and the pool is going
            // away. A middle is read to its end before it is given back.
            unsafe { env.free(frame, 0) };
        }
    }
}

/// Record, slot and generation of a handle.
fn decode(handle: Handle) -> Result<(u32, usize, u16), HandleError> {
    let bits = handle.bits();
    if bits >> (SLOT_BITS + RECORD_BITS + GENERATION_BITS) != 0 {
        return Err(HandleError::Invalid);
    }
    let record = (bits >> SLOT_BITS) & ((1 << RECORD_BITS) - 1);
    let slot = bits & ((1 << SLOT_BITS) - 1);
    Ok((record as u32, slot as usize, (bits >> (SLOT_BITS + RECORD_BITS)) as u16))
}

/// The address of the block in the first word of a record.
fn address(word: u64) -> usize {
    (word >> VALUE_SHIFT << VALUE_SHIFT) as usize
}

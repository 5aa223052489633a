//! One object: freeing, pinning and writing it, after its handle was checked.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Handle, HandleError, Masked, ReadEnd};

use super::block::Block;
use super::entry::{Entry, Place};
use super::name::Name;
use super::pool::Slotted;
use super::stamp::{Refusal, Seen, Stamp};
use super::state::Snapshot;
use super::table::Descriptor;

/// A handle that is being followed: as long as this lives, the frames stay.
struct Visit<'a> {
    descriptor: &'a Descriptor,
    seen: Snapshot,
}

impl Drop for Visit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.descriptor.state.leave();
    }
}

/// Where a handle leads.
enum Object<'a> {
    Slotted(Block, &'a Entry),
    Single(&'a Descriptor, NonNull<u8>),
}

impl Object<'_> {
    #[inline(always)]
    fn stamp(&self) -> &Stamp {
        match self {
            Self::Slotted(_, entry) => &entry.stamp,
            Self::Single(descriptor, _) => &descriptor.stamp,
        }
    }

    /// First byte and length of an object that stays where it is.
    #[inline(always)]
    fn bytes(&self, seen: Seen) -> (NonNull<u8>, usize) {
        match self {
            Self::Slotted(block, entry) => {
                let place: Place = entry.place();
                (block.byte(place.offset()), place.length(seen) as usize)
            }
            Self::Single(descriptor, frames) => {
                (*frames, descriptor.link.load(Ordering::Relaxed) as usize)
            }
        }
    }
}

impl Visit<'_> {
    /// The block, if the handle leads to one.
    #[inline(always)]
    fn block(&self) -> Option<Block> {
        // SAFETY: the visit keeps the frames, and whoever asks has done with the block before it ends.
        unsafe { Descriptor::block(self.seen) }
    }

    /// The object's entry in the directory of that block.
    #[inline(always)]
    fn entry(&self, block: Block, name: Name) -> Option<&Entry> {
        if name.index >= block.front().entries() {
            return None;
        }
        // SAFETY: the entry exists, and the visit that is borrowed keeps it.
        Some(unsafe { NonNull::from(block.entry(name.index)).as_ref() })
    }

    #[inline(always)]
    fn object(&self, name: Name) -> Result<Object<'_>, HandleError> {
        match (self.block(), self.seen.frames()) {
            (Some(block), _) => {
                let entry = self.entry(block, name).ok_or(HandleError::Stale)?;
                Ok(Object::Slotted(block, entry))
            }
            (None, None) => Err(HandleError::Stale),
            (None, Some(_)) if name.index != 0 => Err(HandleError::Invalid),
            (None, Some(frames)) => Ok(Object::Single(self.descriptor, frames)),
        }
    }
}

/// Tries until whoever has the object for a copy is done.
#[inline(always)]
fn retry<T>(mut act: impl FnMut() -> Result<T, Refusal>) -> Result<T, HandleError> {
    loop {
        match act() {
            Ok(done) => return Ok(done),
            Err(Refusal::Stale) => return Err(HandleError::Stale),
            Err(Refusal::Busy) => return Err(HandleError::Busy),
            // Whoever has it copies at most a page with interrupts masked, then lets go.
            Err(Refusal::Again) => zpool::relax(),
        }
    }
}

impl<E: Env> Slotted<E> {
    #[inline(always)]
    fn visit(&self, name: Name) -> Result<Visit<'_>, HandleError> {
        let descriptor = self.table.get(name.number).ok_or(HandleError::Invalid)?;
        let seen = descriptor.state.enter();
        Ok(Visit { descriptor, seen })
    }

    /// Ends an object that nobody reads: its stamp says so, and its block counts it.
    #[inline(always)]
    pub(super) fn release(&self, handle: Handle) -> Result<(), HandleError> {
        let name = Name::of(handle);
        let visit = self.visit(name)?;
        if let Some(block) = visit.block()
            && let Some(entry) = visit.entry(block, name)
            && let Some(units) = entry.stamp.try_free(name.generation, |seen| entry.units(seen))
        {
            block.front().freed.store(name.index as u16, Ordering::Relaxed);
            self.leave_freed(visit, name.number, units);
            return Ok(());
        }
        self.release_slowly(handle, visit)
    }

    /// The same for an object in a page of its own, or one that somebody else has just now; or
    /// what is wrong with the handle.
    #[cold]
    #[inline(never)]
    fn release_slowly(&self, handle: Handle, visit: Visit<'_>) -> Result<(), HandleError> {
        let name = Name::of(handle);
        let units = match visit.object(name)? {
            Object::Slotted(block, entry) => {
                let units = retry(|| entry.stamp.free(name.generation, |seen| entry.units(seen)))?;
                block.front().freed.store(name.index as u16, Ordering::Relaxed);
                units
            }
            Object::Single(descriptor, _) => {
                retry(|| descriptor.stamp.free(name.generation, |_| ()))?;
                1
            }
        };
        self.leave_freed(visit, name.number, units);
        Ok(())
    }

    /// Ends a visit that has freed so many units.
    #[inline(always)]
    fn leave_freed(&self, visit: Visit<'_>, number: u32, units: u32) {
        let descriptor = visit.descriptor;
        core::mem::forget(visit);
        if descriptor.state.leave_freed(units) {
            self.freed.push(number, |next| descriptor.link.store(next, Ordering::Relaxed));
        }
    }

    /// Pins an object of at least `length` bytes and says where they are, and what unpins them.
    #[inline]
    pub(super) fn pin(
        &self,
        handle: Handle,
        length: usize,
    ) -> Result<(NonNull<u8>, u64), HandleError> {
        let name = Name::of(handle);
        let visit = self.visit(name)?;
        let object = visit.object(name)?;
        let stamp = object.stamp();
        let seen = retry(|| stamp.pin(name.generation))?;
        let (data, bytes) = object.bytes(seen);
        if length > bytes {
            stamp.unpin();
            return Err(HandleError::Length);
        }
        Ok((data, core::ptr::from_ref(stamp).expose_provenance() as u64))
    }

    /// Copies `bytes` to the front of an object that nobody reads.
    pub(super) fn overwrite(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        // Interrupts stay masked while the object is this CPU's own: a handler on this CPU that
        // waited for it would wait for ever.
        let _masked = Masked::new(&self.env);
        let name = Name::of(handle);
        let visit = self.visit(name)?;
        let object = visit.object(name)?;
        let seen = retry(|| object.stamp().hold(name.generation))?;
        let (data, length) = object.bytes(seen);
        let fits = bytes.len() <= length.min(E::Granule::SIZE);
        if fits {
            // SAFETY: the object has that many bytes and is this CPU's own until its stamp is
            // set; `bytes` is a shared borrow, and nobody reads an object that is another's own.
            unsafe {
                data.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            }
        }
        object.stamp().set(seen);
        if fits { Ok(()) } else { Err(HandleError::Length) }
    }
}

/// Ends reads. A type of its own, out of others' reach: it believes its tokens.
pub(super) struct Unpin;

impl ReadEnd for Unpin {
    fn read_end(&self, token: u64) {
        let stamp = core::ptr::with_exposed_provenance::<Stamp>(token as usize);
        // SAFETY: the token is of `pin`, whose object stays as long as it is pinned.
        unsafe { &*stamp }.unpin();
    }
}

//! One object: freeing, pinning and writing it, after its handle was checked.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Handle, HandleError, Masked, ReadEnd};

use super::block::Block;
use super::entry::{Entry, Place, units};
use super::name::Name;
use super::pool::Slotted;
use super::stamp::{Refusal, Seen, Stamp};
use super::state::{Snapshot, Use};
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

impl<'a> Visit<'a> {
    #[inline(always)]
    fn object(&self, name: Name) -> Result<Object<'_>, HandleError> {
        let base = NonNull::new(core::ptr::with_exposed_provenance_mut(self.seen.address()));
        let base = base.ok_or(HandleError::Stale)?;
        if self.seen.usage() == Use::Slotted {
            // SAFETY: published blocks are formatted, and this visit keeps the frames.
            let block = unsafe { Block::at(base) };
            if name.index >= block.front().entries() {
                return Err(HandleError::Stale);
            }
            // SAFETY: the entry exists, and the visit that is borrowed keeps it.
            let entry = unsafe { NonNull::from(block.entry(name.index)).as_ref() };
            return Ok(Object::Slotted(block, entry));
        }
        match name.index {
            0 => Ok(Object::Single(self.descriptor, base)),
            _ => Err(HandleError::Invalid),
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
        let object = visit.object(name)?;
        let size = |seen| match object {
            Object::Slotted(_, entry) => units(entry.place().length(seen)),
            Object::Single(..) => 1,
        };
        let freed = retry(|| object.stamp().free(name.generation, size))?;
        let descriptor = visit.descriptor;
        core::mem::forget(visit);
        if descriptor.state.leave_freed(freed) {
            self.freed.push(name.number, |next| descriptor.link.store(next, Ordering::Relaxed));
        }
        Ok(())
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

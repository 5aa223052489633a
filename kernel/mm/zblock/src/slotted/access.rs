//! One object: ending, pinning and writing it, after its handle was checked.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Handle, HandleError};

use super::block::{Block, DIRTY, STUCK};
use super::entry::{Entry, PINS_MAX, State};
use super::name::Name;
use super::pool::{Locked, Slotted};
use super::single;
use super::table::{Descriptor, Use};

/// A live object, found under the lock of its block and held by nobody for himself.
enum Object {
    Slotted(Block, Entry),
    Single(NonNull<u8>, u32),
}

impl Object {
    fn pins(&self) -> u32 {
        match self {
            Self::Slotted(_, entry) => entry.pins(),
            Self::Single(_, word) => single::pins(*word),
        }
    }

    /// The first of at least `length` bytes.
    fn data(&mut self, length: usize) -> Result<NonNull<u8>, HandleError> {
        let (data, bytes) = match self {
            Self::Slotted(block, entry) => (block.data(*entry), block.length(*entry)),
            Self::Single(frames, word) => (*frames, single::length(*word)),
        };
        if length <= bytes { Ok(data) } else { Err(HandleError::Length) }
    }
}

impl<E: Env> Slotted<E> {
    /// Does `act` with the object under its block's lock, once nobody has it for himself.
    #[inline]
    fn with<R>(
        &self,
        handle: Handle,
        act: impl FnOnce(&Descriptor, Object, Name) -> Result<R, HandleError>,
    ) -> Result<R, HandleError> {
        let name = Name::of(handle);
        let descriptor = self.table.get(name.number).ok_or(HandleError::Invalid)?;
        loop {
            let mut locked = Locked::new(descriptor, &self.env);
            if let Some(object) = Self::find(descriptor, &mut locked, name)? {
                return act(descriptor, object, name);
            }
            // Whoever has it copies at most a page with interrupts masked, then lets go.
            drop(locked);
            zpool::relax();
        }
    }

    /// The object, or `None` while someone moves or writes it.
    #[inline]
    fn find(
        descriptor: &Descriptor,
        locked: &mut Locked<'_, E>,
        name: Name,
    ) -> Result<Option<Object>, HandleError> {
        if let Some(mut block) = locked.block() {
            let entry = block.find(name.index, name.generation).ok_or(HandleError::Stale)?;
            let free = entry.state() == State::Live;
            return Ok(free.then_some(Object::Slotted(block, entry)));
        }
        let frames = NonNull::new(descriptor.frames.load(Ordering::Relaxed));
        let (Some(frames), Use::Single) = (frames, descriptor.usage().0) else {
            return Err(HandleError::Stale);
        };
        if name.index != 0 {
            return Err(HandleError::Invalid);
        }
        if name.generation != descriptor.generation() {
            return Err(HandleError::Stale);
        }
        let word = descriptor.word.load(Ordering::Relaxed);
        Ok((word & single::BUSY == 0).then_some(Object::Single(frames, word)))
    }

    /// Ends an object that nobody reads.
    pub(super) fn release(&self, handle: Handle) -> Result<(), HandleError> {
        let alone = self.with(handle, |descriptor, object, name| {
            if object.pins() != 0 {
                return Err(HandleError::Busy);
            }
            match object {
                Object::Slotted(mut block, _) => {
                    block.release(name.index);
                    block.header().flags &= !STUCK;
                    self.mark(descriptor, name.number, &mut block);
                    Ok(None)
                }
                Object::Single(..) => {
                    // From here on the handle is stale; the page is this caller's.
                    descriptor.advance();
                    Ok(Some(name.number))
                }
            }
        })?;
        if let Some(number) = alone {
            self.retire_alone(number);
        }
        Ok(())
    }

    /// Queues a block whose lock is held for a look at what is free in it.
    pub(super) fn mark(&self, descriptor: &Descriptor, number: u32, block: &mut Block) {
        let header = block.header();
        if header.flags & DIRTY != 0 {
            return;
        }
        header.flags |= DIRTY;
        self.dirty.push(number, |next| descriptor.word.store(next, Ordering::Relaxed));
    }

    /// Pins an object of at least `length` bytes and says where they are.
    pub(super) fn pin(&self, handle: Handle, length: usize) -> Result<NonNull<u8>, HandleError> {
        self.with(handle, |descriptor, mut object, name| {
            let data = object.data(length)?;
            if object.pins() == PINS_MAX {
                return Err(HandleError::Busy);
            }
            match object {
                Object::Slotted(mut block, _) => block.pin(name.index),
                Object::Single(_, word) => {
                    descriptor.word.store(word + single::PIN, Ordering::Relaxed);
                }
            }
            Ok(data)
        })
    }

    /// Undoes one [`Slotted::pin`]. The object is still there, pinned objects stay.
    pub(super) fn unpin(&self, handle: Handle) {
        let name = Name::of(handle);
        let Some(descriptor) = self.table.get(name.number) else { return };
        let mut locked = Locked::new(descriptor, &self.env);
        match locked.block() {
            Some(mut block) => block.unpin(name.index),
            None => {
                let word = descriptor.word.load(Ordering::Relaxed);
                descriptor.word.store(word - single::PIN, Ordering::Relaxed);
            }
        }
    }

    /// Copies `bytes` to the front of an object that nobody reads.
    pub(super) fn overwrite(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        if bytes.len() > E::Granule::SIZE {
            self.with(handle, |_, _, _| Ok(()))?;
            return Err(HandleError::Length);
        }
        // Interrupts stay masked while the object is this CPU's own: a handler on this CPU that
        // waited for it would wait for ever.
        let saved = self.env.mask();
        let written = self.overwrite_masked(handle, bytes);
        self.env.unmask(saved);
        written
    }

    fn overwrite_masked(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let data = self.with(handle, |descriptor, mut object, name| {
            if object.pins() != 0 {
                return Err(HandleError::Busy);
            }
            let data = object.data(bytes.len())?;
            match object {
                Object::Slotted(mut block, _) => block.seize(name.index),
                Object::Single(_, word) => {
                    descriptor.word.store(word | single::BUSY, Ordering::Relaxed);
                }
            }
            Ok(data)
        })?;
        // SAFETY: the object has that many bytes and is this CPU's own until it is let go below;
        // `bytes` is a shared borrow, and nobody reads an object that is another's own.
        unsafe { data.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        let name = Name::of(handle);
        if let Some(descriptor) = self.table.get(name.number) {
            let mut locked = Locked::new(descriptor, &self.env);
            match locked.block() {
                Some(mut block) => block.stay(name.index),
                None => {
                    let word = descriptor.word.load(Ordering::Relaxed);
                    descriptor.word.store(word & !single::BUSY, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }
}

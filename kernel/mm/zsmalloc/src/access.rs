//! Reading and writing objects.

use zpool::{Env, Handle, HandleError, Masked, ReadEnd, ReadGuard};

use crate::Zsmalloc;
use crate::class::{Class, Descriptors};
use crate::handle_word::{HandleWord, Location};

impl<E: Env, const CHAIN: usize> Zsmalloc<E, CHAIN> {
    /// Looks up where an object is and joins the readers of its zspage, so that it stays there.
    ///
    /// The pool is open (`migrate`) until both have happened.
    fn map<'a>(
        &'a self,
        view: &impl Descriptors<CHAIN>,
        pin: impl FnOnce() -> Result<Location, HandleError>,
    ) -> Result<(Location, &'a Class), HandleError> {
        let _masked = Masked::new(&*self.env);
        self.migrate.lock_read();
        let location = pin().inspect_err(|_| self.migrate.unlock_read())?;
        let descriptor = view.descriptor(location.zspage);
        descriptor.lock.lock_read();
        self.migrate.unlock_read();
        Ok((location, &self.classes[descriptor.class()]))
    }

    pub(crate) fn read_object<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let reading = self.enter();
        let view = self.view(&reading);
        let (_, word) = self.word(&reading, handle)?;
        let (location, class) = self.map(&view, || word.pin_shared())?;
        let descriptor = view.descriptor(location.zspage);
        let unmap = || {
            word.unpin_shared();
            descriptor.lock.unlock_read();
        };
        let layout = &class.layout;
        if length > layout.capacity() {
            unmap();
            return Err(HandleError::Length);
        }
        let place = descriptor.place::<E::Granule>(layout, location.index.into());
        if place.front == layout.size {
            let start = place.start.wrapping_add(layout.header());
            // SAFETY: the object has that many bytes behind its header, in one page. It is pinned:
            // it is neither freed nor written, and its zspage is locked: it does not move.
            let bytes = unsafe { core::slice::from_raw_parts(start, length) };
            return Ok(ReadGuard::pinned(bytes, self, handle.bits()));
        }
        let copied = match scratch.get_mut(..length) {
            Some(scratch) => {
                // SAFETY: as above, in two pages.
                unsafe { place.read(layout.header(), scratch) };
                Ok(ReadGuard::unpinned(scratch))
            }
            None => Err(HandleError::Length),
        };
        unmap();
        copied
    }

    pub(crate) fn write_object(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let reading = self.enter();
        let view = self.view(&reading);
        let (_, word) = self.word(&reading, handle)?;
        let (location, class) = self.map(&view, || word.pin_exclusive())?;
        let descriptor = view.descriptor(location.zspage);
        let layout = &class.layout;
        let fits = bytes.len() <= layout.capacity();
        if fits {
            let place = descriptor.place::<E::Granule>(layout, location.index.into());
            // SAFETY: the object has that many bytes behind its header, and nobody else uses it
            // or moves it.
            unsafe { place.write(layout.header(), bytes) };
        }
        word.unpin_exclusive();
        descriptor.lock.unlock_read();
        if fits { Ok(()) } else { Err(HandleError::Length) }
    }
}

impl<E: Env, const CHAIN: usize> ReadEnd for Zsmalloc<E, CHAIN> {
    fn read_end(&self, token: u64) {
        let reading = self.enter();
        let view = self.view(&reading);
        let word = Handle::from_bits(token).map(|handle| self.word(&reading, handle));
        if let Some(Ok((_, word))) = word {
            let zspage = HandleWord::location(word).zspage;
            word.unpin_shared();
            view.descriptor(zspage).lock.unlock_read();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use zpool::testing::HostEnv;
    use zpool::{Granule4K, Owner, ZPool};

    use super::*;

    /// Size 2048 has 15 objects of 2176 bytes in 8 pages: every second one straddles two pages.
    #[test]
    fn straddling_objects_are_copied() {
        let env = HostEnv::<Granule4K>::new();
        let pool = Zsmalloc::<_, 8>::new(&env);
        let handles: [_; 15] = core::array::from_fn(|index| {
            let handle = pool.malloc(2048, Owner::NONE).unwrap();
            pool.write(handle, &[index as u8 + 1; 2048]).unwrap();
            handle
        });
        for (index, &handle) in handles.iter().enumerate() {
            let mut scratch = vec![0; 2048];
            let buffer = scratch.as_ptr_range();
            let read = pool.read(handle, 2048, &mut scratch).unwrap();
            assert!(read.iter().all(|&byte| byte == index as u8 + 1));
            assert_eq!(buffer.contains(&read.as_ptr()), index % 2 == 1, "object {index}");
        }
        let short = pool.read(handles[1], 2048, &mut []).map(drop);
        assert_eq!(short, Err(HandleError::Length));
    }

    /// The last object of a page-sized class begins at the page, every other eight bytes in.
    #[test]
    fn only_huge_objects_have_no_header() {
        let env = HostEnv::<Granule4K>::new();
        let pool = Zsmalloc::<_, 8>::new(&env);
        for (size, offset) in [(3624, 8), (3625, 0), (4096, 0), (1, 8)] {
            let handle = pool.malloc(size, Owner::NONE).unwrap();
            let mut scratch = vec![0; size];
            let read = pool.read(handle, size, &mut scratch).unwrap();
            assert_eq!(read.as_ptr().addr() % 4096, offset, "{size} bytes");
        }
    }
}

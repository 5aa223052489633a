//! The conformance suite against a back end that conforms, and against ones that do not.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Mutex;

use zpool::testing::HostEnv;
use zpool::testing::conformance::{Capabilities, check};
use zpool::{
    AllocError, Env, Granule, Granule4K, Granule16K, Handle, HandleError, Owner, ReadEnd,
    ReadGuard, Statistics, ZPool,
};

/// What a deliberately broken back end does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Defect {
    None,
    LeaksOnDrop,
    LeaksOnFree,
    ForgetsToWrite,
    ReusesHandles,
    AcceptsTooLarge,
    CountsWrong,
    FreesWhileRead,
}

/// One object a page frame, under one lock: the simplest back end that conforms.
struct PagePerObject<'e, G: Granule> {
    env: &'e HostEnv<G>,
    defect: Defect,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: HashMap<u64, Object>,
    next: u64,
}

struct Object {
    frame: usize,
    readers: usize,
}

impl<G: Granule> PagePerObject<'_, G> {
    fn with<R>(&self, handle: u64, f: impl FnOnce(&mut Object) -> R) -> Result<R, HandleError> {
        let mut state = self.state.lock().unwrap();
        state.objects.get_mut(&handle).map(f).ok_or(HandleError::Stale)
    }

    fn give_back(&self, object: &Object) {
        let frame = NonNull::new(std::ptr::with_exposed_provenance_mut(object.frame)).unwrap();
        // SAFETY: the frame came from `alloc(0)` and its object is gone.
        unsafe { self.env.free(frame, 0) }
    }
}

impl<G: Granule> ZPool for PagePerObject<'_, G> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        match size {
            0 => return Err(AllocError::Invalid),
            _ if size > G::SIZE && self.defect != Defect::AcceptsTooLarge => {
                return Err(AllocError::NoSpace);
            }
            _ => {}
        }
        let frame = self.env.alloc(0).ok_or(AllocError::NoMemory)?.as_ptr().expose_provenance();
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        let number = if self.defect == Defect::ReusesHandles { frame as u64 } else { state.next };
        state.objects.insert(number, Object { frame, readers: 0 });
        Ok(Handle::from_bits(number).unwrap())
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        let mut state = self.state.lock().unwrap();
        let object = state.objects.get(&handle.bits()).ok_or(HandleError::Stale)?;
        if object.readers > 0 && self.defect != Defect::FreesWhileRead {
            return Err(HandleError::Busy);
        }
        let object = state.objects.remove(&handle.bits()).unwrap();
        if self.defect != Defect::LeaksOnFree {
            self.give_back(&object);
        }
        Ok(())
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        _: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        if length > G::SIZE {
            return self.with(handle.bits(), |_| Err(HandleError::Length))?;
        }
        let frame = self.with(handle.bits(), |object| {
            object.readers += 1;
            object.frame
        })?;
        // SAFETY: the frame has that many bytes and stays while it has a reader.
        let bytes = unsafe {
            std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(frame), length)
        };
        Ok(ReadGuard::pinned(bytes, self, handle.bits()))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        self.with(handle.bits(), |object| {
            if bytes.len() > G::SIZE {
                return Err(HandleError::Length);
            }
            if object.readers > 0 {
                return Err(HandleError::Busy);
            }
            if self.defect != Defect::ForgetsToWrite {
                let place = std::ptr::with_exposed_provenance_mut::<u8>(object.frame);
                // SAFETY: the frame has room, and the lock keeps everyone else out.
                unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
            }
            Ok(())
        })?
    }

    fn total_pages(&self) -> usize {
        self.statistics().pool_pages
    }

    fn statistics(&self) -> Statistics {
        let objects = self.state.lock().unwrap().objects.len();
        let pool_pages = objects + usize::from(self.defect == Defect::CountsWrong);
        Statistics { pool_pages, metadata_bytes: 0, objects, idle_bytes: 0 }
    }
}

impl<G: Granule> ReadEnd for PagePerObject<'_, G> {
    fn read_end(&self, token: u64) {
        let _ = self.with(token, |object| object.readers -= 1);
    }
}

impl<G: Granule> Drop for PagePerObject<'_, G> {
    fn drop(&mut self) {
        if self.defect == Defect::LeaksOnDrop {
            return;
        }
        for object in self.state.get_mut().unwrap().objects.values() {
            let frame = NonNull::new(std::ptr::with_exposed_provenance_mut(object.frame)).unwrap();
            // SAFETY: the frame came from `alloc(0)` and the pool is going away.
            unsafe { self.env.free(frame, 0) }
        }
    }
}

fn run<G: Granule>(defect: Defect) {
    let capabilities = Capabilities { largest: G::SIZE, ..Capabilities::strict() };
    check::<G>(
        |env| Ok(Box::new(PagePerObject { env, defect, state: Mutex::default() })),
        capabilities,
    );
}

#[test]
fn a_conforming_back_end_passes() {
    run::<Granule4K>(Defect::None);
    run::<Granule16K>(Defect::None);
}

#[test]
#[cfg_attr(miri, ignore = "the broken back ends leak, as intended")]
fn every_defect_is_found() {
    for defect in [
        Defect::LeaksOnDrop,
        Defect::LeaksOnFree,
        Defect::ForgetsToWrite,
        Defect::ReusesHandles,
        Defect::AcceptsTooLarge,
        Defect::CountsWrong,
        Defect::FreesWhileRead,
    ] {
        let outcome = std::panic::catch_unwind(|| run::<Granule4K>(defect));
        assert!(outcome.is_err(), "{defect:?} was not found");
    }
}

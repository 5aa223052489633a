//! A back end whose every behaviour the test decides.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec;
use std::vec::Vec;

use zpool::{
    AllocError, Budget, Handle, HandleError, Owner, Owners, ReadGuard, Statistics, Work, ZPool,
};

/// One page frame to each object, which moves whenever it is asked to and shows objects by copy.
#[derive(Default)]
pub struct TestPool {
    state: Mutex<State>,
    /// Frames that the pool claims beyond those of its objects.
    pub more_pages: AtomicUsize,
}

#[derive(Default)]
struct State {
    objects: HashMap<Handle, (Owner, Vec<u8>)>,
    last_handle: u64,
    failure: Option<AllocError>,
}

impl State {
    fn new_handle(&mut self) -> Handle {
        self.last_handle += 1;
        Handle::from_bits(self.last_handle).unwrap()
    }
}

impl TestPool {
    /// The next `malloc` fails like this.
    pub fn fail_next(&self, error: AllocError) {
        self.state.lock().unwrap().failure = Some(error);
    }

    /// Lengths of the live objects, ascending.
    pub fn lengths(&self) -> Vec<usize> {
        let state = self.state.lock().unwrap();
        let mut lengths: Vec<_> = state.objects.values().map(|(_, bytes)| bytes.len()).collect();
        lengths.sort_unstable();
        lengths
    }

    /// Changes the bytes of an object behind everybody's back.
    pub fn damage(&self, handle: Handle, change: impl FnOnce(&mut [u8])) {
        change(&mut self.state.lock().unwrap().objects.get_mut(&handle).unwrap().1);
    }
}

impl ZPool for TestPool {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        let mut state = self.state.lock().unwrap();
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        let handle = state.new_handle();
        state.objects.insert(handle, (owner, vec![0; size]));
        Ok(handle)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        let mut state = self.state.lock().unwrap();
        state.objects.remove(&handle).map(drop).ok_or(HandleError::Stale)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let state = self.state.lock().unwrap();
        let (_, bytes) = state.objects.get(&handle).ok_or(HandleError::Stale)?;
        let bytes = bytes.get(..length).ok_or(HandleError::Length)?;
        scratch[..length].copy_from_slice(bytes);
        Ok(ReadGuard::unpinned(&scratch[..length]))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let mut state = self.state.lock().unwrap();
        let (_, object) = state.objects.get_mut(&handle).ok_or(HandleError::Stale)?;
        object.get_mut(..bytes.len()).ok_or(HandleError::Length)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Moves every object whose owner agrees.
    fn maintain(&self, _: Budget, owners: &dyn Owners) -> Work {
        let mut state = self.state.lock().unwrap();
        let mut work = Work::default();
        let handles: Vec<_> = state.objects.keys().copied().collect();
        for old in handles {
            let new = state.new_handle();
            let owner = state.objects[&old].0;
            if owners.relocated(owner, old, new) {
                let object = state.objects.remove(&old).unwrap();
                work.objects += 1;
                work.bytes += object.1.len();
                state.objects.insert(new, object);
            }
        }
        work
    }

    fn total_pages(&self) -> usize {
        self.state.lock().unwrap().objects.len() + self.more_pages.load(Ordering::Relaxed)
    }

    fn statistics(&self) -> Statistics {
        let objects = self.state.lock().unwrap().objects.len();
        Statistics { pool_pages: self.total_pages(), objects, ..Statistics::default() }
    }
}

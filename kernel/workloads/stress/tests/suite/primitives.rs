//! Locks of the host.

use std::sync::{Condvar, Mutex};

use stress::{Mutex as Lock, Semaphore};

#[derive(Default)]
pub struct HostMutex(Mutex<()>);

impl Lock for HostMutex {
    fn hold(&self, work: &mut dyn FnMut()) {
        let _held = self.0.lock().unwrap();
        work();
    }

    fn try_hold(&self, work: &mut dyn FnMut()) -> bool {
        let held = self.0.try_lock();
        if held.is_ok() {
            work();
        }
        held.is_ok()
    }
}

pub struct HostSemaphore {
    permits: Mutex<usize>,
    posted: Condvar,
}

impl HostSemaphore {
    pub fn new(permits: usize) -> Self {
        Self { permits: Mutex::new(permits), posted: Condvar::new() }
    }
}

impl Semaphore for HostSemaphore {
    fn wait(&self) {
        let permits = self.permits.lock().unwrap();
        let mut permits = self.posted.wait_while(permits, |permits| *permits == 0).unwrap();
        *permits -= 1;
    }

    fn try_wait(&self) -> bool {
        let mut permits = self.permits.lock().unwrap();
        let taken = *permits > 0;
        *permits -= usize::from(taken);
        taken
    }

    fn post(&self) {
        *self.permits.lock().unwrap() += 1;
        self.posted.notify_one();
    }
}

//! The scheduler's locks, as workloads see them.

use stress::{Mutex, Semaphore};

use crate::sched::semaphore;
use crate::sched::sleep_lock::SleepLock;

/// The kernel's sleeping lock, which lends priorities.
pub struct KernelMutex(pub SleepLock<()>);

impl Mutex for KernelMutex {
    fn hold(&self, work: &mut dyn FnMut()) {
        let _held = self.0.lock();
        work();
    }

    fn try_hold(&self, work: &mut dyn FnMut()) -> bool {
        let held = self.0.try_lock();
        if held.is_some() {
            work();
        }
        held.is_some()
    }
}

/// The kernel's semaphore.
pub struct KernelSemaphore(pub semaphore::Semaphore);

impl Semaphore for KernelSemaphore {
    fn wait(&self) {
        self.0.wait();
    }

    fn try_wait(&self) -> bool {
        self.0.try_wait()
    }

    fn post(&self) {
        self.0.post();
    }
}

//! Contexts for threads of the host.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec::Vec;

use crate::{Choice, Compressor, Context, Contexts};

/// Contexts in slots behind mutexes; threads take slots in turn as they arrive.
pub struct HostContexts {
    slots: Vec<Mutex<Context>>,
    second: Option<Mutex<Context>>,
    arrivals: AtomicUsize,
}

std::thread_local! {
    static ARRIVAL: std::cell::OnceCell<usize> = const { std::cell::OnceCell::new() };
}

impl HostContexts {
    /// `slots` contexts for pages of `page_size` bytes.
    #[must_use]
    pub fn new(choice: Choice, page_size: usize, slots: usize) -> Self {
        Self::with_compressors(page_size, slots, move || {
            (choice.algorithm.create)(page_size, choice.level)
        })
    }

    /// `slots` contexts, each around a compressor that `create` makes.
    #[must_use]
    pub fn with_compressors(
        page_size: usize,
        slots: usize,
        create: impl Fn() -> Box<dyn Compressor>,
    ) -> Self {
        assert!(slots > 0, "contexts without a slot");
        let context = |_| Mutex::new(Context::with_compressor(create(), page_size));
        let slots = (0..slots).map(context).collect();
        Self { slots, second: None, arrivals: AtomicUsize::new(0) }
    }

    /// The same with one context around `second`, for cold pages.
    #[must_use]
    pub fn with_second(self, page_size: usize, second: Box<dyn Compressor>) -> Self {
        let second = Some(Mutex::new(Context::with_compressor(second, page_size)));
        Self { second, ..self }
    }
}

impl Contexts for HostContexts {
    fn with(&self, f: &mut dyn FnMut(&mut Context)) {
        let next = || self.arrivals.fetch_add(1, Ordering::Relaxed);
        let slot = ARRIVAL.with(|arrival| *arrival.get_or_init(next)) % self.slots.len();
        f(&mut self.slots[slot].lock().expect("no thread died with a context"));
    }

    fn with_second(&self, f: &mut dyn FnMut(&mut Context)) {
        if let Some(second) = &self.second {
            f(&mut second.lock().expect("no thread died with a context"));
        }
    }
}

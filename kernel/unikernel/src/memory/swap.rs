//! Between a page-table entry and the compressed store.

use paging::{Entry, Length, Reference, RepeatedWord};
use stress::Options;
use zpool::Handle;
use zswap::{Context, Contexts, Settings, Slot, Stored};

use super::writeback;
use crate::cpu::{self, MAX_CPUS};
use crate::sched::sleep_lock::SleepLock;

/// The entry of a page that is stored like this.
pub fn entry_of(stored: Stored) -> Entry {
    let reference = |handle: Handle| Reference::new(handle.bits());
    let entry = match stored {
        Stored::Same(word) => RepeatedWord::new(word).map(Entry::Same),
        Stored::Word(handle) => reference(handle).map(|handle| Entry::SameObject { handle }),
        Stored::Object { handle, length } => reference(handle)
            .zip(Length::new(length as usize))
            .map(|(handle, length)| Entry::Object { handle, length }),
        Stored::Swapped(slot) => Reference::new(slot.bits()).map(|slot| Entry::Swapped { slot }),
    };
    entry.expect("handles, lengths and slots of the store fit an entry")
}

/// What the entry of a stored page says of the store; `None` for other entries.
pub fn stored_of(entry: Entry) -> Option<Stored> {
    let handle = |reference: Reference| Handle::from_bits(reference.bits());
    match entry {
        Entry::Same(word) => Some(Stored::Same(word.get())),
        Entry::SameObject { handle: reference } => handle(reference).map(Stored::Word),
        Entry::Object { handle: reference, length } => {
            handle(reference).map(|handle| Stored::Object { handle, length: length.bytes() as u32 })
        }
        Entry::Swapped { slot } => Slot::from_bits(slot.bits()).map(Stored::Swapped),
        Entry::Present(_) | Entry::Empty | Entry::Busy => None,
    }
}

/// Whether a repeated word has room in an entry.
pub fn word_fits(word: u64) -> bool {
    RepeatedWord::new(word).is_some()
}

/// What the options say of stores, with so many page frames in all.
pub fn settings(options: &Options, ram_pages: usize) -> Settings {
    Settings {
        max_pool_percent: options.max_pool_percent,
        accept_threshold_percent: options.accept_threshold_percent,
        checksum: options.boot.checksum,
        recompress: options.boot.recompress.is_some(),
        refused: writeback::refused,
        ..Settings::new(options.boot.page_size, ram_pages)
    }
}

/// A codec context for each CPU, behind a lock whose waiters sleep.
pub struct CpuContexts {
    contexts: [Option<SleepLock<Context>>; MAX_CPUS],
    /// The one of the compressor for cold pages.
    second: Option<SleepLock<Context>>,
}

impl CpuContexts {
    /// Contexts for `cpus` CPUs, and one for all for cold pages.
    pub fn new(cpus: usize, make: impl Fn() -> Context, second: Option<Context>) -> Self {
        let context = |cpu| (cpu < cpus).then(|| SleepLock::new(make()));
        Self { contexts: core::array::from_fn(context), second: second.map(SleepLock::new) }
    }
}

impl Contexts for CpuContexts {
    fn with(&self, f: &mut dyn FnMut(&mut Context)) {
        if let Some(context) = &self.contexts[cpu::current().id] {
            f(&mut context.lock());
        }
    }

    fn with_second(&self, f: &mut dyn FnMut(&mut Context)) {
        if let Some(context) = &self.second {
            f(&mut context.lock());
        }
    }
}

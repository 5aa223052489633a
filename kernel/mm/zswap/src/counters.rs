//! What the store counts, under the names the Linux kernel uses where it has one.

use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$about:meta])+ $name:ident,)+) => {
        /// The counters of a store at one moment. While stores and loads run, counters that
        /// belong together may be apart by the operations under way.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Counters {
            /// Gauge: bytes of the pool's page frames, its own fragmentation included.
            pub pool_total_size: u64,
            $($(#[$about])+ pub $name: u64,)+
        }

        impl Counters {
            /// Whether every page that was stored is accounted for: loaded, invalidated, written
            /// back, or stored still. Meaningful while nothing is under way.
            #[must_use]
            pub fn balance(&self) -> bool {
                let left = self.loaded_pages + self.invalidated_pages + self.written_back_pages;
                self.zswpout == left + self.stored_pages
            }

            /// Each counter with its name, in a fixed order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [("pool_total_size", self.pool_total_size), $((stringify!($name), self.$name),)+]
                    .into_iter()
            }
        }

        /// The live counters. Each is exact; no order between two of them is kept.
        #[derive(Debug, Default)]
        pub(crate) struct Live {
            $(pub(crate) $name: Counter,)+
        }

        impl Live {
            pub(crate) fn snapshot(&self, pool_total_size: u64) -> Counters {
                Counters { pool_total_size, $($name: self.$name.get(),)+ }
            }
        }
    };
}

counters! {
    /// Gauge: pages now stored, compressed and same-filled (the latter not under
    /// [`SameFilled::Zero`](crate::SameFilled::Zero), where they belong to the swap layer).
    stored_pages,
    /// Gauge: pages now stored that repeat one word. They are no part of the ratio of a
    /// compressor or the density of a pool.
    same_filled_pages,
    /// Gauge: those of `same_filled_pages` whose word takes an object of the pool.
    same_filled_objects,
    /// Gauge: pages now stored in an object that is compressed, or the page as it is.
    compressed_pages,
    /// Gauge: those of `compressed_pages` that are kept as they are.
    stored_incompressible_pages,
    /// Gauge: bytes of those objects. Over `pool_total_size` it is the density.
    compressed_bytes,
    /// Event: page stored (`/proc/vmstat` has it under this name).
    zswpout,
    /// Event: page loaded.
    zswpin,
    /// Event: zero page kept by the swap layer ([`SameFilled::Zero`](crate::SameFilled::Zero)).
    swpout_zero,
    /// Event: zero page given back by the swap layer.
    swpin_zero,
    /// Event: attempt to store that found the pool at its limit.
    pool_limit_hit,
    /// Event: attempt to store that was refused because the pool had not shrunk to the
    /// acceptance threshold. The kernel does not count these.
    reject_hysteresis,
    /// Event: the compressor failed; an incompressible page counts here under
    /// [`Incompressible::Refuse`](crate::Incompressible::Refuse).
    reject_compress_fail,
    /// Event: the pool does not store objects of that size.
    reject_compress_poor,
    /// Event: the pool got no memory, or refused in another way than by size.
    reject_alloc_fail,
    /// Event: no entry in the table of a keyed store.
    reject_kmemcache_fail,
    /// Event: a stored page could not be restored.
    decompress_fail,
    /// Event: page left the store because it was loaded.
    loaded_pages,
    /// Event: page left the store because it is not needed any more.
    invalidated_pages,
    /// Event: page decompressed to be written back.
    zswpwb,
    /// Event: page written back to the second tier.
    written_back_pages,
    /// Event: page compressed once more, by the second compressor.
    recompressed_pages,
    /// Event: bytes by which objects became smaller thereby.
    recompress_saved_bytes,
    /// Event: page that the second compressor did not make smaller by a 64th of a page.
    recompress_poor,
    /// Event: page that could not be written back, and stays.
    reject_reclaim_fail,
    /// Event: page written to the second tier, written back or refused by the pool.
    pswpout,
    /// Event: page read from the second tier.
    pswpin,
    /// Gauge: pages now in the second tier.
    swapped_pages,
    /// Event: no slot of the second tier was free.
    swap_full,
    /// Event: the device of the second tier failed to write a page.
    swap_write_fail,
    /// Event: the device of the second tier failed to read a page.
    swap_read_fail,
    /// Event: the pool refused to free an object. Zero unless something is wrong.
    free_fail,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}

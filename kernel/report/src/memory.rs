//! What paging, the store and the pool counted.

use serde::{Deserialize, Serialize};

use crate::stressor::divide;

/// Memory figures at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Demand paging.
    pub paging: PagingCounters,
    /// The compressed page store; absent when there is none.
    #[serde(default)]
    pub store: Option<StoreCounters>,
    /// The pool behind the store; absent when there is none.
    #[serde(default)]
    pub pool: Option<PoolStatistics>,
}

/// Counters of demand paging since the run began; the last three are gauges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PagingCounters {
    /// Faults served with a fresh zero-filled frame.
    pub minor_faults: u64,
    /// Faults served from the store.
    pub major_faults: u64,
    /// Pages that reclaim gave to the store and the store took.
    pub stored: u64,
    /// Pages that came back from the store.
    pub loaded: u64,
    /// Pages that lost their frame.
    pub evictions: u64,
    /// Victims that the store refused, so that they stayed.
    pub refused: u64,
    /// Frames that arenas may have mapped at once; zero when there is no limit.
    pub limit_pages: u64,
    /// Frames that arenas have mapped now.
    pub resident_pages: u64,
    /// Most frames that arenas had mapped at once.
    pub resident_max_pages: u64,
}

/// Counters of the compressed page store, under the names the Linux kernel uses for zswap.
///
/// `stored_pages`, `pool_total_size`, `same_filled_pages`, `stored_incompressible_pages`,
/// `swapped_pages` and `stored_bytes` are gauges, the rest are events since the run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreCounters {
    /// Pages stored now, same-filled ones included.
    pub stored_pages: u64,
    /// Bytes of all page frames of the pool.
    pub pool_total_size: u64,
    /// Stores refused because the pool had reached its limit.
    pub pool_limit_hit: u64,
    /// Stores refused because the pool had been full and was not yet below the acceptance
    /// threshold (no counter of the kernel's).
    pub reject_hysteresis: u64,
    /// Pages written to the second tier.
    pub written_back_pages: u64,
    /// Write-backs that failed.
    pub reject_reclaim_fail: u64,
    /// Compressor errors.
    pub reject_compress_fail: u64,
    /// Pages whose compressed form was too large for the compressor's buffer or the allocator.
    pub reject_compress_poor: u64,
    /// Pages for which the allocator got no memory.
    pub reject_alloc_fail: u64,
    /// Pages for whose entry there was no memory.
    pub reject_kmemcache_fail: u64,
    /// Successful stores.
    pub zswpout: u64,
    /// Successful loads.
    pub zswpin: u64,
    /// Entries decompressed for write-back.
    pub zswpwb: u64,
    /// Pages stored as one repeated word.
    pub same_filled_pages: u64,
    /// Pages stored as they are, because they do not become smaller (a gauge, among the others'
    /// objects).
    pub stored_incompressible_pages: u64,
    /// Stores that found an older entry of their key.
    pub duplicate_entry: u64,
    /// Objects that did not decompress to a page (no counter of the kernel's).
    pub damaged: u64,
    /// Pages that left the store because they were loaded (no counter of the kernel's).
    pub loaded_pages: u64,
    /// Pages that left the store because they are not needed any more (no counter of the kernel's).
    pub invalidated_pages: u64,
    /// Pages compressed once more because they were cold (no counter of the kernel's).
    pub recompressed_pages: u64,
    /// Bytes by which their objects became smaller (no counter of the kernel's).
    pub recompress_saved_bytes: u64,
    /// Cold pages that did not become smaller (no counter of the kernel's).
    pub recompress_poor: u64,
    /// Pages in the second tier now (no counter of the kernel's).
    pub swapped_pages: u64,
    /// Pages written to the second tier.
    pub pswpout: u64,
    /// Pages read from the second tier.
    pub pswpin: u64,
    /// Pages for which the second tier had no room (no counter of the kernel's).
    pub swap_full: u64,
    /// Pages that the second tier failed to write (no counter of the kernel's).
    pub swap_write_fail: u64,
    /// Pages that the second tier failed to read (no counter of the kernel's).
    pub swap_read_fail: u64,
    /// Compressed bytes stored now (no counter of the kernel's).
    pub stored_bytes: u64,
}

impl StoreCounters {
    /// Names and values in the order of the results table.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 29] {
        [
            ("stored_pages", self.stored_pages),
            ("same_filled_pages", self.same_filled_pages),
            ("stored_incompressible_pages", self.stored_incompressible_pages),
            ("stored_bytes", self.stored_bytes),
            ("pool_total_size", self.pool_total_size),
            ("zswpout", self.zswpout),
            ("zswpin", self.zswpin),
            ("zswpwb", self.zswpwb),
            ("written_back_pages", self.written_back_pages),
            ("loaded_pages", self.loaded_pages),
            ("invalidated_pages", self.invalidated_pages),
            ("duplicate_entry", self.duplicate_entry),
            ("pool_limit_hit", self.pool_limit_hit),
            ("reject_hysteresis", self.reject_hysteresis),
            ("reject_compress_poor", self.reject_compress_poor),
            ("reject_compress_fail", self.reject_compress_fail),
            ("reject_alloc_fail", self.reject_alloc_fail),
            ("reject_kmemcache_fail", self.reject_kmemcache_fail),
            ("reject_reclaim_fail", self.reject_reclaim_fail),
            ("damaged", self.damaged),
            ("recompressed_pages", self.recompressed_pages),
            ("recompress_saved_bytes", self.recompress_saved_bytes),
            ("recompress_poor", self.recompress_poor),
            ("swapped_pages", self.swapped_pages),
            ("pswpout", self.pswpout),
            ("pswpin", self.pswpin),
            ("swap_full", self.swap_full),
            ("swap_write_fail", self.swap_write_fail),
            ("swap_read_fail", self.swap_read_fail),
        ]
    }
}

impl PagingCounters {
    /// Names and values in the order of the results table.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("minor_faults", self.minor_faults),
            ("major_faults", self.major_faults),
            ("stored", self.stored),
            ("loaded", self.loaded),
            ("evictions", self.evictions),
            ("refused", self.refused),
            ("limit_pages", self.limit_pages),
            ("resident_pages", self.resident_pages),
            ("resident_max_pages", self.resident_max_pages),
        ]
    }
}

/// What the pool holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PoolStatistics {
    /// Page frames of the pool, whole.
    pub pool_pages: u64,
    /// Bytes kept elsewhere for the pool's frames and objects.
    pub metadata_bytes: u64,
    /// Live objects.
    pub objects: u64,
    /// Bytes of the pool's frames that hold no object.
    pub idle_bytes: u64,
    /// Bytes of the live objects, as asked for.
    pub live_bytes: u64,
}

impl PoolStatistics {
    /// Names and values in the order of the results table.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("pool_pages", self.pool_pages),
            ("metadata_bytes", self.metadata_bytes),
            ("objects", self.objects),
            ("live_bytes", self.live_bytes),
            ("idle_bytes", self.idle_bytes),
        ]
    }

    /// All bytes the pool holds: its frames whole, plus its metadata elsewhere.
    #[must_use]
    pub fn total_bytes(&self, page_size: u64) -> u64 {
        self.pool_pages * page_size + self.metadata_bytes
    }

    /// Live compressed bytes divided by all bytes the pool holds; zero for an empty pool.
    #[must_use]
    pub fn density(&self, page_size: u64) -> f64 {
        divide(self.live_bytes as f64, self.total_bytes(page_size) as f64)
    }
}

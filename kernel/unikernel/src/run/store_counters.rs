//! The counters of stores, as results have them.

use report::StoreCounters;

/// Pairs of what is added up: gauges, then events.
macro_rules! counters {
    (gauges { $($gauge:ident = $gauge_of:ident,)+ } events { $($event:ident = $event_of:ident,)+ }) => {
        /// Adds the counters of a store.
        pub fn add_store(total: &mut StoreCounters, counters: &zswap::Counters) {
            $(total.$gauge += counters.$gauge_of;)+
            $(total.$event += counters.$event_of;)+
        }

        /// Leaves the events of this run; gauges stay.
        pub fn subtract_events(total: &mut StoreCounters, before: &StoreCounters) {
            $(total.$event -= before.$event;)+
        }
    };
}

counters! {
    gauges {
        stored_pages = stored_pages,
        pool_total_size = pool_total_size,
        same_filled_pages = same_filled_pages,
        stored_incompressible_pages = stored_incompressible_pages,
        stored_bytes = compressed_bytes,
        swapped_pages = swapped_pages,
    }
    events {
        pool_limit_hit = pool_limit_hit,
        reject_hysteresis = reject_hysteresis,
        reject_compress_fail = reject_compress_fail,
        reject_compress_poor = reject_compress_poor,
        reject_alloc_fail = reject_alloc_fail,
        reject_kmemcache_fail = reject_kmemcache_fail,
        reject_reclaim_fail = reject_reclaim_fail,
        zswpout = zswpout,
        zswpin = zswpin,
        zswpwb = zswpwb,
        written_back_pages = written_back_pages,
        loaded_pages = loaded_pages,
        invalidated_pages = invalidated_pages,
        damaged = decompress_fail,
        recompressed_pages = recompressed_pages,
        recompress_saved_bytes = recompress_saved_bytes,
        recompress_poor = recompress_poor,
        pswpout = pswpout,
        pswpin = pswpin,
        swap_full = swap_full,
        swap_write_fail = swap_write_fail,
        swap_read_fail = swap_read_fail,
    }
}

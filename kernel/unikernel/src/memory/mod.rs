//! Memory: frames, the kernel's map, stacks, the heap, and paging.
//!
//! ```text
//! 0x0000_0000_0000            RAM and devices, where they are (identity map)
//! 0x2000_0000_0000            stacks of threads, a guard below each       (stacks)
//! 0x4000_0000_0000            arenas: demand-paged, larger than RAM       (arenas)
//! ```
//!
//! Follow a page: [`fault`] serves a fault of a thread on an arena; when the allowance of frames
//! is used up, [`reclaim`] picks a victim and hands it to the compressed store ([`swap`]).

pub mod advise;
pub mod arenas;
pub mod counters;
pub mod damage;
pub mod failing;
pub mod fault;
pub mod frames;
pub mod heap;
pub mod map;
pub mod pager;
pub mod reclaim;
pub mod recompress;
pub mod remap;
pub mod stacks;
mod store_cell;
pub mod swap;
pub mod upkeep;
pub mod writeback;

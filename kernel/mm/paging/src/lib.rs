//! Translation tables, page-table-entry states and reclaim policy for both granules.
#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod attributes;
mod clock;
mod entry;
mod error;
mod page_set;
mod residency;
mod state;
mod sync;

// Loom's atomics are larger than a descriptor, so its model has entries but no tables.
#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod descriptor;
#[cfg(not(loom))]
mod granule;
#[cfg(not(loom))]
mod leaves;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "the one place where table frames become references")]
mod memory;
#[cfg(not(loom))]
pub mod registers;
#[cfg(not(loom))]
mod tables;

pub use attributes::{Attributes, PhysicalAddress};
pub use clock::{Clock, Entries, Scan};
pub use entry::{Entry, Length, Page, Reference, RepeatedWord};
pub use error::Error;
pub use page_set::PageSet;
pub use residency::Residency;
pub use state::{Claim, Fault, PageEntry, Victim};

#[cfg(not(loom))]
pub use arena::Arena;
#[cfg(not(loom))]
pub use buddy::{Granule, Granule4K, Granule16K};
#[cfg(not(loom))]
pub use granule::TranslationGranule;
#[cfg(not(loom))]
pub use leaves::{Leaves, Mapping, Runs};
#[cfg(not(loom))]
pub use memory::TableMemory;
#[cfg(not(loom))]
pub use tables::{Tables, Walk};

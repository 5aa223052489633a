//! Interface of allocators for compressed pages, and the suite every one passes.
//!
//! A *back end* ([`ZPool`]) keeps objects of 1 to `PAGE_SIZE` bytes in page frames that its
//! environment ([`Env`]) supplies. Whoever stores compressed pages calls it; whoever measures
//! chooses one by name ([`Backend`]).
#![cfg_attr(not(any(test, feature = "testing")), no_std)]

extern crate alloc;

mod backend;
mod env;
mod error;
mod handle;
mod lock;
mod pool;
pub mod probe;
mod read;
mod rwlock;
pub mod slab;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use backend::{Backend, find};
pub use buddy::Granule;
#[cfg(feature = "granule-4k")]
pub use buddy::Granule4K;
#[cfg(feature = "granule-16k")]
pub use buddy::Granule16K;
pub use env::Env;
pub use error::{AllocError, HandleError};
pub use handle::{Handle, Owner};
pub use lock::{SpinGuard, SpinLock, TicketLock, relax, serve_any_waiter};
pub use pool::{Budget, NoOwners, Owners, Statistics, Work, ZPool};
pub use read::{ReadEnd, ReadGuard};
pub use rwlock::{Masked, RwSpinLock};

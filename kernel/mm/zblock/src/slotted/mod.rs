//! Slotted blocks: the default back end.

mod access;
mod block;
mod depot;
mod entry;
mod front;
mod latch;
mod lists;
#[cfg(all(test, loom))]
mod models;
mod name;
mod place;
mod pool;
mod queue;
mod shelf;
mod stamp;
mod state;
mod sync;
mod table;
mod worker;

use alloc::boxed::Box;

use zpool::{AllocError, Backend, Env, ZPool};

pub use pool::Slotted;

/// The back end `zblock`.
pub(crate) fn slotted<'a, E: Env + 'a>() -> Backend<'a, E> {
    Backend {
        name: "zblock",
        about: "slotted blocks: 8-byte granularity, relocation without a handle table",
        create: create::<E>,
    }
}

fn create<'a, E: Env + 'a>(env: E) -> Result<Box<dyn ZPool + 'a>, AllocError> {
    Ok(Box::new(Slotted::new(env)?))
}

#[cfg(test)]
mod tests;

//! Blocks of equal slots: zblock v4 as posted, and with its defects mended.

mod ablation;
mod addresses;
mod directory;
mod names;
mod policy;
mod pool;
mod shelf;
mod table;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;

use zpool::{AllocError, Backend, Env, ZPool};

pub(crate) use ablation::variants;
use policy::{Fixed, Policy, V4};
use pool::Pool;

/// The back end `zblock-v4`.
pub(crate) fn v4<'a, E: Env + 'a>() -> Backend<'a, E> {
    Backend {
        name: "zblock-v4",
        about: "zblock as posted on 12 April 2025, defects included",
        create: create::<E, V4>,
    }
}

/// The back end `zblock-fixed`.
pub(crate) fn fixed<'a, E: Env + 'a>() -> Backend<'a, E> {
    Backend {
        name: "zblock-fixed",
        about: "zblock v4's layout with its defects mended: exact fit, all sizes, checked handles",
        create: create::<E, Fixed>,
    }
}

fn create<'a, E: Env + 'a, P: Policy>(env: E) -> Result<Box<dyn ZPool + 'a>, AllocError> {
    Ok(Box::new(Pool::<E, P>::new(env)?))
}

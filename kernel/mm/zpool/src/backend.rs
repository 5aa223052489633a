//! Back ends by name.

use alloc::boxed::Box;

use crate::{AllocError, ZPool};

/// A back end that can be chosen by name, for pools in environments of type `E`.
pub struct Backend<'a, E> {
    /// The name options and results use, such as `zblock-v4`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Makes an empty pool.
    pub create: fn(E) -> Result<Box<dyn ZPool + 'a>, AllocError>,
}

/// The back end of that name.
#[must_use]
pub fn find<'b, 'a, E>(backends: &'b [Backend<'a, E>], name: &str) -> Option<&'b Backend<'a, E>> {
    backends.iter().find(|backend| backend.name == name)
}

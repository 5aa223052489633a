//! What an image says of comparisons that was built without them.

use report::Status;
use stress::{Corpus, Options};

use super::Boot;
use crate::println;

/// Refuses.
pub fn run(_: &'static Boot, _: &Options, _: &str, _: usize, _: &Corpus<'_>) -> Status {
    println!(
        "zlab: error: this image cannot compare; the launcher builds one that can: `compare` among \
         the boot arguments (`run --compare`, `image --stress compare`)"
    );
    Status::NotImplemented
}

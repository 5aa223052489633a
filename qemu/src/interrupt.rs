//! Ctrl-C and requests to terminate, as a flag that running machines look at.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::session::restore_terminal;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

/// From now on SIGINT, SIGTERM and SIGHUP set the flag instead of ending the process; the second
/// one ends it at once.
///
/// # Errors
/// The handler cannot be installed because the process has one already.
pub fn install() -> Result<()> {
    let mut result = Ok(());
    INSTALL.call_once(|| {
        result = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                restore_terminal();
                std::process::exit(i32::from(crate::status::INTERRUPTED));
            }
        });
    });
    Ok(result?)
}

/// Whether the user asked to stop.
pub fn requested() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

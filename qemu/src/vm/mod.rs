//! A virtual machine as a value, its QEMU process, and how it ended.
//!
//! ```no_run
//! use std::time::Duration;
//! use zlab::{image::Image, qemu_install, vm::Machine};
//!
//! # fn main() -> anyhow::Result<()> {
//! let machine = Machine::new(qemu_install::ensure()?, Image::build()?)
//!     .smp(2)
//!     .words(["granule=16k", "--vm", "2", "--timeout", "1", "--verify"]);
//! let outcome = machine.run(Duration::from_secs(60))?;
//! assert_eq!(outcome.status(), 0, "{outcome}");
//! # Ok(())
//! # }
//! ```

mod ending;
mod guarded;
mod machine;
mod process;

pub use ending::{Ending, Outcome};
pub use machine::{KernelLog, Machine, SwapDisk};
pub use process::Vm;

//! PSCI: starting CPUs, switching off.

use boards::PsciMethod;
use smccc::{Hvc, Smc, psci};

/// Starts the CPU with this affinity at `entry` with `context` in x0.
pub fn cpu_on(
    method: PsciMethod,
    affinity: u64,
    entry: u64,
    context: u64,
) -> Result<(), psci::error::Error> {
    match method {
        PsciMethod::Hvc => psci::cpu_on::<Hvc>(affinity, entry, context),
        PsciMethod::Smc => psci::cpu_on::<Smc>(affinity, entry, context),
    }
}

/// Switches the machine off; returns only if firmware refuses.
pub fn system_off(method: PsciMethod) {
    // What firmware answers when it comes back does not matter: there is nothing left to try.
    let _ = match method {
        PsciMethod::Hvc => psci::system_off::<Hvc>(),
        PsciMethod::Smc => psci::system_off::<Smc>(),
    };
}

/// Starts the machine anew; returns only if firmware refuses.
pub fn system_reset(method: PsciMethod) {
    // As above.
    let _ = match method {
        PsciMethod::Hvc => psci::system_reset::<Hvc>(),
        PsciMethod::Smc => psci::system_reset::<Smc>(),
    };
}

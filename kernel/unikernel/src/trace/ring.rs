//! The last events of each CPU, frozen at the first latency that is too long.

use core::sync::atomic::{AtomicBool, Ordering};

use super::hook::Hit;

/// Events of a CPU that are kept.
pub const EVENTS: usize = 256;

static RECORDING: AtomicBool = AtomicBool::new(false);

/// One event.
#[derive(Clone, Copy)]
pub struct Event {
    /// By the tracer's clock.
    pub time: u64,
    /// The CPU's time in hooks until then.
    pub stolen: u64,
    /// Kind of the probe.
    pub kind: u32,
    /// Address of the probe.
    pub site: usize,
    /// What depends on the kind.
    pub first: usize,
    pub second: usize,
}

impl Event {
    const NONE: Self = Self { time: 0, stolen: 0, kind: 0, site: 0, first: 0, second: 0 };

    /// An event of the probe that was hit.
    pub fn at(hit: &Hit<'_>) -> Self {
        let (time, stolen, kind, site) = (hit.now, hit.stolen, hit.kind, hit.place[0]);
        Self { time, stolen, kind, site, first: hit.operand, second: 0 }
    }
}

/// The last events of a CPU.
pub struct Ring {
    events: [Event; EVENTS],
    /// How many there were.
    count: usize,
}

impl Ring {
    /// No events.
    pub const fn new() -> Self {
        Self { events: [Event::NONE; EVENTS], count: 0 }
    }

    /// The last events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        let first = self.count.saturating_sub(EVENTS);
        (first..self.count).map(|number| &self.events[number % EVENTS])
    }

    pub fn clear(&mut self) {
        self.count = 0;
    }
}

/// From now on events are noted.
pub fn start() {
    RECORDING.store(true, Ordering::Relaxed);
}

/// From now on no events are noted; false when that was so already.
pub fn freeze() -> bool {
    RECORDING.swap(false, Ordering::Relaxed)
}

/// Notes an event of this CPU. From a hook.
pub fn note(hit: &Hit<'_>, event: Event) {
    if RECORDING.load(Ordering::Relaxed) {
        // SAFETY: this CPU's, interrupts are masked, and hooks do not nest.
        let ring = unsafe { &mut *hit.state.ring.get() };
        ring.events[ring.count % EVENTS] = event;
        ring.count += 1;
    }
}

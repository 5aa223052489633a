//! Log records: encoded into a ring of the CPU, sent when somebody has time.
//!
//! Preemption is off while a record is encoded, not while it is sent. A record that finds the ring
//! full is dropped and counted, and so is one of a handler that interrupted the making of another.

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use crate::arch::clock;
use crate::cpu::{self, Cpu, MAX_CPUS};
use crate::sched::preemption;

/// Bytes of a CPU's ring.
const RING_BYTES: usize = 4096;

/// What a frame of defmt starts with on the wire; 0xff never occurs in UTF-8.
const FRAME_MARK: [u8; 2] = [0xff, 0x00];

/// How log records leave.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// As lines of text.
    Text = 0,
    /// As frames of defmt, decoded by the host.
    Defmt = 1,
    /// Not at all.
    Off = 2,
}

static MODE: AtomicU8 = AtomicU8::new(Mode::Off as u8);

/// Sets how log records leave.
pub fn set_mode(mode: Mode) {
    MODE.store(mode as u8, Ordering::Relaxed);
}

/// How log records leave.
pub fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        0 => Mode::Text,
        1 => Mode::Defmt,
        _ => Mode::Off,
    }
}

/// A ring with one writer (its CPU, preemption off) and one reader (whoever holds the
/// console). Positions count bytes since boot.
pub struct LogRing {
    bytes: UnsafeCell<[u8; RING_BYTES]>,
    /// End of what may be read.
    end: AtomicUsize,
    /// Beginning of what was not read.
    start: AtomicUsize,
    /// A record is in the making.
    open: AtomicBool,
    /// A handler's record is being passed over meanwhile.
    passed_over: AtomicBool,
    /// Where the record in the making is; only the writer's business.
    making: AtomicUsize,
    /// The record in the making did not fit.
    overflow: AtomicUsize,
    /// Records dropped.
    dropped: AtomicU32,
    encoder: UnsafeCell<defmt::Encoder>,
}

// SAFETY: `bytes[start..end]` belongs to the reader, the rest and the encoder to the writer; the
// positions are handed over with release and acquire.
unsafe impl Sync for LogRing {}

impl LogRing {
    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            bytes: UnsafeCell::new([0; RING_BYTES]),
            end: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            passed_over: AtomicBool::new(false),
            making: AtomicUsize::new(0),
            overflow: AtomicUsize::new(0),
            dropped: AtomicU32::new(0),
            encoder: UnsafeCell::new(defmt::Encoder::new()),
        }
    }

    /// Begins a record, unless one is in the making already.
    fn begin(&self) -> bool {
        if self.open.load(Ordering::Relaxed) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.open.store(true, Ordering::Relaxed);
        self.making.store(self.end.load(Ordering::Relaxed), Ordering::Relaxed);
        self.overflow.store(0, Ordering::Relaxed);
        true
    }

    fn push(&self, bytes: &[u8]) {
        let at = self.making.load(Ordering::Relaxed);
        if at + bytes.len() - self.start.load(Ordering::Acquire) > RING_BYTES {
            self.overflow.store(1, Ordering::Relaxed);
            return;
        }
        for (offset, &byte) in bytes.iter().enumerate() {
            // SAFETY: the position is outside of what the reader owns, and this CPU is the only
            // writer.
            unsafe {
                self.bytes.get().cast::<u8>().add((at + offset) % RING_BYTES).write(byte);
            }
        }
        self.making.store(at + bytes.len(), Ordering::Relaxed);
    }

    fn commit(&self) {
        if self.overflow.load(Ordering::Relaxed) != 0 {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.end.store(self.making.load(Ordering::Relaxed), Ordering::Release);
        }
        self.open.store(false, Ordering::Relaxed);
    }

    fn drain(&self, mut send: impl FnMut(&[u8])) {
        let end = self.end.load(Ordering::Acquire);
        let mut start = self.start.load(Ordering::Relaxed);
        while start != end {
            let from = start % RING_BYTES;
            let length = (end - start).min(RING_BYTES - from);
            // SAFETY: this part belongs to the reader until `start` moves.
            let bytes = unsafe {
                core::slice::from_raw_parts(self.bytes.get().cast::<u8>().add(from), length)
            };
            send(bytes);
            start += length;
            self.start.store(start, Ordering::Release);
        }
    }
}

/// Log records not sent yet, CPU by CPU. Apart from what else CPUs have, because it is all zeros: it
/// takes no room in the image.
static RINGS: [LogRing; MAX_CPUS] = [const { LogRing::new() }; MAX_CPUS];

fn ring_of(cpu: &Cpu) -> &'static LogRing {
    &RINGS[cpu.id]
}

/// Whether any CPU has records to send.
pub fn waiting() -> bool {
    (0..MAX_CPUS).any(|id| {
        let ring = &RINGS[id];
        ring.start.load(Ordering::Relaxed) != ring.end.load(Ordering::Relaxed)
    })
}

/// Sends what waits. The caller holds the console.
pub fn drain(mut send: impl FnMut(&[u8])) {
    for ring in &RINGS {
        ring.drain(&mut send);
    }
}

/// Records dropped for want of room, on all CPUs.
pub fn dropped() -> u32 {
    (0..MAX_CPUS).map(|id| RINGS[id].dropped.load(Ordering::Relaxed)).sum()
}

/// Logs a line of text.
pub fn text(level: &str, arguments: fmt::Arguments<'_>) {
    struct Ring(&'static LogRing);
    impl Write for Ring {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push(text.as_bytes());
            Ok(())
        }
    }
    preemption::disable();
    let cpu = cpu::current();
    if ring_of(cpu).begin() {
        let now_us = clock::now_ns() / 1000;
        let _ = Ring(ring_of(cpu)).write_fmt(format_args!(
            "{}.{:06} {level:5} [{}] {arguments}\n",
            now_us / 1_000_000,
            now_us % 1_000_000,
            cpu.id,
        ));
        ring_of(cpu).commit();
    }
    preemption::enable();
}

/// The way of defmt's records into the ring.
#[defmt::global_logger]
struct RingLogger;

fn encode(cpu: &'static Cpu, step: impl FnOnce(&mut defmt::Encoder, &'static LogRing)) {
    if ring_of(cpu).passed_over.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: between `acquire` and `release` preemption is off, and a handler's record is passed
    // over, so nothing else on this CPU uses its encoder, and no other CPU ever does.
    step(unsafe { &mut *ring_of(cpu).encoder.get() }, ring_of(cpu));
}

// SAFETY: `acquire` turns preemption off until `release`, handlers are kept out by `passed_over`,
// and every CPU has an encoder and a ring of its own, so records do not mix.
unsafe impl defmt::Logger for RingLogger {
    fn acquire() {
        preemption::disable();
        let cpu = cpu::current();
        if !ring_of(cpu).begin() {
            ring_of(cpu).passed_over.store(true, Ordering::Relaxed);
            return;
        }
        ring_of(cpu).push(&FRAME_MARK);
        encode(cpu, |encoder, ring| encoder.start_frame(|bytes| ring.push(bytes)));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        let cpu = cpu::current();
        if !ring_of(cpu).passed_over.swap(false, Ordering::Relaxed) {
            encode(cpu, |encoder, ring| encoder.end_frame(|bytes| ring.push(bytes)));
            ring_of(cpu).commit();
        }
        preemption::enable();
    }

    unsafe fn write(bytes: &[u8]) {
        encode(cpu::current(), |encoder, ring| encoder.write(bytes, |bytes| ring.push(bytes)));
    }
}

defmt::timestamp!("{=u64:us}", clock::now_ns() / 1000);

/// Logs with the level's name. Formats what both defmt and `core::fmt` understand.
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! log_record {
    ($level:ident, $name:literal, $($argument:tt)*) => {
        match $crate::console::log::mode() {
            $crate::console::log::Mode::Text => {
                $crate::console::log::text($name, format_args!($($argument)*));
            }
            $crate::console::log::Mode::Defmt => defmt::$level!($($argument)*),
            $crate::console::log::Mode::Off => {}
        }
    };
}

/// Logs what an operator wants to know.
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log_record!(info, "INFO", $($argument)*) };
}

/// Logs what should not be.
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! warning {
    ($($argument:tt)*) => { $crate::log_record!(warn, "WARN", $($argument)*) };
}

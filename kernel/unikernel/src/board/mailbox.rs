//! Clocks, temperature and throttling of a Raspberry Pi 5, as the VideoCore has them.
//!
//! The ARM cores and the VideoCore share a buffer in memory; its address goes through a mailbox,
//! channel 8 ("property tags"), one way and comes back when the buffer is filled in. Every wait is
//! bounded: a VideoCore that does not answer costs [`PATIENCE_NS`] once.

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use boards::rpi5;
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::{ReadPure, ReadPureWrite};

use crate::arch::{clock, mmu};
use crate::sched;
use crate::sched::sleep_lock::SleepLock;

/// How long an answer may take.
const PATIENCE_NS: u64 = 50_000_000;
/// Between two looks.
const PAUSE_NS: u64 = 100_000;

/// Offsets of the registers, in bytes: what the VideoCore sends, and whether there is any; what is
/// sent to it, and whether there is room.
const READ: u64 = 0x00;
const READ_STATUS: u64 = 0x18;
const WRITE: u64 = 0x20;
const WRITE_STATUS: u64 = 0x38;
/// Bits of the status registers.
const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 30;

/// Channel of property tags; the low four bits of what is sent.
const CHANNEL: u32 = 8;
/// Where the VideoCore sees the first GiB of RAM, past its caches.
const BUS_ALIAS: u32 = 0xc000_0000;

/// Code of an answer that is complete.
const ANSWERED: u32 = 0x8000_0000;
/// Set in a tag's length by who has answered it.
const TAG_ANSWERED: u32 = 0x8000_0000;

/// Property tags.
const CLOCK_RATE: u32 = 0x0003_0002;
const CLOCK_RATE_MAX: u32 = 0x0003_0004;
const CLOCK_RATE_MEASURED: u32 = 0x0003_0047;
const TEMPERATURE: u32 = 0x0003_0006;
const THROTTLED: u32 = 0x0003_0046;
/// Number of the ARM cores' clock.
const CLOCK_ARM: u32 = 3;

/// Each tag with its argument; the answer to a clock or a temperature is the second word, to
/// throttling the first.
const QUESTIONS: [(u32, u32, usize); 5] = [
    (CLOCK_RATE, CLOCK_ARM, 1),
    (CLOCK_RATE_MEASURED, CLOCK_ARM, 1),
    (CLOCK_RATE_MAX, CLOCK_ARM, 1),
    (TEMPERATURE, 0, 1),
    (THROTTLED, 0, 0),
];
/// Words of a tag with two words of value.
const TAG_WORDS: usize = 5;
/// Size, code, tags, end mark.
const WORDS: usize = 2 + QUESTIONS.len() * TAG_WORDS + 1;

/// The buffer, on cache lines of its own so that discarding them loses nothing of others.
#[repr(C, align(64))]
struct Buffer(UnsafeCell<[u32; 32]>);

// SAFETY: only used under `MAILBOX`.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(UnsafeCell::new([0; 32]));
static MAILBOX: SleepLock<()> = SleepLock::new(());
/// It did not answer once; it may answer into the buffer yet, so it is not asked again.
static SILENT: AtomicBool = AtomicBool::new(false);

/// What the board says of itself; what it leaves out is `None`.
pub struct State {
    answers: [Option<u32>; QUESTIONS.len()],
}

/// Asks the VideoCore; `None` if it does not answer.
pub fn state() -> Option<State> {
    let _mailbox = MAILBOX.lock();
    if SILENT.load(Ordering::Relaxed) {
        return None;
    }
    let address = BUFFER.0.get().expose_provenance();
    // It sees the first GiB only.
    let bus = u32::try_from(address).ok().filter(|&address| address < 1 << 30)? | BUS_ALIAS;
    let mut words = [0; WORDS];
    words[0] = size_of::<Buffer>() as u32;
    for (question, tag) in QUESTIONS.iter().zip(words[2..].chunks_exact_mut(TAG_WORDS)) {
        tag.copy_from_slice(&[question.0, 8, 4, question.1, 0]);
    }
    // SAFETY: the lock is held and the VideoCore is not at work: every question before was answered.
    unsafe { BUFFER.0.get().cast::<[u32; WORDS]>().write(words) };
    mmu::clean_to_memory(address..address + size_of::<Buffer>());
    if !exchange(bus | CHANNEL) {
        SILENT.store(true, Ordering::Relaxed);
        return None;
    }
    // Cleaned before, so these lines hold nothing but what the CPU may have read ahead.
    mmu::clean_to_memory(address..address + size_of::<Buffer>());
    // SAFETY: the lock is held, and the VideoCore has given the buffer back. It wrote behind the
    // compiler's back, hence volatile.
    let words = unsafe { BUFFER.0.get().cast::<[u32; WORDS]>().read_volatile() };
    if words[1] != ANSWERED {
        return None;
    }
    let mut answers = [None; QUESTIONS.len()];
    for ((question, tag), answer) in
        QUESTIONS.iter().zip(words[2..].chunks_exact(TAG_WORDS)).zip(&mut answers)
    {
        let complete = tag[0] == question.0 && tag[2] & TAG_ANSWERED != 0;
        *answer = complete.then_some(tag[3 + question.2]);
    }
    Some(State { answers })
}

/// Sends a word and waits for the same one; false if it does not come.
fn exchange(word: u32) -> bool {
    let deadline = clock::now_ns() + PATIENCE_NS;
    let wait = || {
        sched::sleep_until_ns(clock::now_ns() + PAUSE_NS);
        clock::now_ns() < deadline
    };
    while read(WRITE_STATUS) & FULL != 0 {
        if !wait() {
            return false;
        }
    }
    write(word);
    loop {
        // What others have asked and nobody fetched comes first.
        while read(READ_STATUS) & EMPTY == 0 && clock::now_ns() < deadline {
            if read(READ) == word {
                return true;
            }
        }
        if !wait() {
            return false;
        }
    }
}

fn read(offset: u64) -> u32 {
    let address = (rpi5::MAILBOX_ADDRESS + offset) as usize;
    let register = core::ptr::with_exposed_provenance_mut::<ReadPure<u32>>(address);
    // SAFETY: a register of the mailbox, mapped as device memory on this board and never null; the
    // lock is held.
    unsafe { UniqueMmioPointer::new(NonNull::new_unchecked(register)) }.read()
}

fn write(word: u32) {
    let address = (rpi5::MAILBOX_ADDRESS + WRITE) as usize;
    let register = core::ptr::with_exposed_provenance_mut::<ReadPureWrite<u32>>(address);
    // SAFETY: as for `read`.
    unsafe { UniqueMmioPointer::new(NonNull::new_unchecked(register)) }.write(word);
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rate, measured, max, temperature, throttled] = self.answers;
        let megahertz = |f: &mut fmt::Formatter<'_>, rate: Option<u32>| match rate {
            Some(rate) => write!(f, "{} MHz", rate / 1_000_000),
            None => f.write_str("unknown"),
        };
        f.write_str("ARM clock ")?;
        megahertz(f, rate)?;
        f.write_str(" (measured ")?;
        megahertz(f, measured)?;
        f.write_str(", at most ")?;
        megahertz(f, max)?;
        f.write_str("), temperature ")?;
        match temperature {
            // In thousandths of a degree.
            Some(value) => write!(f, "{}.{} C", value / 1000, value % 1000 / 100)?,
            None => f.write_str("unknown")?,
        }
        match throttled {
            None => f.write_str(", throttling unknown"),
            Some(0) => f.write_str(", never throttled"),
            Some(bits) => Throttling(bits).fmt(f),
        }
    }
}

/// The bits of the answer to [`THROTTLED`]; each again 16 bits higher for "since boot".
struct Throttling(u32);

impl fmt::Display for Throttling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEANINGS: [&str; 4] =
            ["under-voltage", "clock capped", "throttled", "soft temperature limit"];
        for (bit, meaning) in MEANINGS.iter().enumerate() {
            if self.0 & 1 << bit != 0 {
                write!(f, ", {meaning} now")?;
            } else if self.0 & 1 << (bit + 16) != 0 {
                write!(f, ", {meaning} since boot")?;
            }
        }
        write!(f, " ({:#x})", self.0)
    }
}

//! Clocks, temperature and throttling of a Raspberry Pi 5, as the VideoCore has them.
//!
//! The ARM cores and the VideoCore share a buffer in memory; its address goes through a mailbox,
//! channel 8 ("property tags"), one way and comes back when the buffer is filled in. Every wait is
//! bounded: a VideoCore that does not answer costs [`PATIENCE_NS`] once.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use boards::rpi5;
use boards::rpi5::properties::{self, Properties};
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

/// Where the VideoCore sees the first GiB of RAM, past its caches.
const BUS_ALIAS: u32 = 0xc000_0000;

/// The buffer, on cache lines of its own so that discarding them loses nothing of others.
#[repr(C, align(64))]
struct Buffer(UnsafeCell<[u32; 32]>);

// SAFETY: only used under `MAILBOX`.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(UnsafeCell::new([0; 32]));
static MAILBOX: SleepLock<()> = SleepLock::new(());
/// It did not answer once; it may answer into the buffer yet, so it is not asked again.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Asks the VideoCore; `None` if it does not answer.
pub fn ask() -> Option<Properties> {
    let _mailbox = MAILBOX.lock();
    if SILENT.load(Ordering::Relaxed) {
        return None;
    }
    let address = BUFFER.0.get().expose_provenance();
    // It sees the first GiB only.
    let bus = u32::try_from(address).ok().filter(|&address| address < 1 << 30)? | BUS_ALIAS;
    let buffer = BUFFER.0.get().cast::<[u32; properties::WORDS]>();
    // SAFETY: the lock is held and the VideoCore is not at work: every question before was answered.
    unsafe { buffer.write(properties::question()) };
    mmu::clean_to_memory(address..address + size_of::<Buffer>());
    if !exchange(bus | properties::CHANNEL) {
        SILENT.store(true, Ordering::Relaxed);
        return None;
    }
    // Cleaned before, so these lines hold nothing but what the CPU may have read ahead.
    mmu::clean_to_memory(address..address + size_of::<Buffer>());
    // SAFETY: the lock is held, and the VideoCore has given the buffer back. It wrote behind the
    // compiler's back, hence volatile.
    Properties::of_answer(&unsafe { buffer.read_volatile() })
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

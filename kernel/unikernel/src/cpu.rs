//! What each CPU has for itself.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::sched::queue::RunQueue;
use crate::sched::thread;
use crate::sync::Lock;

/// Most CPUs the kernel uses.
pub const MAX_CPUS: usize = 8;

/// Bytes of the stack a CPU dies on when the thread's is used up.
const EMERGENCY_STACK_BYTES: usize = 8 * 1024;

/// The data of one CPU; TPIDR_EL1 points at it.
#[repr(C)]
pub struct Cpu {
    /// Lowest address the running thread may push to; the vectors compare with it.
    pub stack_limit: AtomicU64,
    /// Top of the CPU's emergency stack.
    pub emergency_stack: AtomicU64,
    /// Virtual counter at the first instructions of the last interrupt's vector.
    pub vector_tick: AtomicU64,
    /// Virtual counter when the handler of the last timer interrupt looked at it.
    pub handler_tick: AtomicU64,
    /// Number of the CPU, below [`MAX_CPUS`].
    pub id: usize,
    /// Its affinity as MPIDR_EL1 has it.
    pub affinity: AtomicU64,
    /// It takes part: started, scheduling.
    pub online: AtomicBool,
    /// A thread of higher priority became ready, or the slice is over. Only this CPU writes it.
    pub reschedule: AtomicBool,
    /// How often preemption was turned off and not on again; only this CPU writes it.
    pub preemption_off: AtomicU32,
    /// Ready and sleeping threads.
    pub queue: Lock<RunQueue>,
    /// Index of the thread that ended and whose stack is in use until the next switch.
    pub ending: AtomicU16,
}

impl Cpu {
    const fn new(id: usize) -> Self {
        Self {
            stack_limit: AtomicU64::new(0),
            emergency_stack: AtomicU64::new(0),
            vector_tick: AtomicU64::new(0),
            handler_tick: AtomicU64::new(0),
            id,
            affinity: AtomicU64::new(0),
            online: AtomicBool::new(false),
            reschedule: AtomicBool::new(false),
            preemption_off: AtomicU32::new(0),
            queue: Lock::new(RunQueue::new()),
            ending: AtomicU16::new(thread::NONE),
        }
    }
}

static CPUS: [Cpu; MAX_CPUS] = [
    Cpu::new(0),
    Cpu::new(1),
    Cpu::new(2),
    Cpu::new(3),
    Cpu::new(4),
    Cpu::new(5),
    Cpu::new(6),
    Cpu::new(7),
];

static ONLINE: AtomicUsize = AtomicUsize::new(0);

#[repr(C, align(16))]
struct EmergencyStacks([[u8; EMERGENCY_STACK_BYTES]; MAX_CPUS]);

static mut EMERGENCY_STACKS: EmergencyStacks =
    EmergencyStacks([[0; EMERGENCY_STACK_BYTES]; MAX_CPUS]);

/// The CPU that runs this. Threads are pinned, so it stays the same for a thread.
#[inline]
pub fn current() -> &'static Cpu {
    let cpu: *const Cpu;
    // SAFETY: reads a register; `prepare` and the entry of secondary CPUs set it to an element of
    // CPUS before anything asks.
    unsafe {
        asm!("mrs {}, tpidr_el1", out(reg) cpu, options(nomem, nostack, preserves_flags));
        &*cpu
    }
}

/// The data of CPU `id`.
pub fn get(id: usize) -> &'static Cpu {
    &CPUS[id]
}

/// Fills in what CPU `id` needs before it runs Rust.
pub fn prepare(id: usize, affinity: u64) -> &'static Cpu {
    let cpu = &CPUS[id];
    // Only the address is used: the vectors are the only ones to touch the stacks.
    let stacks = (&raw const EMERGENCY_STACKS).addr();
    cpu.emergency_stack
        .store((stacks + (id + 1) * EMERGENCY_STACK_BYTES) as u64, Ordering::Relaxed);
    cpu.affinity.store(affinity, Ordering::Relaxed);
    cpu
}

/// Makes `cpu` the data of the CPU that runs this.
pub fn install(cpu: &'static Cpu) {
    // SAFETY: from here on `current` finds a live `Cpu`.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) core::ptr::from_ref(cpu), options(nostack)) };
}

/// The running CPU takes part from now on.
pub fn set_online() {
    current().online.store(true, Ordering::Release);
    ONLINE.fetch_add(1, Ordering::Release);
}

/// How many CPUs take part. They are numbered from 0 without holes.
pub fn online() -> usize {
    ONLINE.load(Ordering::Acquire)
}

/// Stops this CPU for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: masking everything and sleeping touches nothing.
        unsafe { asm!("msr daifset, #0xf", "wfi", options(nostack)) };
    }
}

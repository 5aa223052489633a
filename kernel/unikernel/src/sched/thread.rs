//! A thread: its stack, its state, its time.

use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering,
};

use super::queue::PRIORITIES;
use crate::arch::clock;
use crate::cpu::{Cpu, MAX_CPUS};
use crate::memory::stacks;
use crate::sync::ThreadLock;

/// Most threads at once, idle threads included.
pub const MAX_THREADS: usize = 128;

/// No thread, as an index.
pub const NONE: u16 = u16::MAX;

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// The slot serves nobody.
    Free = 0,
    /// The slot is taken, its thread does not run yet.
    New,
    /// In a CPU's queue.
    Ready,
    /// On its CPU.
    Running,
    /// Until a deadline.
    Sleeping,
    /// Until somebody calls `unpark`.
    Blocked,
    /// Over; its joiner takes note and frees the slot.
    Done,
}

/// Why a thread was over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Its function returned.
    Returned,
    /// A fault of it could not be served for lack of memory.
    OutOfMemory,
    /// The page of a fault of it is lost.
    PageLost,
}

const OUT_OF_MEMORY: u8 = 1;
const PAGE_LOST: u8 = 2;

/// Ticks a thread spent.
#[derive(Clone, Copy, Default, Debug)]
pub struct Times {
    /// In its own code.
    pub user: u64,
    /// In faults, reclaim and the store on its behalf.
    pub system: u64,
}

/// One thread. The fields are atomic because any CPU may look; the scheduler's are only changed
/// under the lock of the queue of the thread's CPU, the times only by the CPU that runs it.
pub struct Thread {
    /// Set when the slot is first taken.
    index: AtomicU16,
    state: AtomicU8,
    priority: AtomicU8,
    base_priority: AtomicU8,
    /// How many of the locks it holds have a most important waiter of priority p: byte p.
    lent: [AtomicU64; PRIORITIES / 8],
    cpu: AtomicUsize,
    next: AtomicU16,
    /// Complement of the ticks left of a slice that a higher priority cut short; zero for a whole
    /// one.
    slice_left: AtomicU64,
    permit: AtomicBool,
    stack_pointer: AtomicU64,
    stack_limit: AtomicU64,
    stack_top: AtomicU64,
    entry: AtomicPtr<()>,
    argument: AtomicU64,
    /// Why it was ended, zero if it was not.
    killed: AtomicU8,
    /// A CPU has not changed from its stack to another one yet.
    stack_in_use: AtomicBool,
    joiner: AtomicU16,
    /// Depth of kernel work (faults and calls) that the thread is in.
    depth: AtomicU64,
    since: AtomicU64,
    user: AtomicU64,
    system: AtomicU64,
}

/// All of it is zero at first, so that it takes no room in the image.
static THREADS: [Thread; MAX_THREADS] = [const { Thread::new() }; MAX_THREADS];

static RUNNING: [AtomicPtr<Thread>; MAX_CPUS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CPUS];

/// Held while a free slot is looked for.
static SLOTS: ThreadLock<()> = ThreadLock::new(());

/// The thread with this index.
pub fn get(index: u16) -> &'static Thread {
    &THREADS[usize::from(index)]
}

/// The thread that runs on CPU `cpu`.
#[inline]
pub fn running_on(cpu: usize) -> &'static Thread {
    // SAFETY: set to an element of THREADS before the CPU schedules.
    unsafe { &*RUNNING[cpu].load(Ordering::Relaxed) }
}

/// `thread` runs on CPU `cpu` from now on.
pub fn set_running_on(cpu: usize, thread: &'static Thread) {
    RUNNING[cpu].store(core::ptr::from_ref(thread).cast_mut(), Ordering::Relaxed);
}

/// The thread that runs on this CPU.
#[inline]
pub fn current_of(cpu: &'static Cpu) -> &'static Thread {
    running_on(cpu.id)
}

/// Whether threads run on CPU `cpu` yet.
pub fn scheduling(cpu: usize) -> bool {
    !RUNNING[cpu].load(Ordering::Relaxed).is_null()
}

impl Thread {
    const fn new() -> Self {
        Self {
            index: AtomicU16::new(0),
            state: AtomicU8::new(State::Free as u8),
            priority: AtomicU8::new(0),
            base_priority: AtomicU8::new(0),
            lent: [const { AtomicU64::new(0) }; PRIORITIES / 8],
            cpu: AtomicUsize::new(0),
            next: AtomicU16::new(0),
            slice_left: AtomicU64::new(0),
            permit: AtomicBool::new(false),
            stack_pointer: AtomicU64::new(0),
            stack_limit: AtomicU64::new(0),
            stack_top: AtomicU64::new(0),
            entry: AtomicPtr::new(core::ptr::null_mut()),
            argument: AtomicU64::new(0),
            killed: AtomicU8::new(0),
            stack_in_use: AtomicBool::new(false),
            joiner: AtomicU16::new(0),
            depth: AtomicU64::new(0),
            since: AtomicU64::new(0),
            user: AtomicU64::new(0),
            system: AtomicU64::new(0),
        }
    }

    /// Makes a thread that will run `entry(argument)` on CPU `cpu`; `None` when there are too
    /// many threads or no memory for its stack. [`super::start`] makes it run.
    pub fn spawn(cpu: usize, priority: u8, entry: fn(u64), argument: u64) -> Option<&'static Self> {
        let thread = Self::claim_slot()?;
        if thread.stack_top.load(Ordering::Relaxed) == 0 {
            let Some(stack) = stacks::map(usize::from(thread.index())) else {
                thread.set_state(State::Free);
                return None;
            };
            thread.stack_limit.store(stack.start as u64, Ordering::Relaxed);
            thread.stack_top.store(stack.end as u64, Ordering::Relaxed);
        }
        thread.reset(cpu, priority);
        thread.entry.store(entry as *mut (), Ordering::Relaxed);
        thread.argument.store(argument, Ordering::Relaxed);
        let top = thread.stack_top.load(Ordering::Relaxed);
        let index = u64::from(thread.index());
        // SAFETY: the stack is mapped and its last user is over.
        let pointer = unsafe { crate::arch::switch::prepare(top, begin, index) };
        thread.stack_pointer.store(pointer, Ordering::Relaxed);
        Some(thread)
    }

    /// Makes what runs on this CPU now a thread, on the stack it has.
    pub fn adopt(cpu: &'static Cpu, priority: u8, stack_limit: u64) -> Option<&'static Self> {
        let thread = Self::claim_slot()?;
        thread.reset(cpu.id, priority);
        thread.stack_limit.store(stack_limit, Ordering::Relaxed);
        thread.since.store(clock::ticks(), Ordering::Relaxed);
        thread.set_state(State::Running);
        set_running_on(cpu.id, thread);
        Some(thread)
    }

    /// Waits until the thread is over and frees its slot.
    pub fn join(&'static self) -> (Outcome, Times) {
        let me = super::current();
        self.joiner.store(me.index(), Ordering::Release);
        // `finish` marks the state before it looks for a joiner, so one of the two sees the other.
        core::sync::atomic::fence(Ordering::SeqCst);
        while self.state() != State::Done {
            super::park();
        }
        let outcome = match self.killed.load(Ordering::Acquire) {
            OUT_OF_MEMORY => Outcome::OutOfMemory,
            PAGE_LOST => Outcome::PageLost,
            _ => Outcome::Returned,
        };
        let times = self.times();
        self.set_state(State::Free);
        (outcome, times)
    }

    /// Ends the running thread because its fault cannot be served, for lack of memory or because
    /// the page is lost.
    pub fn exit_killed(&'static self, page_lost: bool) -> ! {
        self.killed.store(if page_lost { PAGE_LOST } else { OUT_OF_MEMORY }, Ordering::Release);
        super::exit()
    }

    /// Marks the running thread as being over; who waits for it. Its stack is its own until
    /// [`Thread::give_up_stack`].
    pub(super) fn finish(&'static self) -> Option<&'static Self> {
        self.stack_in_use.store(true, Ordering::Relaxed);
        self.set_state(State::Done);
        core::sync::atomic::fence(Ordering::SeqCst);
        match self.joiner.load(Ordering::Acquire) {
            NONE => None,
            joiner => Some(get(joiner)),
        }
    }

    /// Another thread may have the stack.
    pub(super) fn give_up_stack(&self) {
        self.stack_in_use.store(false, Ordering::Release);
    }

    /// Ticks spent so far. Exact for the running thread itself and for one that is over.
    pub fn times(&self) -> Times {
        loop {
            let since = self.since.load(Ordering::Relaxed);
            let mut times = Times {
                user: self.user.load(Ordering::Relaxed),
                system: self.system.load(Ordering::Relaxed),
            };
            if self.state() == State::Running {
                let more = clock::ticks().saturating_sub(since);
                if self.depth.load(Ordering::Relaxed) == 0 {
                    times.user += more;
                } else {
                    times.system += more;
                }
            }
            // Another thread may have run in between; then some of this was from before it.
            if self.since.load(Ordering::Relaxed) == since {
                return times;
            }
        }
    }

    /// From now on the thread works for the system.
    pub fn enter_system(&self) {
        self.account(clock::ticks());
        self.depth.fetch_add(1, Ordering::Relaxed);
    }

    /// Back to what [`Thread::enter_system`] interrupted.
    pub fn leave_system(&self) {
        self.account(clock::ticks());
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }

    /// Books the time since the last booking.
    pub fn account(&self, now: u64) {
        // The time may be from before another thread ran: that was booked when this one stopped.
        let spent = now.saturating_sub(self.since.fetch_max(now, Ordering::Relaxed));
        let book = if self.depth.load(Ordering::Relaxed) == 0 { &self.user } else { &self.system };
        book.fetch_add(spent, Ordering::Relaxed);
    }

    /// The thread runs again.
    pub fn resume_account(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    /// Index in the table of threads.
    pub fn index(&self) -> u16 {
        self.index.load(Ordering::Relaxed)
    }

    /// CPU it is pinned to.
    pub fn cpu(&self) -> usize {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Priority it runs at.
    pub fn priority(&self) -> u8 {
        self.priority.load(Ordering::Relaxed)
    }

    /// A lock that it holds has a most important waiter of this priority.
    pub(super) fn lend(&self, priority: u8) {
        self.lent[usize::from(priority / 8)].fetch_add(1 << (priority % 8 * 8), Ordering::Relaxed);
    }

    /// Takes one [`Thread::lend`] back.
    pub(super) fn take_back(&self, priority: u8) {
        self.lent[usize::from(priority / 8)].fetch_sub(1 << (priority % 8 * 8), Ordering::Relaxed);
    }

    /// The priority it should have: its own, or the highest that it is lent.
    pub(super) fn due_priority(&self) -> u8 {
        let own = self.base_priority.load(Ordering::Relaxed);
        for (number, word) in self.lent.iter().enumerate().rev() {
            let word = word.load(Ordering::Relaxed);
            if word != 0 {
                return own.max((number * 8) as u8 + word.ilog2() as u8 / 8);
            }
        }
        own
    }

    /// State.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            1 => State::New,
            2 => State::Ready,
            3 => State::Running,
            4 => State::Sleeping,
            5 => State::Blocked,
            6 => State::Done,
            _ => State::Free,
        }
    }

    /// Lowest address of its stack.
    pub fn stack_limit(&self) -> u64 {
        self.stack_limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(super) fn set_base_priority(&self, priority: u8) {
        self.base_priority.store(priority, Ordering::Relaxed);
    }

    pub(super) fn set_effective_priority(&self, priority: u8) {
        self.priority.store(priority, Ordering::Relaxed);
    }

    pub(super) fn next(&self) -> u16 {
        self.next.load(Ordering::Relaxed)
    }

    pub(super) fn set_next(&self, next: u16) {
        self.next.store(next, Ordering::Relaxed);
    }

    /// It gives way with so many ticks of its slice left.
    pub(super) fn keep_slice(&self, ticks: u64) {
        self.slice_left.store(!ticks, Ordering::Relaxed);
    }

    /// Ticks that are left of its slice, more than any has for a whole one.
    pub(super) fn take_slice(&self) -> u64 {
        let left = !self.slice_left.load(Ordering::Relaxed);
        self.slice_left.store(0, Ordering::Relaxed);
        left
    }

    pub(super) fn take_permit(&self) -> bool {
        self.permit.swap(false, Ordering::AcqRel)
    }

    pub(super) fn give_permit(&self) {
        self.permit.store(true, Ordering::Release);
    }

    pub(super) fn saved_stack(&self) -> *mut u64 {
        self.stack_pointer.as_ptr()
    }

    fn claim_slot() -> Option<&'static Self> {
        let _slots = SLOTS.lock();
        let (index, thread) = THREADS.iter().enumerate().find(|(_, thread)| {
            thread.state() == State::Free && !thread.stack_in_use.load(Ordering::Acquire)
        })?;
        thread.set_state(State::New);
        thread.index.store(index as u16, Ordering::Relaxed);
        Some(thread)
    }

    fn reset(&self, cpu: usize, priority: u8) {
        self.cpu.store(cpu, Ordering::Relaxed);
        self.priority.store(priority, Ordering::Relaxed);
        self.base_priority.store(priority, Ordering::Relaxed);
        for word in &self.lent {
            word.store(0, Ordering::Relaxed);
        }
        self.next.store(NONE, Ordering::Relaxed);
        self.slice_left.store(0, Ordering::Relaxed);
        self.permit.store(false, Ordering::Relaxed);
        self.killed.store(0, Ordering::Relaxed);
        self.joiner.store(NONE, Ordering::Relaxed);
        self.depth.store(0, Ordering::Relaxed);
        self.user.store(0, Ordering::Relaxed);
        self.system.store(0, Ordering::Relaxed);
    }
}

/// Where every spawned thread begins: interrupts on, then its function, then the end.
extern "C" fn begin(index: u64) -> ! {
    let thread = get(index as u16);
    thread.resume_account(clock::ticks());
    super::bury();
    super::preempt();
    crate::arch::interrupts::unmask();
    let entry = thread.entry.load(Ordering::Relaxed);
    // SAFETY: `spawn` stored a function of this type.
    let entry: fn(u64) = unsafe { core::mem::transmute::<*mut (), fn(u64)>(entry) };
    entry(thread.argument.load(Ordering::Relaxed));
    super::exit()
}

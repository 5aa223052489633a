//! Threads: fixed priorities, preemptive, pinned to CPUs.
//!
//! Every CPU has a queue of its ready and sleeping threads ([`queue`]) and runs the first of the
//! highest priority. Equals take turns ([`mod@slice`]). A thread never changes its CPU, so
//! whatever is the CPU's is the thread's until it blocks.

pub mod preemption;
pub mod queue;
pub mod semaphore;
pub mod sleep_lock;
pub mod slice;
pub mod thread;
pub mod wait;

use core::sync::atomic::Ordering;

use queue::Next;
use thread::{State, Thread};
use zpool::probe::{self, probe};

use crate::arch::{clock, gic, icount, interrupts, switch};
use crate::cpu;

/// Priority of ordinary workers. Higher numbers run first.
pub const PRIORITY_WORKER: u8 = 8;
/// Priority of the thread that supervises a run: above its workers, or it would not stop them.
pub const PRIORITY_MAIN: u8 = 16;
/// Priority of the thread that runs when nothing else does.
pub const PRIORITY_IDLE: u8 = 0;

/// The thread that runs this.
#[inline]
pub fn current() -> &'static Thread {
    thread::current_of(cpu::current())
}

/// Lets others of the same priority run.
pub fn yield_now() {
    let saved = interrupts::mask();
    let now = clock::ticks();
    let next = cpu::current().queue.lock().take_turn(current(), now);
    run(next, now);
    interrupts::restore(saved);
}

/// Sleeps until the counter reaches `tick`; returns at once if it has.
pub fn sleep_until_tick(tick: u64) {
    let saved = interrupts::mask();
    let now = clock::ticks();
    if tick > now {
        let next = cpu::current().queue.lock().sleep(current(), tick, now);
        run(next, now);
    }
    interrupts::restore(saved);
}

/// Sleeps until the clock shows `ns`; returns at once if it does.
pub fn sleep_until_ns(ns: u64) {
    sleep_until_tick(clock::ns_to_ticks(ns));
}

/// Stops until somebody calls [`unpark`] for this thread, or returns at once if somebody has
/// since the last time.
pub fn park() {
    let saved = interrupts::mask();
    let mut queue = cpu::current().queue.lock();
    let me = current();
    if me.take_permit() {
        // Before interrupts are on again, whose handlers want the queue.
        drop(queue);
    } else {
        let now = clock::ticks();
        let next = queue.block(me, now);
        drop(queue);
        run(next, now);
    }
    interrupts::restore(saved);
}

/// Lets `thread` go on from [`park`], now or the next time it parks.
pub fn unpark(thread: &'static Thread) {
    let target = cpu::get(thread.cpu());
    let mut queue = target.queue.lock();
    if thread.state() == State::Blocked {
        let preempts = queue.make_ready(thread);
        drop(queue);
        if preempts {
            kick(target);
        }
    } else {
        thread.give_permit();
    }
}

/// Makes a new thread ready.
pub fn start(thread: &'static Thread) {
    let target = cpu::get(thread.cpu());
    let preempts = target.queue.lock().make_ready(thread);
    if preempts {
        kick(target);
    }
}

/// Gives the running thread another priority of its own.
pub fn set_own_priority(priority: u8) {
    let me = current();
    me.set_base_priority(priority);
    update_priority(me);
}

/// Gives `thread` the priority that is due to it, after something was lent to it or taken back.
pub fn update_priority(thread: &'static Thread) {
    let target = cpu::get(thread.cpu());
    // Computed with the queue's lock held: whoever comes last has seen what all others changed.
    let mut queue = target.queue.lock();
    let due = thread.due_priority();
    let preempts = due != thread.priority() && queue.set_priority(thread, due);
    drop(queue);
    if preempts {
        kick(target);
    }
}

/// Ends the running thread; its slot and its stack serve another one.
pub fn exit() -> ! {
    interrupts::mask();
    let cpu = cpu::current();
    let me = current();
    cpu.ending.store(me.index(), Ordering::Relaxed);
    let now = clock::ticks();
    me.account(now);
    if let Some(joiner) = me.finish() {
        unpark(joiner);
    }
    // Whoever has to run by now is chosen here.
    cpu.reschedule.store(false, Ordering::Relaxed);
    let next = cpu.queue.lock().choose(me, now);
    run(next, now);
    // The thread is not in any queue: nobody switches back.
    cpu::halt()
}

/// What the timer interrupt does: [`preempt`] wakes sleepers and ends slices. Interrupts are
/// masked.
pub fn timer_tick() {
    cpu::current().handler_tick.store(clock::ticks(), Ordering::Relaxed);
    look_again();
}

/// What the reschedule interrupt does: [`preempt`] looks at the queue. Interrupts are masked.
pub fn look_again() {
    cpu::current().reschedule.store(true, Ordering::Relaxed);
}

/// Wakes who is due, and runs another thread if one has to run before this one, once preemption is
/// on. At the end of every interrupt, with interrupts masked.
pub fn preempt() {
    let cpu = cpu::current();
    if cpu.reschedule.load(Ordering::Relaxed) && !preemption::is_off() {
        cpu.reschedule.store(false, Ordering::Relaxed);
        let now = clock::ticks();
        let next = cpu.queue.lock().preempt(current(), now);
        run(next, now);
    }
}

/// Lets a thread run that became ready, or else sleeps until an interrupt. For idle threads.
///
/// Interrupts are masked from the look at the queue to the sleep, so none that makes a thread
/// ready is slept through: a pending one ends the sleep, masked or not.
pub fn wait_for_work() {
    let saved = interrupts::mask();
    if !cpu::current().reschedule.load(Ordering::Relaxed) {
        icount::wait();
    }
    preempt();
    interrupts::restore(saved);
}

/// Makes `target` look at its queue.
fn kick(target: &'static cpu::Cpu) {
    if target.id == cpu::current().id {
        target.reschedule.store(true, Ordering::Relaxed);
        if !preemption::is_off() {
            preemption::give_way();
        }
    } else {
        gic::send_reschedule(target.id);
    }
}

/// Switches to what the queue chose at tick `now`. Interrupts are masked.
fn run(next: Next, now: u64) {
    let Next::Switch { from, to } = next else { return };
    debug_assert!(!preemption::is_off(), "a thread gives way with a spinning lock held");
    probe::<{ probe::SWITCH }>(usize::from(to.index()));
    from.account(now);
    to.resume_account(now);
    let cpu = cpu::current();
    cpu.stack_limit.store(to.stack_limit(), Ordering::Relaxed);
    // SAFETY: both threads belong to this CPU, whose queue just made `to` the running one;
    // interrupts are masked, so nobody switches in between. The stack of `to` was saved by
    // `switch` or prepared by `Thread::spawn`.
    unsafe { switch::switch(from.saved_stack(), to.saved_stack().read()) };
    bury();
    preempt();
}

/// Gives up the stack of the thread that ended on this CPU, now that nothing runs on it any more.
/// The first thing after every switch.
fn bury() {
    let cpu = cpu::current();
    let ended = cpu.ending.load(Ordering::Relaxed);
    if ended == thread::NONE {
        return;
    }
    cpu.ending.store(thread::NONE, Ordering::Relaxed);
    thread::get(ended).give_up_stack();
}

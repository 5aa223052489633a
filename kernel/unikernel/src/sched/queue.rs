//! A CPU's ready and sleeping threads.
//!
//! Ready threads stand in a list per priority, found by the highest bit of a bitmap: choosing
//! the next one takes the same time however many there are. Sleepers stand in a heap by deadline.

use heapless::binary_heap::{BinaryHeap, Min};

use super::thread::{self, MAX_THREADS, NONE, State, Thread};
use super::{current, slice};
use crate::arch::clock;

/// Priorities: 0 to 31.
pub const PRIORITIES: usize = 32;

/// Sleepers that one interrupt wakes at most.
const WAKES: usize = 2;

/// Who runs after a decision.
pub enum Next {
    /// The one that runs.
    Same,
    /// Another one.
    Switch {
        /// Runs now.
        from: &'static Thread,
        /// Runs next.
        to: &'static Thread,
    },
}

/// Ready and sleeping threads of one CPU, behind its lock.
pub struct RunQueue {
    /// Bit p: a thread of priority p is ready.
    ready: u32,
    first: [u16; PRIORITIES],
    last: [u16; PRIORITIES],
    sleepers: BinaryHeap<Deadline, Min, MAX_THREADS>,
    /// When the running thread's turn ends, if somebody waits for it.
    slice_end: u64,
}

/// A sleeper: by deadline, then by thread.
type Deadline = (u64, u16);

impl RunQueue {
    /// No threads.
    pub const fn new() -> Self {
        Self {
            ready: 0,
            first: [NONE; PRIORITIES],
            last: [NONE; PRIORITIES],
            sleepers: BinaryHeap::new(),
            slice_end: u64::MAX,
        }
    }

    /// The running thread lets its equals run.
    pub fn take_turn(&mut self, me: &'static Thread, now: u64) -> Next {
        self.push_back(me);
        self.choose(me, now)
    }

    /// The running thread sleeps until `tick`.
    pub fn sleep(&mut self, me: &'static Thread, tick: u64, now: u64) -> Next {
        me.set_state(State::Sleeping);
        // There is room for every thread there can be.
        let _ = self.sleepers.push((tick, me.index()));
        self.choose(me, now)
    }

    /// The running thread waits for `unpark`.
    pub fn block(&mut self, me: &'static Thread, now: u64) -> Next {
        me.set_state(State::Blocked);
        self.choose(me, now)
    }

    /// A thread of this CPU becomes ready; whether the CPU has to look at its queue.
    pub fn make_ready(&mut self, thread: &'static Thread) -> bool {
        self.push_back(thread);
        let running = thread::running_on(thread.cpu());
        if thread.priority() == running.priority() && self.slice_end == u64::MAX {
            // Somebody waits for his turn now.
            self.slice_end = clock::ticks() + slice::ticks();
            if thread.cpu() != current().cpu() {
                // Only a CPU itself can set its alarm.
                return true;
            }
            self.set_alarm();
        }
        thread.priority() > running.priority()
    }

    /// Changes a priority; whether the CPU has to choose again.
    pub fn set_priority(&mut self, thread: &'static Thread, priority: u8) -> bool {
        if thread.state() == State::Ready {
            self.remove(thread);
            thread.set_effective_priority(priority);
            self.push_back(thread);
            priority > thread::running_on(thread.cpu()).priority()
        } else {
            thread.set_effective_priority(priority);
            thread.state() == State::Running && self.highest() > i32::from(priority)
        }
    }

    /// Wakes who is due. Then the running thread gives way if it has to: to a higher priority it
    /// stays first among its equals, with what is left of its slice, at whose end it goes last.
    #[inline(always)]
    pub fn preempt(&mut self, me: &'static Thread, now: u64) -> Next {
        self.wake(now);
        let highest = self.highest();
        let own = i32::from(me.priority());
        if highest == own && self.slice_end == u64::MAX {
            // An equal woke up: from now on they take turns.
            self.slice_end = now.saturating_add(slice::ticks());
        }
        let is_over = now >= self.slice_end;
        if highest < own || highest == own && !is_over {
            self.set_alarm();
            return Next::Same;
        }
        if is_over {
            self.push_back(me);
        } else {
            me.keep_slice(self.slice_end - now);
            self.push_front(me);
        }
        self.choose(me, now)
    }

    /// Takes the first ready thread in place of the running one, which is where it belongs by now;
    /// there always is one, the idle thread.
    pub fn choose(&mut self, me: &'static Thread, now: u64) -> Next {
        let Some(to) = self.pop() else {
            // Only the idle thread itself can find nobody; it never blocks.
            me.set_state(State::Running);
            self.set_alarm();
            return Next::Same;
        };
        to.set_state(State::Running);
        self.slice_end = if self.highest() == i32::from(to.priority()) {
            now + to.take_slice().min(slice::ticks())
        } else {
            u64::MAX
        };
        self.set_alarm();
        if core::ptr::eq(me, to) {
            return Next::Same;
        }
        thread::set_running_on(to.cpu(), to);
        Next::Switch { from: me, to }
    }

    /// Makes sleepers ready whose time has come, [`WAKES`] at most: the alarm rings again at once
    /// for the rest.
    fn wake(&mut self, now: u64) {
        for _ in 0..WAKES {
            match self.sleepers.peek() {
                Some(&(tick, index)) if tick <= now => {
                    self.sleepers.pop();
                    self.push_back(thread::get(index));
                }
                _ => return,
            }
        }
    }

    fn set_alarm(&self) {
        let sleeper = self.sleepers.peek().map_or(u64::MAX, |&(tick, _)| tick);
        let alarm = sleeper.min(self.slice_end);
        if alarm == u64::MAX {
            clock::clear_alarm();
        } else {
            clock::set_alarm(alarm);
        }
    }

    /// Highest priority that is ready, -1 for none.
    fn highest(&self) -> i32 {
        31 - self.ready.leading_zeros() as i32
    }

    fn push_back(&mut self, thread: &'static Thread) {
        thread.set_state(State::Ready);
        thread.set_next(NONE);
        let priority = usize::from(thread.priority());
        if self.ready & (1 << priority) == 0 {
            self.first[priority] = thread.index();
        } else {
            thread::get(self.last[priority]).set_next(thread.index());
        }
        self.last[priority] = thread.index();
        self.ready |= 1 << priority;
    }

    fn push_front(&mut self, thread: &'static Thread) {
        thread.set_state(State::Ready);
        let priority = usize::from(thread.priority());
        if self.ready & (1 << priority) == 0 {
            thread.set_next(NONE);
            self.last[priority] = thread.index();
        } else {
            thread.set_next(self.first[priority]);
        }
        self.first[priority] = thread.index();
        self.ready |= 1 << priority;
    }

    fn pop(&mut self) -> Option<&'static Thread> {
        let priority = usize::try_from(self.highest()).ok()?;
        let thread = thread::get(self.first[priority]);
        self.first[priority] = thread.next();
        if thread.next() == NONE {
            self.last[priority] = NONE;
            self.ready &= !(1 << priority);
        }
        Some(thread)
    }

    /// Takes a ready thread out of the middle of its list: as many steps as it has equals.
    fn remove(&mut self, thread: &'static Thread) {
        let priority = usize::from(thread.priority());
        let mut before = NONE;
        let mut at = self.first[priority];
        while at != thread.index() && at != NONE {
            before = at;
            at = thread::get(at).next();
        }
        if at == NONE {
            return;
        }
        if before == NONE {
            self.first[priority] = thread.next();
        } else {
            thread::get(before).set_next(thread.next());
        }
        if self.last[priority] == thread.index() {
            self.last[priority] = before;
        }
        if self.first[priority] == NONE {
            self.ready &= !(1 << priority);
        }
    }
}

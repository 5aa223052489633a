//! How long locks are waited for, and how long they are held.

use alloc::string::String;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use zpool::probe;

use super::hook::{Hit, Place, thread_index};
use super::ring::{self, Event};
use crate::cpu;
use crate::memory::heap;
use crate::memory::map::Image;
use crate::sched::thread::MAX_THREADS;

/// Locks that can be told apart; any further ones are not traced.
const LOCKS: usize = 256;

/// Locks that a CPU holds or waits for at once.
const NESTED: usize = 8;

/// One lock. What is about holding is written by the holder.
pub struct Facts {
    /// Address of the lock; zero for none.
    pub address: AtomicUsize,
    /// A `fn() -> &'static str` that says what it protects; zero until it was taken.
    protects: AtomicUsize,
    pub taken: AtomicU64,
    /// Takings of a lock that was not free, and of one that another CPU had before.
    pub contended: AtomicU64,
    pub moved: AtomicU64,
    /// Which CPU took it last, plus one.
    last: AtomicUsize,
    /// Longest wait.
    pub wait_max: AtomicU64,
    /// Where that was.
    pub wait_place: [AtomicUsize; 3],
    pub hold_max: AtomicU64,
    /// Where it was taken then, and where it was let go.
    pub hold_place: [AtomicUsize; 3],
    pub release_place: AtomicUsize,
    since: AtomicU64,
    stolen: AtomicU64,
    taken_at: [AtomicUsize; 3],
}

static TABLE: [Facts; LOCKS] = [const { Facts::new() }; LOCKS];

/// What the threads that wait for sleeping locks began to.
static SLEEPERS: [Waiting; MAX_THREADS] = [const { Waiting::new() }; MAX_THREADS];

struct Waiting {
    since: AtomicU64,
    stolen: AtomicU64,
}

impl Waiting {
    const fn new() -> Self {
        Self { since: AtomicU64::new(0), stolen: AtomicU64::new(0) }
    }
}

/// Spinning locks that a CPU waits for or holds, innermost last.
pub struct Held {
    locks: [(usize, u64, u64); NESTED],
    count: usize,
}

impl Held {
    /// None.
    pub const fn new() -> Self {
        Self { locks: [(0, 0, 0); NESTED], count: 0 }
    }

    /// The locks, outermost first.
    pub fn locks(&self) -> impl Iterator<Item = usize> {
        self.locks.iter().take(self.count).map(|&(lock, ..)| lock)
    }

    fn push(&mut self, lock: usize, now: u64, stolen: u64) {
        if let Some(place) = self.locks.get_mut(self.count) {
            *place = (lock, now, stolen);
        }
        self.count += 1;
    }

    /// Since when the lock is waited for.
    fn find(&self, lock: usize) -> Option<(u64, u64)> {
        let known = &self.locks[..self.count.min(NESTED)];
        let found = known.iter().rev().find(|&&(other, ..)| other == lock);
        found.map(|&(_, since, stolen)| (since, stolen))
    }

    fn remove(&mut self, lock: usize) {
        let count = self.count.min(NESTED);
        let found = self.locks[..count].iter().rposition(|&(other, ..)| other == lock);
        if let Some(index) = found {
            self.locks.copy_within(index + 1..count, index);
        }
        self.count = self.count.saturating_sub(1);
    }
}

impl Facts {
    const fn new() -> Self {
        Self {
            address: AtomicUsize::new(0),
            protects: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            last: AtomicUsize::new(0),
            wait_max: AtomicU64::new(0),
            wait_place: [const { AtomicUsize::new(0) }; 3],
            hold_max: AtomicU64::new(0),
            hold_place: [const { AtomicUsize::new(0) }; 3],
            release_place: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            stolen: AtomicU64::new(0),
            taken_at: [const { AtomicUsize::new(0) }; 3],
        }
    }

    /// The facts about a lock; `None` when there are too many. A few steps: most of the table is
    /// free.
    fn of(lock: usize) -> Option<&'static Self> {
        let start = (lock >> 3).wrapping_mul(0x9e37_79b9) >> 8;
        for step in 0..LOCKS {
            let facts = &TABLE[(start + step) % LOCKS];
            match facts.address.load(Relaxed) {
                found if found == lock => return Some(facts),
                0 => match facts.address.compare_exchange(0, lock, Relaxed, Relaxed) {
                    Ok(_) => return Some(facts),
                    Err(found) if found == lock => return Some(facts),
                    Err(_) => {}
                },
                _ => {}
            }
        }
        None
    }

    fn waited(&self, hit: &Hit<'_>, since: u64, stolen: u64) {
        // As for sections, what saving registers cost evens out.
        let net = hit.now.saturating_sub(since).saturating_sub(hit.stolen - stolen);
        self.protects.store(hit.name as *const () as usize, Relaxed);
        self.taken.fetch_add(1, Relaxed);
        let cpu = cpu::current().id + 1;
        let last = self.last.swap(cpu, Relaxed);
        if last != cpu && last != 0 {
            self.moved.fetch_add(1, Relaxed);
        }
        if net > self.wait_max.load(Relaxed) {
            self.wait_max.store(net, Relaxed);
            store(&self.wait_place, &hit.place);
        }
    }

    fn held_since(&self, hit: &Hit<'_>) {
        self.since.store(hit.now, Relaxed);
        self.stolen.store(hit.stolen, Relaxed);
        store(&self.taken_at, &hit.place);
    }

    fn released(&self, hit: &Hit<'_>) {
        let since = self.since.swap(0, Relaxed);
        if since == 0 {
            return;
        }
        let stolen = hit.stolen.saturating_sub(self.stolen.load(Relaxed));
        let net = hit.now.saturating_sub(since).saturating_sub(stolen);
        if net > self.hold_max.load(Relaxed) {
            self.hold_max.store(net, Relaxed);
            for (place, taken) in self.hold_place.iter().zip(&self.taken_at) {
                place.store(taken.load(Relaxed), Relaxed);
            }
            self.release_place.store(hit.place[0], Relaxed);
        }
    }

    /// What the lock protects, if it was taken and says so.
    fn protected(&self) -> Option<&'static str> {
        let function = core::ptr::with_exposed_provenance::<()>(self.protects.load(Relaxed));
        if function.is_null() {
            return None;
        }
        // SAFETY: stored by `waited`, which had it from a probe.
        let name = unsafe { core::mem::transmute::<*const (), fn() -> &'static str>(function) };
        Some(name()).filter(|name| *name != "()")
    }

    fn reset(&self) {
        let counters = [&self.taken, &self.contended, &self.moved, &self.wait_max, &self.hold_max];
        for counter in counters {
            counter.store(0, Relaxed);
        }
    }
}

/// Every lock that was taken.
pub fn all() -> impl Iterator<Item = &'static Facts> {
    TABLE.iter().filter(|facts| facts.address.load(Relaxed) != 0 && facts.taken.load(Relaxed) != 0)
}

/// Forgets what was found.
pub fn reset() {
    TABLE.iter().for_each(Facts::reset);
}

/// A probe of a spinning lock.
pub fn hit(hit: &Hit<'_>) {
    let lock = hit.operand;
    // SAFETY: this CPU's, interrupts are masked, and hooks do not nest.
    let held = unsafe { &mut *hit.state.held.get() };
    match hit.kind {
        probe::LOCK_WAIT => held.push(lock, hit.now, hit.stolen),
        probe::LOCK_CONTENDED => {
            if let Some(facts) = Facts::of(lock) {
                facts.contended.fetch_add(1, Relaxed);
            }
        }
        probe::LOCK_TAKEN | probe::LOCK_SHARED => {
            let Some(facts) = Facts::of(lock) else { return };
            if let Some((since, stolen)) = held.find(lock) {
                facts.waited(hit, since, stolen);
            }
            if hit.kind == probe::LOCK_SHARED {
                held.remove(lock);
            } else {
                facts.held_since(hit);
                ring::note(hit, Event::at(hit));
            }
        }
        _ => {
            held.remove(lock);
            if let Some(facts) = Facts::of(lock) {
                facts.released(hit);
                ring::note(hit, Event::at(hit));
            }
        }
    }
}

/// A probe of a sleeping lock, whose waiter may be preempted and whose holder may sleep.
pub fn sleep_hit(hit: &Hit<'_>) {
    let Some(facts) = Facts::of(hit.operand) else { return };
    let waiting = &SLEEPERS[usize::from(thread_index()) % MAX_THREADS];
    match hit.kind {
        probe::SLEEP_WAIT => {
            waiting.since.store(hit.now, Relaxed);
            waiting.stolen.store(hit.stolen, Relaxed);
        }
        probe::SLEEP_TAKEN => {
            facts.waited(hit, waiting.since.load(Relaxed), waiting.stolen.load(Relaxed));
            facts.held_since(hit);
        }
        _ => facts.released(hit),
    }
    ring::note(hit, Event::at(hit));
}

/// Whether waiters of the lock sleep: it is named by an odd number then.
pub fn is_sleeping(lock: usize) -> bool {
    lock & 1 != 0
}

/// What a lock is: a word for those of CPUs and the heap, for others what they protect, where they
/// say so, and where they are.
pub fn name(lock: usize) -> String {
    let within = |start: usize, bytes: usize| (start..start + bytes).contains(&lock);
    for id in 0..cpu::online() {
        let queue = &cpu::get(id).queue;
        if within(core::ptr::from_ref(queue).addr(), size_of_val(queue)) {
            return alloc::format!("run queue of CPU {id}");
        }
    }
    let image = Image::running();
    if lock & !1 == heap::lock_address() {
        String::from("heap")
    } else {
        let protected = Facts::of(lock).and_then(Facts::protected).unwrap_or("lock");
        let address = lock & !1;
        if image.data.contains(&lock) {
            alloc::format!("{protected} at image+{:#x}", address - image.text.start)
        } else {
            alloc::format!("{protected} at {address:#x}")
        }
    }
}

fn store(places: &[AtomicUsize; 3], place: &Place) {
    for (place, address) in places.iter().zip(place) {
        place.store(*address, Relaxed);
    }
}

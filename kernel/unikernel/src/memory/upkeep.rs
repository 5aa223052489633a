//! Background work of the store's pool: a bounded step from idle, and one after every few evictions.

use core::sync::atomic::{AtomicU32, Ordering};

use zpool::{Budget, Handle, Owner, Owners, Work};

use super::pager::{self, Paging};
use crate::sched::sleep_lock::SleepLock;

/// One thread at a time does a step. It is preemptible, so the idle thread may stand still in the
/// middle of one for as long as others have work; whoever waits for the turn lends his priority.
static TURN: SleepLock<()> = SleepLock::new(());

/// Steps left out one after another because somebody else had the turn.
static LEFT_OUT: AtomicU32 = AtomicU32::new(0);

/// So many steps are left out before one is waited for.
const PATIENCE: u32 = 8;

/// A step from idle, unless someone is at it; whether there is more.
pub fn from_idle() -> bool {
    let Some(paging) = pager::get() else { return false };
    let Some(_turn) = TURN.try_lock() else { return false };
    step(paging).more
}

/// Evictions for each step. On a core that is never idle zblock was measured to reach a density of 0.93
/// with a step for three or four, 0.96 for two, and 0.98 for each; a step for three instead of two
/// saves 440 of the 3000 instructions that a page evicted and loaded takes, the codec's aside.
const EVICTIONS: u32 = 2;

/// Pages stored since boot, modulo 2^32.
static STORED: AtomicU32 = AtomicU32::new(0);

/// A step by the thread that filled the pool, after every few pages and whenever one was refused.
/// Left out while someone else is at one, but not for ever: allocations must not outrun what brings
/// their blocks back.
pub fn after_eviction(paging: &dyn Paging, refused: bool) {
    if !refused && !STORED.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVICTIONS) {
        return;
    }
    let _turn = match TURN.try_lock() {
        Some(turn) => turn,
        None if LEFT_OUT.fetch_add(1, Ordering::Relaxed) < PATIENCE => return,
        None => TURN.lock(),
    };
    LEFT_OUT.store(0, Ordering::Relaxed);
    step(paging);
}

/// All the steps there are, once arenas have ended.
pub fn finish(paging: &dyn Paging) {
    let _turn = TURN.lock();
    paging.store().pool().compact(&ArenaOwners);
}

fn step(paging: &dyn Paging) -> Work {
    let budget = Budget { bytes: 2 * paging.page_size(), objects: 1 };
    paging.store().pool().maintain(budget, &ArenaOwners)
}

/// The holders of handles of the store's pool: the entries of arenas.
struct ArenaOwners;

impl Owners for ArenaOwners {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        pager::get().is_some_and(|paging| paging.relocated(owner, old, new))
    }
}

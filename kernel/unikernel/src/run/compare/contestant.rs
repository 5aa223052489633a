//! One allocator with one compressor.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use compare::{Course, run_course, run_pages};
use report::{Balance, Contestant};
use zpool::{Backend, Granule4K, Owner, ZPool};
use zswap::{Settings, Store};

use super::{Common, loads};
use crate::memory::frames::Frames;
use crate::memory::{heap, pager};

/// Seed of the order of operations, the same for all.
pub const SEED: u64 = 1;

/// What an allocator makes of the common course: one entry, and for zsmalloc another one that was
/// compacted before each figure. In a traced boot, of one load only.
pub fn compete(common: &Common<'_>, zpool: &str) -> Result<Vec<Contestant>, &'static str> {
    if common.traced {
        let mut contestant = empty(common, zpool);
        loads::run(common, &mut contestant)?;
        return Ok(vec![contestant]);
    }
    let mut found = Vec::new();
    for compacted in [false, true] {
        if !compacted || zpool.starts_with("zsmalloc") {
            found.push(once(common, zpool, compacted)?);
        }
    }
    Ok(found)
}

fn once(common: &Common<'_>, zpool: &str, compacted: bool) -> Result<Contestant, &'static str> {
    let mut contestant = Contestant { compacted, ..empty(common, zpool) };
    let frames = free_frames();
    courses(common, &mut contestant, common.plan.pools.len())?;
    if !compacted {
        pages(common, &mut contestant)?;
    }
    contestant.balance.heap_missing = destroy_in_use(common, zpool)?;
    contestant.balance.frames_missing = frames - free_frames();
    if !compacted {
        loads::run(common, &mut contestant)?;
    }
    Ok(contestant)
}

fn empty(common: &Common<'_>, zpool: &str) -> Contestant {
    Contestant {
        zpool: zpool.to_string(),
        compressor: common.codec.algorithm.name.to_string(),
        compacted: false,
        pools: Vec::new(),
        operations: Vec::new(),
        loads: Vec::new(),
        response: None,
        balance: Balance::default(),
    }
}

/// The first pools of the plan: the large one, and the small one.
fn courses(
    common: &Common<'_>,
    contestant: &mut Contestant,
    pools: usize,
) -> Result<(), &'static str> {
    let Common { plan, sizes, stopwatch, .. } = *common;
    for &(name, objects, replacements) in &plan.pools[..pools] {
        let course = Course { objects, replacements, sizes, seed: SEED };
        let pool = new_pool(common, &contestant.zpool)?;
        let compacted = contestant.compacted;
        let run = run_course(name, &*pool, plan.page_size, &course, stopwatch, compacted)
            .map_err(|_| "a handle was not accepted by the pool that gave it")?;
        contestant.balance.checks += run.checks;
        contestant.balance.verify_errors += run.verify_errors;
        contestant.balance.pages_kept += run.pages_kept;
        contestant.pools.push(run.pool);
        // Distributions are those of the large pool.
        if contestant.operations.is_empty() && !compacted {
            contestant.operations = run.operations;
        }
    }
    Ok(())
}

/// Whole pages through a store of its own.
fn pages(common: &Common<'_>, contestant: &mut Contestant) -> Result<(), &'static str> {
    let plan = common.plan;
    let pool = new_pool(common, &contestant.zpool)?;
    let ram_pages = pager::get().map_or(0, |paging| paging.frames().total_frames);
    let store = Store::new(&*pool, common.contexts, Settings::new(plan.page_size, ram_pages));
    let run = run_pages(&store, common.corpus, plan.pages, common.stopwatch);
    contestant.operations.extend(run.operations);
    contestant.balance.checks += run.checks;
    contestant.balance.verify_errors += run.verify_errors;
    Ok(())
}

/// Destroys a pool with live objects; how many bytes of the heap are missing then. The caller
/// looks at the frames.
fn destroy_in_use(common: &Common<'_>, zpool: &str) -> Result<i64, &'static str> {
    let before = heap::free();
    let pool = new_pool(common, zpool)?;
    for &size in common.sizes {
        // A refusal is no object.
        let _ = pool.malloc(size.into(), Owner::NONE);
    }
    drop(pool);
    Ok(before as i64 - heap::free() as i64)
}

/// The variants of zblock v4 through the large pool.
pub fn ablation(common: &Common<'_>) -> Result<Vec<Contestant>, &'static str> {
    let variants = zblock::ablations::<&'static Frames<Granule4K>>();
    let variant = |variant: &Backend<'_, _>| {
        let mut contestant = empty(common, variant.name);
        courses(common, &mut contestant, 1)?;
        Ok(contestant)
    };
    variants.iter().map(variant).collect()
}

pub fn new_pool(common: &Common<'_>, zpool: &str) -> Result<Box<dyn ZPool>, &'static str> {
    let pool = (common.boot.pools)(zpool).ok_or("there is no such back end")?;
    pool.map_err(|_| "no memory for a pool")
}

fn free_frames() -> i64 {
    pager::get().map_or(0, |paging| paging.frames().free_frames as i64)
}

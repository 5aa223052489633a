//! The states of a pool that are searched one by one.

use zpool::{Budget, Handle};

use crate::search::Search;
use crate::{Machine, Supply};

type Finished = Result<(), &'static str>;

/// A state: its name, and how it is made and operated in.
type State<M> = (&'static str, fn(&mut Search<'_, M>) -> Finished);

/// All of them.
pub(crate) fn all<M: Machine>() -> [State<M>; 16] {
    [
        ("empty pool", empty_pool),
        ("empty class", empty_class),
        ("block boundary, to and fro", block_boundary),
        ("first free of a full block, last slot", full_blocks),
        ("last free of a block", last_free),
        ("reserve empty", reserve_empty),
        ("page of its own", single_page),
        ("holes", holes),
        ("compaction in progress", compacting),
        ("move refused", refused_moves),
        ("pinned objects", pinned),
        ("stale handle", stale),
        ("forged handle", forged),
        ("frames exhausted", exhausted),
        ("frames fragmented", fragmented),
        ("pool growing, a step after each", large_pool),
    ]
}

/// Objects of a large pool.
const LARGE: usize = 7000;

/// Sizes that are tried where the size matters, for pages of 4 KiB. Those above 64 grow with the
/// page.
const SIZES: [usize; 24] = [
    1, 8, 9, 24, 32, 64, 100, 128, 200, 256, 400, 512, 700, 1024, 1365, 1500, 2048, 2500, 3000,
    3500, 3968, 3969, 4095, 4096,
];

fn sizes<M: Machine>(search: &Search<'_, M>) -> [usize; SIZES.len()] {
    let page = search.machine.page_size();
    SIZES.map(|size| if size <= 64 { size } else { size * page / 4096 })
}

/// One object of that size, used once.
fn use_one<M: Machine>(search: &mut Search<'_, M>, size: usize) {
    if search.malloc(size) {
        let last = search.objects.len() - 1;
        search.write(last);
        search.read(last);
        search.free(last);
    }
    search.maintain();
}

/// `count` objects of one size, if there is memory for them.
fn fill_with<M: Machine>(search: &mut Search<'_, M>, count: usize, size: usize) {
    for _ in 0..count {
        search.malloc(size);
    }
}

/// `count` objects of sizes up to `most`.
fn fill<M: Machine>(search: &mut Search<'_, M>, count: usize, most: usize) {
    for _ in 0..count {
        let size = 1 + search.random.below(most);
        search.malloc(size);
    }
}

/// Frees at random until so many objects are left.
fn drain_to<M: Machine>(search: &mut Search<'_, M>, left: usize) {
    while search.objects.len() > left {
        let before = search.objects.len();
        let position = search.any_position();
        search.free(position);
        if search.objects.len() == before {
            return;
        }
    }
}

/// Every operation, on any object.
fn use_any<M: Machine>(search: &mut Search<'_, M>) {
    let size = 1 + search.random.below(search.machine.page_size());
    search.malloc(size);
    for operation in [Search::read, Search::write, Search::free] {
        let position = search.any_position();
        operation(search, position);
    }
}

fn empty_pool<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    for size in sizes(search) {
        search.fresh()?;
        use_one(search, size);
        use_one(search, size);
        search.settle();
        use_one(search, size);
    }
    Ok(())
}

fn empty_class<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    for size in sizes(search) {
        search.fresh()?;
        // Other sizes only, so that no block of this one has room.
        for other in sizes(search).into_iter().filter(|&other| other != size) {
            fill_with(search, 8, other);
        }
        search.settle();
        use_one(search, size);
    }
    Ok(())
}

fn block_boundary<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    const MOST: usize = 2000;
    for size in sizes(search) {
        for maintained in [false, true] {
            search.fresh()?;
            for _ in 0..4 {
                let pages = search.pool.total_pages();
                let mut count = 0;
                while search.pool.total_pages() == pages && count < MOST && search.malloc(size) {
                    count += 1;
                }
                for _ in 0..16 {
                    search.free_last();
                    if maintained {
                        search.maintain();
                    }
                    search.malloc(size);
                    if maintained {
                        search.maintain();
                    }
                }
            }
        }
    }
    Ok(())
}

fn full_blocks<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    for size in sizes(search) {
        search.fresh()?;
        while search.objects.len() < 256 && search.malloc(size) {}
        search.settle();
        for _ in 0..128 {
            let position = search.any_position();
            search.free(position);
            let position = search.any_position();
            search.read(position);
            search.write(position);
            search.malloc(size);
        }
    }
    Ok(())
}

fn last_free<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    for size in sizes(search) {
        for forwards in [false, true] {
            search.fresh()?;
            while search.objects.len() < 128 && search.malloc(size) {}
            for left in (0..search.objects.len()).rev() {
                search.free(if forwards { 0 } else { left });
                search.maintain();
            }
            search.settle();
        }
    }
    Ok(())
}

fn reserve_empty<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for most in [page, page / 8, 64] {
        search.fresh()?;
        fill(search, 2000, most);
        // As many again without any background work between.
        drain_to(search, 200);
        fill(search, 2000, most);
    }
    Ok(())
}

fn single_page<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for size in [page - page / 32, page - page / 32 + 1, page - 8, page - 1, page] {
        fill_with(search, 64, size);
        for _ in 0..64 {
            use_one(search, size);
            let position = search.any_position();
            search.read(position);
            search.write(position);
        }
        drain_to(search, 16);
        search.settle();
    }
    Ok(())
}

fn holes<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for (small, large) in [(8, 16), (64, 72), (page / 16, page / 15), (page / 4, page / 3)] {
        for maintained in [false, true] {
            search.fresh()?;
            while search.objects.len() < 4000 && search.malloc(small) {}
            // Every other one goes; what comes is a little too large for the holes, then fits.
            for position in (0..search.objects.len()).rev().step_by(2) {
                search.free(position);
                if maintained {
                    search.maintain();
                }
            }
            for size in [large, small] {
                for _ in 0..500 {
                    search.malloc(size);
                    if maintained {
                        search.maintain();
                    }
                }
            }
            drain_to(search, 500);
            search.settle();
        }
    }
    Ok(())
}

fn compacting<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for most in [page, page / 2, 300] {
        for left in [2000, 1000, 100] {
            search.fresh()?;
            fill(search, 4000, most);
            drain_to(search, left);
            for step in 0..1000 {
                // Steps too small to finish what they begin, and whole ones.
                let bytes = if step % 4 == 3 { 2 * page } else { page / 16 };
                search.maintain_at_most(Budget { bytes, objects: 1 });
                use_any(search);
            }
            search.settle();
        }
    }
    Ok(())
}

fn refused_moves<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for most in [page, 300] {
        search.fresh()?;
        fill(search, 4000, most);
        drain_to(search, 1000);
        search.objects.refuse.set(true);
        for _ in 0..1000 {
            search.maintain();
        }
        search.objects.refuse.set(false);
        search.settle();
    }
    Ok(())
}

fn pinned<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    if !search.machine.checks_handles() {
        return Ok(());
    }
    let page = search.machine.page_size();
    fill(search, 2000, page);
    drain_to(search, 500);
    for _ in 0..500 {
        let position = search.any_position();
        let Some((handle, size)) = search.objects.get(position) else { continue };
        search.while_read(handle, size, |search| {
            // Freed and written while it is read, and passed over by background work.
            search.free_handle(handle, size);
            search.write_handle(handle, size);
            search.read_handle(handle, size);
            search.maintain();
        });
    }
    Ok(())
}

fn stale<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    if !search.machine.checks_handles() {
        return Ok(());
    }
    let page = search.machine.page_size();
    fill(search, 2000, page);
    for _ in 0..1000 {
        let position = search.any_position();
        let Some((handle, size)) = search.objects.get(position) else { continue };
        search.free(position);
        refuse(search, handle, size);
        // Its place may be used again.
        search.malloc(size);
        refuse(search, handle, size);
        search.maintain();
        if let Some(moved) = search.objects.moved.take() {
            refuse(search, moved, 1);
        }
    }
    Ok(())
}

/// Uses a handle that names nothing any more.
fn refuse<M: Machine>(search: &mut Search<'_, M>, handle: Handle, size: usize) {
    search.read_handle(handle, size);
    search.write_handle(handle, size);
    search.free_handle(handle, size);
}

fn forged<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    if !search.machine.checks_handles() {
        return Ok(());
    }
    let page = search.machine.page_size();
    fill(search, 2000, page);
    for bit in 0..Handle::BITS {
        for _ in 0..50 {
            let position = search.any_position();
            let Some((handle, size)) = search.objects.get(position) else { continue };
            let forged = match search.random.below(4) {
                0 => search.random.below(1 << 31) as u64 * 65_537,
                _ => handle.bits() ^ 1 << bit,
            };
            // Only read: one of many may be a live handle by chance.
            if let Some(forged) = Handle::from_bits(forged % (1 << Handle::BITS)) {
                search.read_handle(forged, size);
            }
        }
    }
    Ok(())
}

fn exhausted<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for most in [page, page / 4, 64] {
        search.machine.supply(Supply::Plenty);
        search.fresh()?;
        fill(search, 1000, most);
        search.machine.supply(Supply::Exhausted);
        fill(search, 500, most);
        for _ in 0..1000 {
            let position = search.any_position();
            search.free(position);
            let size = 1 + search.random.below(most);
            search.malloc(size);
            search.malloc(page);
            search.maintain();
        }
        search.settle();
        drain_to(search, 0);
        search.settle();
    }
    Ok(())
}

fn fragmented<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let page = search.machine.page_size();
    for most in [page, page / 4, 64] {
        search.machine.supply(Supply::Fragmented);
        search.fresh()?;
        fill(search, 2000, most);
        for _ in 0..1000 {
            use_any(search);
            search.maintain();
        }
        drain_to(search, 200);
        search.settle();
        drain_to(search, 0);
    }
    // Before the frames come back.
    search.fresh()
}

/// A pool of thousands of pages: it grows, then each of its objects is replaced by one of another
/// size, which is a state of its own.
fn large_pool<M: Machine>(search: &mut Search<'_, M>) -> Finished {
    let largest = search.machine.page_size();
    let replace = |search: &mut Search<'_, M>, free: bool| {
        if free {
            let position = search.any_position();
            search.free(position);
            search.maintain();
        }
        let size = 1 + search.random.below(largest);
        search.malloc(size);
        search.maintain();
    };
    (0..LARGE).for_each(|_| replace(search, false));
    search.meter.enter("large pool, a step after each");
    (0..LARGE).for_each(|_| replace(search, true));
    Ok(())
}

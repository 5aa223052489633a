//! A course through every allocator, on the host.

use std::sync::atomic::{AtomicU64, Ordering};

use compare::{Course, CourseRun, Stopwatch, run_course};
use report::Step;
use zpool::testing::HostEnv;
use zpool::{
    AllocError, Backend, Granule4K, Granule16K, Handle, HandleError, Owner, ReadGuard, Statistics,
    ZPool,
};

/// A counter that every reading moves by one.
fn ticks() -> u64 {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    TICKS.fetch_add(1, Ordering::Relaxed)
}

fn course(sizes: &[u16]) -> Course<'_> {
    Course { objects: 2000, replacements: 3000, sizes, seed: 3 }
}

const SIZES: [u16; 6] = [40, 700, 1500, 2100, 3000, 4096];

fn run(pool: &dyn ZPool, page_size: usize, compacted: bool) -> CourseRun {
    let stopwatch = Stopwatch::new(ticks);
    run_course("small", pool, page_size, &course(&SIZES), stopwatch, compacted).unwrap()
}

#[test]
fn every_allocator_keeps_what_it_takes_and_gives_all_frames_back() {
    let env = HostEnv::<Granule4K>::new();
    let all: Vec<Backend<'_, &HostEnv<Granule4K>>> = backends::all();
    for backend in all {
        let pool = (backend.create)(&env).unwrap();
        let CourseRun { pool: held, operations, checks, verify_errors, .. } =
            run(&*pool, 4096, false);
        let name = backend.name;
        assert_eq!(verify_errors, 0, "{name}");
        assert!(checks > 4000, "{name}: {checks}");
        assert_eq!(held.points.len(), 31);
        let allocations = operations.iter().find(|one| one.name == "alloc").unwrap();
        assert_eq!(allocations.count, 5000);
        for step in Step::ALL {
            let point = held.end_of(step).unwrap();
            let density = point.density(4096);
            assert!(density > 0.1 && density < 1.0, "{name}, {}: {density}", step.text());
        }
        drop(pool);
        assert_eq!(env.pages(), 0, "{name}");
    }
}

#[test]
fn equal_runs_are_equal() {
    let held = || {
        let env = HostEnv::<Granule16K>::new();
        let all: Vec<Backend<'_, &HostEnv<Granule16K>>> = backends::all();
        let pools = all.iter().map(|backend| run(&*(backend.create)(&env).unwrap(), 16384, true));
        pools.map(|run| run.pool).collect::<Vec<_>>()
    };
    assert_eq!(held(), held());
}

/// A pool that damages what it keeps.
struct Damaging<'a>(Box<dyn ZPool + 'a>);

impl ZPool for Damaging<'_> {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        self.0.malloc(size, owner)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.0.free(handle)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        self.0.read(handle, length, scratch)
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let mut bytes = bytes.to_vec();
        if bytes.len() == 700 {
            bytes[699] ^= 1;
        }
        self.0.write(handle, &bytes)
    }

    fn total_pages(&self) -> usize {
        self.0.total_pages()
    }

    fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
}

#[test]
fn damage_is_found() {
    let env = HostEnv::<Granule4K>::new();
    let all: Vec<Backend<'_, &HostEnv<Granule4K>>> = backends::all();
    let pool = Damaging((all[0].create)(&env).unwrap());
    assert!(run(&pool, 4096, false).verify_errors > 500);
}

#[test]
fn refused_objects_are_noted() {
    let env = HostEnv::<Granule4K>::new();
    let all: Vec<Backend<'_, &HostEnv<Granule4K>>> = backends::all();
    let v4 = zpool::find(&all, "zblock-v4").unwrap();
    let held = run(&*(v4.create)(&env).unwrap(), 4096, false).pool;
    let filled = held.end_of(Step::Fill).unwrap();
    assert!(filled.refused_objects > 250, "a sixth of the sizes is a whole page");
    assert_eq!(filled.refused_bytes, filled.refused_objects * 4096);
    assert_eq!(filled.objects + filled.refused_objects, 2000);
    assert!(filled.effective_density(4096) > filled.density(4096));
}

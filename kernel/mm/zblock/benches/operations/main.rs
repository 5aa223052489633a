//! Time on the host: malloc, free, churn and read, zblock and zblock v4 beside each other.
//!
//! `cargo bench -p zblock`. Figures of the host's CPU with the host's caches; they compare the two
//! with each other, not with another machine.

mod arena;

use arena::Arena;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use std::hint::black_box;
use std::time::Duration;
use zpool::{Backend, Budget, Handle, NoOwners, Owner, ZPool};

/// Allocators, the default first.
const NAMES: [&str; 2] = ["zblock", "zblock-v4"];

/// Live objects of a pool.
const OBJECTS: usize = 10_000;

/// Objects of one batch of allocations or frees.
const BATCH: usize = 1_000;

type Benchmark = for<'a> fn(&mut BenchmarkGroup<'_, WallTime>, &Backend<'a, &'a Arena>, &'a Arena);

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    let benchmarks: [(&str, Benchmark); 4] =
        [("malloc", malloc), ("free", free), ("churn", churn), ("read", read)];
    for (name, run) in benchmarks {
        let mut group = criterion.benchmark_group(name);
        for name in NAMES {
            let arena = Arena::new();
            let all = zblock::backends();
            let backend = zpool::find(&all, name).expect("a name of zblock's");
            run(&mut group, backend, &arena);
        }
    }
    criterion.final_summary();
}

/// A pool of that many objects of 32 to 4064 bytes.
fn filled<'a>(
    backend: &Backend<'a, &'a Arena>,
    arena: &'a Arena,
    count: usize,
) -> (Box<dyn ZPool + 'a>, Vec<Handle>, Random) {
    let pool = (backend.create)(arena).expect("room for a pool");
    let mut random = Random(1);
    let handles = (0..count).map(|_| allocate(&*pool, &mut random)).collect();
    (pool, handles, random)
}

fn allocate(pool: &dyn ZPool, random: &mut Random) -> Handle {
    pool.malloc(32 + random.below(4033), Owner::NONE).expect("room for an object")
}

fn malloc<'a>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &Backend<'a, &'a Arena>,
    arena: &'a Arena,
) {
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(backend.name, |bencher| {
        bencher.iter_batched(
            || filled(backend, arena, 0),
            |(pool, mut handles, mut random)| {
                handles.extend((0..BATCH).map(|_| allocate(&*pool, &mut random)));
                (pool, handles)
            },
            BatchSize::PerIteration,
        );
    });
}

fn free<'a>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &Backend<'a, &'a Arena>,
    arena: &'a Arena,
) {
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(backend.name, |bencher| {
        bencher.iter_batched(
            || filled(backend, arena, BATCH),
            |(pool, handles, _)| {
                for &handle in &handles {
                    pool.free(handle).expect("a live object");
                }
                (pool, handles)
            },
            BatchSize::PerIteration,
        );
    });
}

/// One object replaced at random, and one step of background work.
fn churn<'a>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &Backend<'a, &'a Arena>,
    arena: &'a Arena,
) {
    let (pool, mut handles, mut random) = filled(backend, arena, OBJECTS);
    group.throughput(Throughput::Elements(1));
    group.bench_function(backend.name, |bencher| {
        bencher.iter(|| {
            let handle = &mut handles[random.below(OBJECTS)];
            pool.free(*handle).expect("a live object");
            pool.maintain(Budget { bytes: 8192, objects: 1 }, &NoOwners);
            *handle = allocate(&*pool, &mut random);
        });
    });
}

/// The first 32 bytes of an object at random.
fn read<'a>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &Backend<'a, &'a Arena>,
    arena: &'a Arena,
) {
    let (pool, handles, mut random) = filled(backend, arena, OBJECTS);
    handles.iter().for_each(|&handle| pool.write(handle, &[7; 32]).expect("a live object"));
    let mut scratch = [0; 32];
    group.throughput(Throughput::Elements(1));
    group.bench_function(backend.name, |bencher| {
        bencher.iter(|| {
            let read = pool.read(handles[random.below(OBJECTS)], 32, &mut scratch);
            black_box(read.expect("a live object")[31])
        });
    });
}

/// A linear congruential generator (Knuth's MMIX constants), of which the upper bits are used.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * end as u64) >> 32) as usize
    }
}

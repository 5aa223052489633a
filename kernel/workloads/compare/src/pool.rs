//! A course through a pool.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use latency::Histogram;
use report::{Distribution, PoolPoint, PoolRun, Step};
use zpool::{AllocError, Budget, Handle, HandleError, Owner, Work, ZPool};

use crate::objects::{Object, Objects};
use crate::{Command, Course, Stopwatch, distribution};

/// What came of a course.
#[derive(Clone, PartialEq, Debug)]
pub struct CourseRun {
    /// What the pool held.
    pub pool: PoolRun,
    /// How long its operations took: alloc, free, write, read, background.
    pub operations: Vec<Distribution>,
    /// Objects that were read back.
    pub checks: u64,
    /// Those that were not what had been written.
    pub verify_errors: u64,
    /// Page frames that the pool kept when its last object was freed and no background work was
    /// left.
    pub pages_kept: u64,
}

/// Takes `pool`, which is empty, through `course`, and frees everything in the end. With
/// `compacted` the pool is compacted before each note of what it holds.
///
/// # Errors
/// What the pool says of a handle that it gave, which is a defect of it.
pub fn run_course(
    name: &str,
    pool: &dyn ZPool,
    page_size: usize,
    course: &Course<'_>,
    stopwatch: Stopwatch,
    compacted: bool,
) -> Result<CourseRun, HandleError> {
    let mut runner = Runner {
        pool,
        stopwatch,
        compacted,
        budget: Budget { bytes: 2 * page_size, objects: 1 },
        objects: Objects::new(course.objects),
        contents: contents(page_size),
        scratch: vec![0; page_size],
        times: Box::default(),
        now: EMPTY,
        points: Vec::new(),
        moved_bytes: 0,
        checks: 0,
        verify_errors: 0,
    };
    course.walk(|command| runner.act(command))?;
    runner.drain()?;
    Ok(CourseRun {
        pool: PoolRun {
            name: name.into(),
            objects: course.objects as u64,
            replacements: course.replacements as u64,
            points: runner.points,
            moved_bytes: runner.moved_bytes,
        },
        operations: OPERATIONS
            .iter()
            .zip(&*runner.times)
            .map(|(name, times)| distribution(name, times))
            .collect(),
        checks: runner.checks,
        verify_errors: runner.verify_errors,
        pages_kept: pool.total_pages() as u64,
    })
}

const OPERATIONS: [&str; 5] = ["alloc", "free", "write", "read", "background"];
const ALLOC: usize = 0;
const FREE: usize = 1;
const WRITE: usize = 2;
const READ: usize = 3;
const BACKGROUND: usize = 4;

const EMPTY: PoolPoint = PoolPoint {
    step: Step::Fill,
    operations: 0,
    objects: 0,
    bytes: 0,
    pool_pages: 0,
    metadata_bytes: 0,
    refused_objects: 0,
    refused_bytes: 0,
};

struct Runner<'a> {
    pool: &'a dyn ZPool,
    stopwatch: Stopwatch,
    compacted: bool,
    budget: Budget,
    objects: Objects,
    /// What objects are filled from, each from another byte on.
    contents: Vec<u8>,
    scratch: Vec<u8>,
    times: Box<[Histogram; OPERATIONS.len()]>,
    /// Counters up to now; what the pool holds is filled in at a note.
    now: PoolPoint,
    points: Vec<PoolPoint>,
    moved_bytes: u64,
    checks: u64,
    verify_errors: u64,
}

impl Runner<'_> {
    fn act(&mut self, command: Command) -> Result<(), HandleError> {
        match command {
            Command::Allocate { place, size } => self.allocate(place, size)?,
            Command::Free { place } => self.free(place)?,
            Command::Compact => {
                self.compact();
                return Ok(());
            }
            Command::Note(step) => {
                self.note(step);
                return Ok(());
            }
        }
        self.now.operations += 1;
        self.maintain();
        Ok(())
    }

    fn allocate(&mut self, place: usize, size: usize) -> Result<(), HandleError> {
        let stamp = self.now.operations as u16;
        let pool = self.pool;
        let owner = Owner(place as u32);
        let times = &mut self.times[ALLOC];
        let allocated = self.stopwatch.count(times, || pool.malloc(size, owner));
        let handle = match allocated {
            Ok(handle) => {
                let bytes = contents_of(&self.contents, stamp, size);
                self.stopwatch.count(&mut self.times[WRITE], || pool.write(handle, bytes))?;
                self.now.objects += 1;
                self.now.bytes += size as u64;
                Some(handle)
            }
            Err(AllocError::Invalid | AllocError::NoSpace | AllocError::NoMemory) => {
                self.now.refused_objects += 1;
                self.now.refused_bytes += size as u64;
                None
            }
        };
        self.objects.put(place, Object { handle, size: size as u16, stamp });
        Ok(())
    }

    fn free(&mut self, place: usize) -> Result<(), HandleError> {
        let Some(Object { handle, size, stamp }) = self.objects.take(place) else { return Ok(()) };
        let bytes = u64::from(size);
        let Some(handle) = handle else {
            self.now.refused_objects -= 1;
            self.now.refused_bytes -= bytes;
            return Ok(());
        };
        self.check(handle, stamp, size.into())?;
        let pool = self.pool;
        self.stopwatch.count(&mut self.times[FREE], || pool.free(handle))?;
        self.now.objects -= 1;
        self.now.bytes -= bytes;
        Ok(())
    }

    /// Reads an object and compares; the time of reading is that of both ends, not of what is
    /// done with the bytes in between.
    fn check(&mut self, handle: Handle, stamp: u16, size: usize) -> Result<(), HandleError> {
        let pool = self.pool;
        let scratch = &mut self.scratch;
        let (read, begin) = self.stopwatch.time(|| pool.read(handle, size, scratch));
        let read = read?;
        self.checks += 1;
        self.verify_errors += u64::from(*read != *contents_of(&self.contents, stamp, size));
        let ((), end) = self.stopwatch.time(|| drop(read));
        // One measurement of two sections: what reading the counter adds is counted once.
        self.times[READ].record(begin + end - self.stopwatch.overhead().min(end));
        Ok(())
    }

    fn maintain(&mut self) -> bool {
        let (pool, budget, owners) = (self.pool, self.budget, &self.objects);
        let times = &mut self.times[BACKGROUND];
        let Work { bytes, more, .. } =
            self.stopwatch.count(times, || pool.maintain(budget, owners));
        self.moved_bytes += bytes as u64;
        more
    }

    fn compact(&mut self) {
        self.moved_bytes += self.pool.compact(&self.objects).bytes as u64;
    }

    fn note(&mut self, step: Step) {
        if self.compacted {
            self.compact();
        }
        let statistics = self.pool.statistics();
        self.points.push(PoolPoint {
            step,
            pool_pages: statistics.pool_pages as u64,
            metadata_bytes: statistics.metadata_bytes as u64,
            ..self.now
        });
    }

    /// Frees what is left, then lets background work end.
    fn drain(&mut self) -> Result<(), HandleError> {
        for place in 0..self.objects.places() {
            self.free(place)?;
        }
        // A step gives back a page or slides an object; there are no objects any more.
        let most = 2 * self.pool.total_pages() + 64;
        for _ in 0..most {
            if !self.maintain() {
                break;
            }
        }
        Ok(())
    }
}

/// Bytes that do not repeat within two pages.
fn contents(page_size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut contents = Vec::with_capacity(3 * page_size);
    for _ in 0..3 * page_size / 8 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        contents.extend_from_slice(&state.to_be_bytes());
    }
    contents
}

/// What the object of that stamp holds: every one of two pages' bytes may be its first.
fn contents_of(contents: &[u8], stamp: u16, size: usize) -> &[u8] {
    let first = usize::from(stamp) * 8 % (contents.len() / 3 * 2);
    &contents[first..first + size]
}

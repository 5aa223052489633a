//! The operations of a trace, one by one, on a pool.

use anyhow::{Result, anyhow};
use zpool::{AllocError, Budget, Handle, Owner, Work, ZPool};

use super::report::{Errors, Query, Summary};
use super::table::{State, Table};
use super::trace::{Kind, Operation, Trace};
use crate::status::usage;

/// How to replay.
pub(super) struct Options {
    /// Bytes of a page.
    pub(super) page_size: usize,
    /// Compact to completion before each query.
    pub(super) compact: bool,
    /// Fill objects and check them.
    pub(super) verify: bool,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) queries: Vec<Query>,
    pub(super) summary: Summary,
}

/// Replays a trace on an empty pool.
///
/// # Errors
/// An operation on an object that is not in the state for it, with the number of its line; a
/// content that changed.
pub(super) fn replay(pool: &dyn ZPool, trace: &Trace, options: Options) -> Result<Outcome> {
    let mut replay = Replay {
        pool,
        ids: &trace.ids,
        table: Table::new(trace.ids.len()),
        now: Query::default(),
        peak_pages: 0,
        work: Work::default(),
        options,
        buffers: (Vec::new(), Vec::new()),
    };
    let mut queries = Vec::new();
    for operation in &trace.operations {
        replay.step(operation, &mut queries)?;
    }
    replay.verify_all()?;
    let last = replay.query();
    let page_size = replay.options.page_size;
    let density = |query: &Query| query.density(page_size);
    let mean = queries.iter().map(density).sum::<f64>() / queries.len().max(1) as f64;
    let summary = Summary {
        page_size,
        peak_pages: replay.peak_pages,
        final_density: density(&last),
        mean_density: (!queries.is_empty()).then_some(mean),
        work: replay.work,
        last,
    };
    Ok(Outcome { queries, summary })
}

struct Replay<'a> {
    pool: &'a dyn ZPool,
    ids: &'a [u64],
    table: Table,
    /// Counters up to now; what the pool holds is filled in at a query.
    now: Query,
    peak_pages: usize,
    work: Work,
    options: Options,
    /// What an object should hold, and room to read it to.
    buffers: (Vec<u8>, Vec<u8>),
}

impl Replay<'_> {
    fn step(&mut self, operation: &Operation, queries: &mut Vec<Query>) -> Result<()> {
        match operation.kind {
            Kind::Allocate { object, size } => self.allocate(operation.line, object, size)?,
            Kind::Free { object } => self.free(operation.line, object)?,
            Kind::Query => {
                if self.options.compact {
                    self.work += self.pool.compact(&self.table);
                }
                queries.push(self.query());
                return Ok(());
            }
        }
        self.now.op += 1;
        self.peak_pages = self.peak_pages.max(self.pool.total_pages());
        let budget = Budget { bytes: 2 * self.options.page_size, objects: 1 };
        self.work += self.pool.maintain(budget, &self.table);
        Ok(())
    }

    fn allocate(&mut self, line: u32, object: u32, size: usize) -> Result<()> {
        if let State::Live { .. } = self.table.get(object) {
            let id = self.ids[object as usize];
            return Err(usage(format!(
                "trace line {line}: `a {id} {size}`: expected an ID that is not allocated, {id} is"
            )));
        }
        match self.pool.malloc(size, Owner(object)) {
            Ok(handle) => {
                self.table.set(object, State::Live { handle, size });
                self.now.live += 1;
                self.now.bytes += size;
                if self.options.verify {
                    self.fill(object, size);
                    self.pool
                        .write(handle, &self.buffers.0)
                        .map_err(|error| anyhow!("trace line {line}: writing: {error}"))?;
                }
            }
            Err(error) => {
                self.table.set(object, State::Refused);
                self.now.fails += 1;
                let Errors { invalid, no_space, no_memory } = &mut self.now.errors;
                *match error {
                    AllocError::Invalid => invalid,
                    AllocError::NoSpace => no_space,
                    AllocError::NoMemory => no_memory,
                } += 1;
            }
        }
        Ok(())
    }

    fn free(&mut self, line: u32, object: u32) -> Result<()> {
        match self.table.get(object) {
            State::Live { handle, size } => {
                self.verify(object, handle, size)?;
                self.pool
                    .free(handle)
                    .map_err(|error| anyhow!("trace line {line}: freeing: {error}"))?;
                self.now.live -= 1;
                self.now.bytes -= size;
            }
            State::Refused => {}
            State::Dead => {
                let id = self.ids[object as usize];
                return Err(usage(format!(
                    "trace line {line}: `f {id}`: expected an ID that is allocated, {id} is free"
                )));
            }
        }
        self.table.set(object, State::Dead);
        Ok(())
    }

    fn query(&self) -> Query {
        let statistics = self.pool.statistics();
        Query {
            pool_pages: statistics.pool_pages,
            metadata_bytes: statistics.metadata_bytes,
            ..self.now
        }
    }

    /// Checks the content of an object, if that was asked for.
    fn verify(&mut self, object: u32, handle: Handle, size: usize) -> Result<()> {
        if !self.options.verify {
            return Ok(());
        }
        self.fill(object, size);
        let (expected, scratch) = &mut self.buffers;
        scratch.resize(size, 0);
        let id = self.ids[object as usize];
        let read = self.pool.read(handle, size, scratch);
        let read = read.map_err(|error| anyhow!("reading object {id}: {error}"))?;
        if *read != **expected {
            return Err(anyhow!("object {id} of {size} bytes has changed"));
        }
        Ok(())
    }

    fn verify_all(&mut self) -> Result<()> {
        let live: Vec<_> = if self.options.verify { self.table.live().collect() } else { vec![] };
        live.into_iter().try_for_each(|(object, handle, size)| self.verify(object, handle, size))
    }

    /// Puts what an object should hold into the first buffer; no two objects have the same.
    fn fill(&mut self, object: u32, size: usize) {
        let mut state = u64::from(object) << 32 | size as u64;
        self.buffers.0.clear();
        self.buffers.0.resize(size, 0);
        for chunk in self.buffers.0.chunks_mut(8) {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            chunk.copy_from_slice(&state.to_be_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use zpool::testing::HostEnv;
    use zpool::{Granule4K, find};

    use super::*;

    fn run(name: &str, text: &str) -> Result<Outcome> {
        let env = HostEnv::<Granule4K>::new();
        let all = backends::all();
        let pool = (find(&all, name).unwrap().create)(&env)?;
        let options = Options { page_size: 4096, compact: true, verify: true };
        replay(&*pool, &Trace::parse(text)?, options)
    }

    #[test]
    fn counts_and_refusals() {
        let text = "a 10 560\na 11 4096\na 12 0\na 13 5000\nf 11\nq\na 11 1\nf 10\nf 12\nq\n";
        let Outcome { queries, summary } = run("zblock-v4", text).unwrap();
        let errors = Errors { invalid: 2, no_space: 1, no_memory: 0 };
        let first = queries[0];
        assert_eq!((first.op, first.live, first.bytes, first.pool_pages), (5, 1, 560, 2));
        assert_eq!((first.fails, first.errors), (3, errors));
        let second = queries[1];
        assert_eq!((second.op, second.live, second.bytes, second.pool_pages), (8, 1, 1, 1));
        assert_eq!((summary.peak_pages, summary.last.op), (3, 8));
    }

    #[test]
    fn operations_on_the_wrong_object_are_refused() {
        for (text, expected) in [
            ("a 5 1\na 5 1", "line 2: `a 5 1`: expected an ID that is not allocated, 5 is"),
            ("a 5 1\nf 5\n\nf 5", "line 4: `f 5`: expected an ID that is allocated, 5 is free"),
        ] {
            let error = run("zblock", text).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_allocator_keeps_contents() {
        let mut text = String::new();
        for object in 0..2000 {
            text += &format!("a {} {}\n", object * 1_000_003, 1 + object * 97 % 4000);
            if object % 3 == 2 {
                text += &format!("f {}\n", (object - object / 3) * 1_000_003);
            }
        }
        text += "q\n";
        for backend in backends::all::<&HostEnv<Granule4K>>() {
            let Outcome { queries, .. } = run(backend.name, &text).unwrap();
            let density = queries[0].density(4096);
            assert!(density > 0.3 && density < 1.0, "{}: {density}", backend.name);
        }
    }
}
